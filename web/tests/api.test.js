import test from "node:test"
import assert from "node:assert/strict"
import { Api } from "../static/api.js"
import { sentence } from "../static/problems.js"

const ours = { "Holt-Zxid": "7", "Content-Type": "application/json" }
const page = () => new Response("<html>Sign in</html>", { status: 200, headers: { "Content-Type": "text/html" } })
const broken = () => new Response(new ReadableStream({ start: (c) => c.error(new Error("cut")) }), { headers: ours })
const gone = () => Promise.reject(new TypeError("no network"))
const refused = (code, status) => () => new Response(JSON.stringify({ code, status }), { status, headers: ours })

/** server answers one request after the other as told, the last of them again and again; time passes by itself. */
function server(t, ...answers) {
  const sent = []
  t.mock.timers.enable({ apis: ["Date"], now: 1e12 })
  t.mock.method(globalThis, "setTimeout", (f) => { t.mock.timers.tick(1000); setImmediate(f) })
  t.mock.method(globalThis, "fetch", async (url, ask) => {
    sent.push({ method: ask.method, key: ask.headers.get("Idempotency-Key") })
    return (answers.length > 1 ? answers.shift() : answers[0])()
  })
  return sent
}

test("a write whose answer is lost, cut or replaced is sent again under its key, and is done once", async (t) => {
  const sent = server(t, gone, page, broken, () => new Response("<h1>502</h1>", { status: 502 }), () => new Response('{"stat":{"version":3}}', { headers: { ...ours, ETag: 'W/"3.9"' } }))
  const api = new Api()
  const answer = await api.write("PUT", "/v1/znodes/a", { body: "x" })
  assert.deepEqual(await answer.json(), { stat: { version: 3 } })
  assert.equal(answer.etag, '"3.9"') // as the server compares it
  assert.equal(sent.length, 5)
  assert.equal(new Set(sent.map((s) => s.key)).size, 1)
})

test("an outcome is called unknown, not a failure and not a success", async (t) => {
  for (const [code, ...answers] of [
    ["outcome_unknown", page], ["outcome_unknown", broken], ["outcome_unknown", gone], ["outcome_unknown", gone, refused("no_leader", 503)],
    ["no_leader", refused("no_leader", 503)], ["bad_version", refused("bad_version", 412)], ["bad_version", gone, refused("bad_version", 412)],
    ["not_holt", () => new Response("no", { status: 403 })],
    // Who refuses without looking does not know what became of the attempt before.
    ...["auth_failed", "no_auth", "wrong_host", "cross_origin", "disk_full", "internal"].map((c) => ["outcome_unknown", gone, refused(c, 400)]),
    ["outcome_unknown", gone, () => new Response("no", { status: 403 })],
  ]) {
    server(t, ...answers)
    await assert.rejects(new Api().write("PUT", "/v1/znodes/a", { body: "x" }), (err) => err.code === code || assert.fail(`${err.code}, not ${code}`))
    t.mock.restoreAll()
    t.mock.timers.reset()
  }
})

test("a write that was stopped on its way may have been done", async (t) => {
  const stop = new AbortController()
  t.mock.method(globalThis, "fetch", () => new Promise((_, no) => stop.signal.addEventListener("abort", () => no(stop.signal.reason))))
  const write = new Api().write("PUT", "/v1/tree/a", { body: "x", signal: stop.signal })
  stop.abort()
  await assert.rejects(write, { code: "outcome_unknown" })
})

test("what a proxy says is not taken for the server's word", async (t) => {
  const heard = []
  for (const [status, code] of [[200, "unreachable"], [404, "unreachable"], [502, "unreachable"]]) {
    server(t, () => new Response("<html>", { status }))
    const api = new Api()
    api.heard = (p) => heard.push(p && p.status)
    await assert.rejects(api.get("/v1/znodes", "/a"), (err) => err.code === code && sentence(err).includes(`with status ${status}`))
    t.mock.restoreAll()
    t.mock.timers.reset()
  }
  assert.deepEqual(heard, [0, 0, 0]) // no answer
})
