import test from "node:test"
import assert from "node:assert/strict"
import { sessionsView } from "../static/sessions.js"
import { watchesView } from "../static/watches.js"
import { page, refused, settle, told } from "./page.js"

/** at is a place with a query. */
const at = (section, query) => ({ section, path: "", query: new URLSearchParams(query) })

for (const [section, view, from, to, body] of [
  ["watches", watchesView, "path=/one", "path=/two", { watches: [{ owner: "s1", path: "/one", mode: "data" }], next: "" }],
  ["sessions", sessionsView, "", "after=s1", { sessions: [{ owner: "s1", opened: 1, timeout_ms: 1000, expires_in_ms: 500 }], next: "s1" }],
]) {
  test(`${section} of one page are not shown as those of another that cannot be read`, async (t) => {
    t.mock.timers.enable({ apis: ["setTimeout", "setInterval"] })
    let busy = false
    const p = page(t, (_, url) => (busy && url.pathname !== "/metrics" ? refused(5, 429, "throttled") : told(5, body)))
    const v = view(p.app, at(section, from))
    t.after(() => v.close())
    p.body.append(v.element)
    await settle()
    assert.ok(p.has("s1"))
    busy = true
    v.update(at(section, to))
    assert.ok(!p.has("s1"), "not known yet")
    await settle()
    assert.ok(!p.has("s1"))
    assert.match(p.text(), /The server is busy/)
    busy = false
    t.mock.timers.tick(5000)
    await settle()
    assert.ok(p.has("s1"), "it is tried again")
    assert.doesNotMatch(p.text(), /The server is busy/)
  })
}
