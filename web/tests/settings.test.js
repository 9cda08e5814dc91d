import test from "node:test"
import assert from "node:assert/strict"
import { settings } from "../static/settings.js"

test("what a full browser does not keep lasts as long as the page", (t) => {
  const kept = new Map([["holt.read_only", ""]])
  let full = false
  t.after(() => delete globalThis.localStorage)
  globalThis.localStorage = { getItem: (k) => kept.get(k) ?? null, setItem: (k, v) => {
    if (full) throw new Error("full")
    kept.set(k, v)
  } }
  const s = settings()
  full = true
  s.set("read_only", "yes")
  assert.equal(s.get("read_only"), "yes")
  full = false
  s.set("read_only", "")
  assert.equal(s.get("read_only"), "")
  kept.set("holt.read_only", "yes") // by another tab
  assert.equal(s.get("read_only"), "yes")
})
