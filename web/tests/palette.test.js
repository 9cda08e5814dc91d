import test from "node:test"
import assert from "node:assert/strict"
import { openPalette } from "../static/palette.js"
import { gate, page, settle, told } from "./page.js"

const stat = { num_children: 0 }
const children = (...names) => told(5, { children: names.map((name) => ({ name, stat })), next: "" })

/** typing types a text, and waits as long as one waits for the offers. */
async function typing(t, p, text) {
  const input = p.control("Path")
  input.value = text
  input.fire("input")
  t.mock.timers.tick(200)
  await settle()
}

test("an offer is where it says, also while others are looked for", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { held } = gate()
  const p = page(t, (_, url) => (url.searchParams.get("prefix") === "app" ? held : children("app", "apple")))
  openPalette(p.app)
  await typing(t, p, "/ap")
  await typing(t, p, "/app")
  p.click("apple")
  assert.deepEqual(p.gone, ["#/tree/apple"])
})

test("what was missing may have been made since", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  let there = false
  const p = page(t, () => (there ? children("new") : children()))
  openPalette(p.app)
  await typing(t, p, "/new")
  there = true
  p.click("Go")
  await settle()
  assert.match(p.text(), /There is nothing there/)
  t.mock.timers.tick(200)
  await settle()
  assert.doesNotMatch(p.text(), /There is nothing/)
  p.click("Go")
  await settle()
  assert.deepEqual(p.gone, ["#/tree/new"])
})

test("what is typed counts while offers for it are looked for", async (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const { held } = gate()
  const p = page(t, (_, url) => (url.searchParams.get("prefix") === "ax" ? held : children("app", "apple")))
  openPalette(p.app)
  await typing(t, p, "/a")
  p.control("Path").fire("keydown", { key: "ArrowDown" })
  await typing(t, p, "/ax")
  p.control("Path").fire("keydown", { key: "Tab" })
  p.click("Go")
  assert.deepEqual(p.gone, ["#/tree/ax"])
})
