import test from "node:test"
import assert from "node:assert/strict"
import { makeShell } from "../static/shell.js"
import { page } from "./page.js"

test("a message that had the focus goes when it has it no more", (t) => {
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const p = page(t)
  Object.assign(globalThis, { innerWidth: 1000 })
  document.documentElement = { dataset: {} }
  const shell = makeShell({ member: "n1", version: "1", banner: "" }, { get: () => "", set() {} })
  shell.toast("Saved.")
  const toast = p.body.all().find((e) => e.attributes.class === "toast ")
  toast.fire("focusin")
  t.mock.timers.tick(60000)
  assert.ok(toast.isConnected, "while it is used")
  toast.fire("focusout")
  t.mock.timers.tick(60000)
  assert.ok(!toast.isConnected)
})
