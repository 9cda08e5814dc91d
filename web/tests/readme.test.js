import { test } from "node:test"
import assert from "node:assert/strict"
import { readFileSync } from "node:fs"
import { words } from "../static/statelight.js"

test("the README tells of each state of the light, in its words", () => {
  const readme = readFileSync(new URL("../../README.md", import.meta.url), "utf8")
  const rows = readme.split("| it says | it means |")[1].split("\n\n")[0].split("\n").slice(2).map((row) => row.split("|")[1].trim())
  const state = { zxid: 0, leader: "a", partial: false, heard: 0 }
  const names = ["connecting", "live", "resuming", "reset", "no_leader", "offline"]
  const said = [...names.map((name) => words(/** @type {any} */ ({ ...state, name }), false, 0)), words(/** @type {any} */ ({ ...state, name: "live" }), true, 0)]
  const plain = (text) => text.replace(/ · .*/, "").replace(/\d[\d:,]*( [AP]M)?|\bN\b/, "#")
  assert.deepEqual(rows.map(plain), said.map(plain))
})
