import test from "node:test"
import assert from "node:assert/strict"
import { Problem } from "../static/problems.js"
import { ownSession } from "../static/own-session.js"
import { gate, page as aPage, refused, settle, told } from "./page.js"

const settled = () => new Promise((done) => setImmediate(done))

/** page is an app with a header, a server whose keepalives end as told, and what was sent and said. */
function page(t, keepalive) {
  const sent = [], said = [], header = new Set()
  const element = () => ({ textContent: "", setAttribute() {}, addEventListener() {}, append() {}, remove() { header.delete(this) } })
  const leaving = []
  Object.assign(globalThis, { window: globalThis, document: { createElement: element }, addEventListener: (name, f) => leaving.push(f) })
  t.mock.timers.enable({ apis: ["setTimeout"] })
  t.mock.method(globalThis, "fetch", async (url, ask) => { sent.push(`${ask.method} ${url}${ask.keepalive ? " when the page is gone" : ""}`) })
  const answer = (told) => ({ json: async () => told })
  const app = {
    api: {
      url: (resource) => resource,
      write: async (method, url) => { sent.push(`${method} ${url}`); return answer({ id: "secret", owner: "s7", timeout_ms: 150000 }) },
      ask: async (method, url) => { sent.push(`${method} ${url}`); return answer(keepalive()) },
    },
    shell: { tools: { append: (e) => header.add(e) }, toast: (text) => said.push(text) },
  }
  return { app, sent, said, leave: () => leaving.forEach((f) => f()), header: () => [...header].map((e) => e.textContent) }
}

test("a session is opened once, and renewed when the server wants it", async (t) => {
  const p = page(t, () => ({ next_keepalive_ms: 40000 }))
  const own = ownSession(p.app)
  assert.equal(ownSession(p.app), own)
  assert.deepEqual(await Promise.all([own.open(), own.open()]), ["secret", "secret"])
  assert.equal(await own.open(), "secret")
  const renewed = "POST /v1/sessions/secret/keepalive"
  assert.deepEqual(p.sent.splice(0), ["POST /v1/sessions", renewed]) // before it is used again
  assert.deepEqual(p.header(), ["Session s7"])
  t.mock.timers.tick(39999)
  await settled()
  assert.deepEqual(p.sent, [])
  t.mock.timers.tick(1)
  await settled()
  assert.deepEqual(p.sent, [renewed])
  t.mock.timers.tick(39999)
  await settled()
  assert.deepEqual(p.sent, [renewed])
  t.mock.timers.tick(1)
  await settled()
  assert.equal(p.sent.length, 2)
  p.leave()
  assert.equal(p.sent[2], "DELETE /v1/sessions/secret when the page is gone")
  assert.deepEqual([own.id, own.owner, p.header()], ["", "", []])
})

test("a session that cannot be renewed says so, and one that is over is told", async (t) => {
  let trouble = "unreachable"
  const p = page(t, () => {
    if (trouble) throw new Problem({ code: trouble, detail: "It expired." })
    return { next_keepalive_ms: 50000 }
  })
  const own = ownSession(p.app)
  await own.open()
  const after = async (ms) => { t.mock.timers.tick(ms); await settled() }
  await after(50000)
  assert.deepEqual(p.header(), ["Session s7: not renewed"])
  trouble = ""
  await after(2000)
  assert.deepEqual(p.header(), ["Session s7"])
  trouble = "session_expired"
  await after(50000)
  assert.deepEqual(p.header(), [])
  assert.match(p.said[0], /s7, is over.*It expired\./)
  assert.equal(own.id, "")
  p.leave()
  assert.equal(p.sent.some((s) => s.startsWith("DELETE")), false)
})

test("a session that is over is not used again: a new one is opened", async (t) => {
  const p = page(t, () => { throw new Problem({ code: "session_expired", detail: "An operator killed it." }) })
  const own = ownSession(p.app)
  await own.open()
  p.sent.length = 0
  assert.equal(await own.open(), "secret")
  assert.deepEqual(p.sent, ["POST /v1/sessions/secret/keepalive", "POST /v1/sessions"])
  assert.match(p.said[0], /s7, is over.*killed/)
})

test("what closes a session closes no other that was opened since", async (t) => {
  const { held, open } = gate()
  let ids = 0
  const deleted = []
  const p = aPage(t, (method, url) => {
    if (url.pathname === "/v1/sessions") return told(++ids, { id: `secret${ids}`, owner: `s${ids}`, timeout_ms: 150000 })
    if (method === "POST") return refused(2, 410, "session_expired")
    return deleted.push(url.pathname) && held
  })
  t.mock.timers.enable({ apis: ["setTimeout"] })
  const own = ownSession(p.app)
  await own.open()
  p.click("Session s1", p.app.shell.tools)
  p.click("Close the session")
  await settle()
  assert.equal(await own.open(), "secret2", "the first was not renewed: it is over")
  open(told(3, ""))
  await settle()
  assert.deepEqual([deleted, own.id, own.owner, p.has("Session s2", p.app.shell.tools)], [["/v1/sessions/secret1"], "secret2", "s2", true])
})
