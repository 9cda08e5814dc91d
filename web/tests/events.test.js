import { test } from "node:test"
import assert from "node:assert/strict"
import { EventLog, LOG_MAX, ndjson } from "../static/events.js"

/** A live stream that says what it is told to. */
function stream() {
  const s = /** @type {any} */ ({ state: { zxid: 7 }, wanted: {}, want: (/** @type {string} */ who, /** @type {any} */ what) => { s.wanted[who] = what }, listen: (/** @type {any} */ fn) => { s.say = fn } })
  return s
}
const event = (/** @type {string} */ path, type = "NodeCreated") => ({ type, path })

test("only what is below the path is kept, in order", () => {
  const live = stream()
  const log = new EventLog(live)
  live.say({ kind: "events", zxid: 1, events: [event("/app/early")] })
  log.follow("/app")
  assert.deepEqual(live.wanted.events, { paths: ["/app"], recursive: true })
  live.say({ kind: "events", zxid: 2, events: [event("/app/a"), event("/apple"), event("/app")] })
  live.say({ kind: "events", zxid: 3, events: [{ ...event("/app/a", "NodeDeleted"), cause: "session_expired" }] })
  assert.deepEqual(log.lines.map((l) => [l.n, l.zxid, l.type, l.path, l.cause]),
    [[1, 2, "NodeCreated", "/app/a", undefined], [2, 2, "NodeCreated", "/app", undefined], [3, 3, "NodeDeleted", "/app/a", "session_expired"]])
  log.follow("")
  assert.equal(live.wanted.events, null)
  live.say({ kind: "events", zxid: 4, events: [event("/app/late")] })
  assert.equal(log.lines.length, 3)
})

test("what may be missing, and another path, are lines that no filter hides", () => {
  const live = stream()
  const log = new EventLog(live)
  log.follow("/a")
  assert.equal(log.lines.length, 0)
  live.say({ kind: "events", zxid: 2, events: [event("/a/one"), event("/a/two", "NodeDataChanged")] })
  live.say({ kind: "reset", zxid: 9, reason: "history" })
  log.follow("/b")
  const notes = log.select("NodeDeleted", "nothing").map((l) => l.note)
  assert.equal(notes.length, 2)
  assert.match(notes[0] || "", /Something may be missing/)
  assert.match(notes[1] || "", /\/b/)
  assert.deepEqual(log.select("NodeCreated", "").filter((l) => !l.note).map((l) => l.path), ["/a/one"])
  assert.deepEqual(log.select("", "tw").filter((l) => !l.note).map((l) => l.path), ["/a/two"])
})

test("the oldest lines fall off, and are counted", () => {
  const live = stream()
  const log = new EventLog(live)
  log.follow("/")
  for (let i = 0; i < 2 * LOG_MAX; i++) live.say({ kind: "events", zxid: i, events: [event("/" + i)] })
  assert.ok(log.lines.length <= LOG_MAX && log.lines.length > LOG_MAX / 2)
  assert.equal(log.fell + log.lines.length, 2 * LOG_MAX)
  assert.equal(log.lines.at(-1)?.n, 2 * LOG_MAX)
  log.clear()
  assert.equal(log.fell + log.lines.length, 0)
})

test("an export is a JSON object a line", () => {
  const out = ndjson([{ n: 1, seen: 0, zxid: 2, type: "NodeDeleted", path: "/a\nb", cause: "session_expired" }, { n: 2, seen: 1, zxid: 3, note: "lost" }])
  assert.deepEqual(out.trimEnd().split("\n").map((l) => JSON.parse(l)), [
    { seen: "1970-01-01T00:00:00.000Z", zxid: 2, type: "NodeDeleted", path: "/a\nb", cause: "session_expired" }, { seen: "1970-01-01T00:00:00.001Z", zxid: 3, note: "lost" }])
})
