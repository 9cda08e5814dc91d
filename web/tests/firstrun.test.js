import test from "node:test"
import assert from "node:assert/strict"
import { firstRun } from "../static/firstrun.js"
import { page, refused, settle, told } from "./page.js"

test("a step whose event was lost in a reset does not stay for ever", async (t) => {
  let made = false
  const p = page(t, (method) => (method === "GET" || method === "HEAD") ? told(2, "") : made ? refused(2, 409, "node_exists") : (made = true) && told(2, {}))
  let tell = () => {}
  p.app.live = { want() {}, listen: (fn) => { tell = fn; return () => {} } }
  p.app.shell.announce = () => {}
  const tour = firstRun(p.app, () => {})
  p.body.append(tour.element)
  p.click("Create")
  await settle()
  tell({ kind: "reset", zxid: 2, reason: "history" })
  await settle()
  if (p.has("Create")) p.click("Create")
  await settle()
  assert.ok(p.has("Change"), p.text() + p.said)
  assert.match(p.text(), /✓ Done/)
  tell({ kind: "events", events: [{ type: "NodeDataChanged", path: "/hello" }] })
  assert.ok(p.has("Create an ephemeral"))
})
