import { test } from "node:test"
import assert from "node:assert/strict"
import { parser, Stream } from "../static/stream.js"
import { settle, Streams } from "./fake.js"

/** @param {Uint8Array[]} parts */
function parse(...parts) {
  const told = []
  const retries = []
  const feed = parser((m) => told.push(m), (ms) => retries.push(ms))
  for (const part of parts) feed(part)
  return { told, retries }
}
const bytes = (s) => new TextEncoder().encode(s)

test("messages are the same wherever the bytes are cut", () => {
  const text = "\ufeffretry: 3847\r\n\r\nevent: open\r\nid: 4\r\ndata: {\"a\":\"é🦊\"}\r\n\r\n: a comment\ndata:one\ndata: two\ndata\n\nid:9\revent:x\rdata:y\r\r" +
    "event: no data\n\ndata: {}\n\n"
  const want = {
    told: [{ name: "open", id: "4", data: '{"a":"é🦊"}', cut: false }, { name: "message", id: "", data: "one\ntwo\n", cut: false },
      { name: "x", id: "9", data: "y", cut: false }, { name: "message", id: "", data: "{}", cut: false }], retries: [3847],
  }
  const all = bytes(text)
  assert.deepEqual(parse(all), want)
  for (let i = 0; i <= all.length; i++) {
    assert.deepEqual(parse(all.subarray(0, i), all.subarray(i)), want, `cut at ${i}`)
  }
  assert.deepEqual(parse(...Array.from(all, (b) => Uint8Array.of(b))), want, "byte by byte")
})

test("a message that is not finished is not told", () => {
  assert.deepEqual(parse(bytes("data: x\n")).told, [])
})

test("a line that is too long is cut, and the message says so; the next is whole", () => {
  const long = bytes("x".repeat(300_000))
  const { told } = parse(bytes("id: 7\ndata: "), long, long, long, long, bytes("\n\nid: 8\ndata: y\n\n"))
  assert.deepEqual(told.map((m) => [m.id, m.cut, m.data.length > 1 << 20]), [["7", true, false], ["8", false, false]])
  const many = parse(bytes("id: 7\n"), ...Array.from({ length: 5 }, () => bytes("data: " + "x".repeat(300_000) + "\n")), bytes("\n"))
  assert.deepEqual(many.told.map((m) => [m.id, m.cut]), [["7", true]])
})

/** @param {import("node:test").TestContext} t */
function story(t) {
  const server = new Streams(t)
  const told = []
  const links = []
  const s = new Stream((name, data) => told.push(`${name} ${data.zxid}`), (l) => links.push(l))
  t.after(() => s.stop())
  return { server, told, links, s }
}

test("a stream asks for its paths, and goes on from where it was when the connection breaks", async (t) => {
  const { server, told, links, s } = story(t)
  s.follow(["/", "/a b/ü&+"], true, 5)
  await settle()
  assert.equal(server.urls.at(-1), "/v1/watch?path=/&path=/a%20b/%C3%BC%26%2B&recursive=true&since=5")
  server.last.open(5)
  server.last.message(7)
  await settle()
  server.last.fail()
  await settle()
  assert.deepEqual(links, ["open", "retry"])
  await server.advance(400)
  assert.match(server.urls.at(-1), /since=7$/)
  server.last.open(7)
  await settle()
  assert.deepEqual(told, ["open 5", "message 7", "open 7"])
  assert.deepEqual(links, ["open", "retry", "open"])
})

test("it comes back later each time it fails, but within five seconds or so", async (t) => {
  const { server, links, s } = story(t)
  s.follow(["/"], false, 0)
  await settle()
  const waits = []
  for (let i = 0; i < 9; i++) {
    server.last.fail()
    await settle()
    const n = server.urls.length
    let ms = 0
    while (server.urls.length === n) {
      await server.advance(50)
      ms += 50
      assert.ok(ms < 7000)
    }
    waits.push(ms)
  }
  assert.ok(waits[0] <= 350 && waits[3] >= 1400 && waits[8] >= 3700 && waits[8] <= 6300, String(waits))
  assert.ok(links.every((l) => l === "retry"))
})

test("once it was open it comes back fast again, and waits for one request at a time", async (t) => {
  const { server, s } = story(t)
  s.follow(["/"], false, 0)
  await settle()
  for (let i = 0; i < 6; i++) {
    server.last.fail()
    await server.advance(7000)
  }
  server.last.open(0)
  await settle()
  server.last.fail()
  const n = server.urls.length
  await server.advance(400)
  assert.equal(server.urls.length, n + 1)
  server.last.open(0)
  await settle()
  const first = server.last
  s.follow(["/a"], false, 0)
  await settle()
  first.fail()
  await server.advance(10_000)
  assert.equal(server.urls.length, n + 2)
  server.last.open(0)
  await settle()
  assert.equal(server.last.ended, false)
})

test("an end that the server means is followed by the pause it asks for", async (t) => {
  const { server, s } = story(t)
  s.follow(["/"], false, 0)
  await settle()
  server.last.open(0)
  server.last.send("retry: 3000\n\n")
  server.last.end()
  await settle()
  await server.advance(2000)
  assert.equal(server.urls.length, 1)
  await server.advance(2000)
  assert.equal(server.urls.length, 2)
})

test("a silent connection is given up", async (t) => {
  const { server, s, links } = story(t)
  s.follow(["/"], false, 0)
  await settle()
  server.last.open(0)
  for (let i = 0; i < 4; i++) {
    await server.advance(30_000)
    server.last.send(": still here\n\n")
    await settle()
  }
  assert.equal(server.urls.length, 1)
  await server.advance(41_000)
  await server.advance(500)
  assert.equal(server.urls.length, 2)
  assert.deepEqual(links, ["open", "retry"])
})

test("another wish leaves the old connection until the new one is open, and begins where it must", async (t) => {
  const { server, told, s } = story(t)
  s.follow(["/a"], false, 10)
  await settle()
  const first = server.last
  first.open(10)
  first.message(12)
  await settle()
  s.follow(["/a", "/b"], false, 11)
  await settle()
  assert.match(server.urls.at(-1), /path=\/b&since=11$/)
  first.message(13)
  await settle()
  assert.equal(first.ended, false)
  server.last.open(11)
  server.last.message(12)
  server.last.message(13)
  await settle()
  assert.equal(first.ended, true)
  first.message(14) // too late: the new one tells it
  server.last.message(14)
  await settle()
  assert.deepEqual(told, ["open 10", "message 12", "message 13", "open 11", "message 12", "message 13", "message 14"])
  assert.equal(s.zxid, 14)
})

test("a wish that never came to be open does not lose where it was to begin", async (t) => {
  const { server, s } = story(t)
  s.follow(["/a"], false, 10)
  await settle()
  server.last.open(10)
  await settle()
  s.follow(["/b"], false, 4)
  await settle()
  s.follow(["/c"], false, 8)
  await settle()
  assert.match(server.urls.at(-1), /path=\/c&since=4$/)
  server.last.fail()
  await settle()
  await server.advance(400)
  assert.match(server.urls.at(-1), /path=\/c&since=4$/)
})

test("a refusal is told apart, and tried again", async (t) => {
  const { server, links, s } = story(t)
  server.status = 401
  s.follow(["/"], false, 0)
  await settle()
  assert.deepEqual(links, ["denied"])
  server.status = 200
  await server.advance(400)
  server.last.open(0)
  await settle()
  assert.deepEqual(links, ["denied", "open"])
})

test("a message that is too long becomes a reset at its zxid, and is not asked for again", async (t) => {
  const { server, told, s } = story(t)
  s.follow(["/"], false, 0)
  await settle()
  server.last.open(0)
  server.last.send("id: 5\ndata: " + "x".repeat(1.5 * 1024 * 1024))
  server.last.send("\n\n")
  await settle()
  assert.deepEqual(told, ["open 0", "reset 5"])
  server.last.fail()
  await settle()
  await server.advance(400)
  assert.match(server.urls.at(-1), /since=5$/)
})

test("a reset before the open is told, and the stream goes on from it", async (t) => {
  const { server, told, s } = story(t)
  s.follow(["/"], false, 0)
  await settle()
  server.last.send('event: reset\nid: 90\ndata: {"zxid":90,"reason":"history","events":[]}\n\n')
  server.last.open(90)
  await settle()
  assert.deepEqual(told, ["reset 90", "open 90"])
  assert.equal(s.zxid, 90)
})
