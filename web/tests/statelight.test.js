import test from "node:test"
import assert from "node:assert/strict"
import { words } from "../static/statelight.js"

const state = (name) => ({ name, zxid: 1234, leader: "a", partial: false, heard: 0 })

test("a pause hides no trouble", () => {
  assert.equal(words(state("live"), true, 1), "Paused: 1 change waiting")
  assert.match(words(state("offline"), true, 2), /^Paused: 2 changes waiting\. Offline: as of /)
  assert.equal(words(state("signed_out"), true, 0), "Paused: 0 changes waiting. Signed out")
  assert.equal(words({ ...state("live"), partial: true }, false, 0), "Live in part · zxid 1,234")
})
