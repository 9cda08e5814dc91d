import { test } from "node:test"
import assert from "node:assert/strict"
import { Api } from "../static/api.js"
import { Live } from "../static/live.js"
import { Hub, union } from "../static/worker.js"
import { Problem } from "../static/problems.js"
import { cluster, settle, Streams } from "./fake.js"

const changed = (path) => ({ type: "NodeDataChanged", path })

test("the union of wishes has each path once, the most needed of everyone first", () => {
  assert.deepEqual(union([{ paths: ["/a", "/b", "/c"] }, { paths: ["/d", "/a"] }]), { paths: ["/a", "/d", "/b", "/c"], recursive: false })
  assert.deepEqual(union([{ paths: ["/a"] }, { paths: ["/"], recursive: true }]), { paths: ["/a", "/"], recursive: true })
  assert.deepEqual(union([]), { paths: ["/"], recursive: false })
})

test("no wish makes a stream larger than the server takes", () => {
  const many = Array.from({ length: 2000 }, (_, i) => `/d/${i}`)
  assert.equal(union([{ paths: many }]).paths.length, 512)
  const long = Array.from({ length: 100 }, (_, i) => `/${"ü".repeat(300)}${i}`)
  const { paths } = union([{ paths: long }])
  assert.ok(paths.length > 5 && paths.length < 20, String(paths.length))
})

test("a path that no server takes is nobody's loss", () => {
  const bad = ["", "a", "/a/", "/a//b", "/../x", "/\0", "/\ud800", "/" + "ü".repeat(2048), "/a".repeat(129)]
  assert.deepEqual(union([{ paths: [...bad, "/" + "ü".repeat(2047), "/a".repeat(128)] }]).paths, ["/" + "ü".repeat(2047), "/a".repeat(128)])
})

/** A page or several, with a hub for all. @param {import("node:test").TestContext} t */
function story(t, pages = 1) {
  const server = new Streams(t)
  const hub = new Hub()
  const tabs = Array.from({ length: pages }, () => {
    const { port1, port2 } = new MessageChannel()
    hub.add(port1)
    const api = new Api()
    const live = new Live(api, port2)
    const told = []
    const names = []
    live.listen((m) => {
      if (m.kind === "events") told.push(...m.events.map((e) => `${m.zxid} ${e.path}`))
      else if (m.kind === "reset") told.push(`reset ${m.zxid} ${m.reason}`)
      else if (names.at(-1) !== m.state.name) names.push(m.state.name)
    })
    t.after(() => {
      live.close()
      port1.close()
    })
    return { api, live, told, names, port1 }
  })
  t.after(() => hub.stream.stop())
  return { server, hub, tabs, ...tabs[0] }
}

test("a page follows what its parts wish, from what it has seen", async (t) => {
  const { server, api, live, told, names } = story(t)
  api.saw(40)
  live.want("store", { paths: ["/a", "/b"] })
  live.want("log", { paths: ["/b", "/c"] })
  await server.advance(200)
  assert.deepEqual(server.urls, ["/v1/watch?path=/a&path=/b&path=/c&since=40"])
  assert.equal(live.state.name, "connecting")
  server.last.open(40)
  server.last.message(41, changed("/a"), changed("/x"))
  await settle()
  assert.deepEqual(told, ["41 /a"])
  assert.deepEqual(names, ["connecting", "live"])
  assert.equal(api.zxid, 41, "what is read now is not older")
  assert.deepEqual([live.state.zxid, live.state.leader], [41, "n1"])

  live.want("log", null)
  await server.advance(700)
  assert.match(server.urls.at(-1), /path=\/a&path=\/b&since=41$/)
})

test("a wish from before is told what happened since, and nothing twice", async (t) => {
  const { server, live, told } = story(t)
  live.want("store", { paths: ["/a"], since: 10 })
  await server.advance(200)
  server.last.open(10)
  server.last.message(12, changed("/a"))
  await settle()
  live.want("store", { paths: ["/a", "/b"], since: 11 })
  await server.advance(700)
  assert.match(server.urls.at(-1), /since=11$/)
  server.last.open(11)
  server.last.message(12, changed("/a"), changed("/b"))
  server.last.message(13, changed("/b"))
  await settle()
  assert.deepEqual(told, ["12 /a", "12 /b", "13 /b"])
})

test("a recursive wish hears of all below it; others hear of children by those who come and go", async (t) => {
  const { server, live, told } = story(t, 1)
  live.want("store", { paths: ["/d", "/log/x"], since: 0 })
  live.want("log", { paths: ["/log"], recursive: true, since: 0 })
  await server.advance(200)
  assert.equal(server.urls[0], "/v1/watch?path=/d&path=/log&recursive=true&since=0")
  server.last.open(0)
  server.last.message(1, { type: "NodeCreated", path: "/d/x" }, changed("/d/x"), { type: "NodeCreated", path: "/d/x/y" }, changed("/log/x/y"), changed("/logs"))
  await settle()
  assert.deepEqual(told, ["1 /d/x", "1 /log/x/y"])
})

test("while paused events wait and are counted; then they come in order", async (t) => {
  const { server, live, told } = story(t)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(0)
  live.pause()
  server.last.message(1, changed("/a"))
  server.last.message(2, changed("/a"))
  await settle()
  assert.deepEqual(told, [])
  assert.deepEqual([live.paused, live.waiting, live.state.zxid], [true, 2, 2])
  live.resume()
  assert.deepEqual([live.paused, live.waiting], [false, 0])
  assert.deepEqual(told, ["1 /a", "2 /a"])
})

test("more than can wait becomes a reset", async (t) => {
  const { server, live, told } = story(t)
  live.want("x", { paths: ["/"], recursive: true })
  await server.advance(200)
  server.last.open(0)
  live.pause()
  for (let z = 1; z <= 11; z++) server.last.message(z, ...Array.from({ length: 1000 }, (_, i) => changed(`/${i}`)))
  await settle()
  live.resume()
  assert.deepEqual(told, ["reset 11 paused"])
  server.last.message(12, changed("/a"))
  await settle()
  assert.deepEqual(told, ["reset 11 paused", "12 /a"])
  assert.equal(live.state.name, "reset")
  live.reloaded()
  assert.equal(live.state.name, "live")
})

test("a reset is said until all was read again; after a restore the page does not insist on what was", async (t) => {
  const { server, api, live, told } = story(t)
  api.saw(90)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.send('event: reset\nid: 5\ndata: {"zxid":5,"reason":"restored","events":[]}\n\n')
  server.last.open(5)
  await settle()
  assert.deepEqual(told, ["reset 5 restored"])
  assert.deepEqual([live.state.name, live.state.zxid, api.zxid], ["reset", 5, 5])
  live.reloaded()
  assert.equal(live.state.name, "live")
})

test("the page says whether it knows: resuming, offline, no leader, signed out", async (t) => {
  const { server, api, live, names } = story(t)
  server.answer = () => Promise.reject(new Error("down"))
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(3)
  await settle()
  server.status = 503
  server.last.fail()
  await settle()
  assert.equal(live.state.name, "resuming")
  await server.advance(11_500)
  assert.equal(live.state.name, "offline")
  server.status = 200
  server.answer = () => cluster("")
  await server.advance(7_000)
  server.last.open(3)
  await settle()
  await server.advance(5_000)
  assert.equal(live.state.name, "no_leader")
  server.last.send('event: bookmark\nid: 3\ndata: {"zxid":3,"leader":"n2"}\n\n')
  await settle()
  assert.deepEqual([live.state.name, live.state.leader], ["live", "n2"])
  api.heard(new Problem({ code: "no_leader", status: 503 }))
  assert.equal(live.state.name, "no_leader")
  api.heard(new Problem({ code: "auth_failed", status: 401 }))
  assert.equal(live.state.name, "signed_out")
  api.heard(null)
  assert.equal(live.state.name, "no_leader")
  assert.deepEqual(names, ["connecting", "live", "resuming", "offline", "resuming", "live", "no_leader", "live", "no_leader", "signed_out", "no_leader"])
})

test("where requests get no answer the page does not trust the stream, and opens it anew when they do", async (t) => {
  const { server, api, live } = story(t)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(3)
  await settle()
  const n = server.urls.length
  api.heard(new Problem({ code: "unreachable" }))
  assert.equal(live.state.name, "resuming")
  api.heard(null)
  await settle()
  assert.equal(server.urls.length, n + 1)
  assert.equal(live.state.name, "live")
})

test("tabs share one stream; who leaves takes its wishes along, and the last ends it", async (t) => {
  const { server, tabs: [a, b], hub } = story(t, 2)
  a.live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(0)
  b.live.want("x", { paths: ["/b"] })
  await server.advance(700)
  assert.match(server.urls.at(-1), /path=\/a&path=\/b&since=0$/)
  server.last.open(0)
  server.last.message(1, changed("/a"))
  server.last.message(2, changed("/b"))
  await settle()
  assert.deepEqual([a.told, b.told], [["1 /a"], ["2 /b"]])
  a.live.close()
  await settle()
  assert.match(server.urls.at(-1), /path=\/b&since=2$/)
  server.last.open(2)
  await settle()
  const last = server.last
  b.live.close()
  await settle()
  assert.equal(last.ended, true)
  assert.equal(hub.tabs.size, 0)
})

test("a tab that knows less than the others is told what it lacks, also while the stream is on its way", async (t) => {
  const { server, tabs: [a, b, c] } = story(t, 3)
  for (const { api } of [a, b, c]) api.saw(25)
  a.live.want("x", { paths: ["/a"], since: 20 })
  await server.advance(200)
  b.live.want("x", { paths: ["/a"], since: 10 })
  await server.advance(700)
  assert.match(server.urls.at(-1), /since=10$/)
  server.last.open(10)
  server.last.message(15, changed("/a"))
  server.last.message(25, changed("/a"))
  await settle()
  c.live.want("x", { paths: ["/a"], since: 12 })
  await server.advance(700)
  assert.match(server.urls.at(-1), /since=12$/)
  server.last.open(12)
  server.last.message(15, changed("/a"))
  server.last.message(25, changed("/a"))
  await settle()
  assert.deepEqual([a.told, b.told, c.told], [["15 /a", "25 /a"], ["15 /a", "25 /a"], ["15 /a", "25 /a"]])
  const n = server.urls.length
  c.live.want("x", { paths: ["/a"], since: 25 })
  await server.advance(700)
  assert.equal(server.urls.length, n, "it lacks nothing")
})

test("a tab that was silent for long is forgotten, and comes back when it wakes", async (t) => {
  const { server, tabs: [a, b], hub } = story(t, 2)
  a.live.want("x", { paths: ["/a"] })
  b.live.want("x", { paths: ["/b"] })
  await server.advance(200)
  server.last.open(0)
  await settle()
  clearInterval(b.live.ticking) // asleep
  await server.advance(230_000)
  assert.equal(hub.tabs.size, 1)
  await server.advance(1000)
  server.last.open(0)
  server.last.message(7, changed("/a"), changed("/b"))
  await settle()
  assert.deepEqual(b.told, [])
  b.live.port?.postMessage({ ping: true })
  await settle()
  assert.match(server.urls.at(-1), /path=\/b&since=0$/)
  server.last.open(0)
  server.last.message(7, changed("/a"), changed("/b"))
  await settle()
  assert.deepEqual([a.told, b.told], [["7 /a"], ["7 /b"]])
})

test("who was away for too long is told to read again, and nobody else", async (t) => {
  const { server, tabs: [a, b] } = story(t, 2)
  a.live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(0)
  server.last.message(50000, changed("/a"))
  await settle()
  b.live.want("x", { paths: ["/b"], since: 100 })
  await server.advance(700)
  assert.deepEqual([a.told, b.told], [["50000 /a"], ["reset 50000 away"]])
  assert.match(server.urls.at(-1), /since=50000$/)
})

test("what is open beyond what a stream takes is said to be followed in part", async (t) => {
  const { server, live } = story(t)
  live.want("x", { paths: Array.from({ length: 600 }, (_, i) => `/${i}`) })
  await server.advance(200)
  server.last.open(0)
  await settle()
  assert.equal(live.state.partial, true)
  live.want("x", { paths: ["/a"] })
  await server.advance(700)
  server.last.open(0)
  await settle()
  assert.equal(live.state.partial, false)
})

test("a page that slept does not trust its connection", async (t) => {
  const { server, live } = story(t)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(3)
  await server.advance(16_000)
  assert.equal(server.urls.length, 1)
  server.answer = () => new Promise(() => {})
  live.ticked -= 20_000
  await server.advance(1000)
  assert.equal(live.state.name, "resuming")
  assert.equal(server.urls.length, 2)
  assert.match(server.urls[1], /since=3$/)
})

test("a hub that does not answer is left for one of the page's own", async (t) => {
  const { server, live, port1 } = story(t)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(3)
  await settle()
  port1.onmessage = null
  const n = server.urls.length
  await server.advance(11_000)
  assert.equal(live.state.name, "resuming")
  await server.advance(10_000)
  assert.ok(server.urls.length > n)
  assert.match(server.urls[n], /path=\/a&since=3$/)
  server.last.open(3)
  await settle()
  assert.equal(live.state.name, "live")
  live.close()
  await settle() // its own hub ends with this clock
})

test("one listener's mistake is not the others' loss", async (t) => {
  const { server, live, told } = story(t)
  const mistakes = []
  t.mock.method(globalThis, "queueMicrotask", (f) => { try { f() } catch (err) { mistakes.push(err.message) } })
  live.listen((m) => { if (m.kind === "events") throw new Error("oops") })
  const late = []
  live.listen((m) => { if (m.kind === "events") late.push(m.zxid) })
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(0)
  server.last.message(1, changed("/a"))
  await settle()
  assert.deepEqual([told, late, mistakes], [["1 /a"], [1], ["oops"]])
})

test("a wish that was sent to a dead hub is told by the next one what happened since", async (t) => {
  const { server, live, told, port1 } = story(t)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(9)
  await settle()
  port1.onmessage = null
  live.want("y", { paths: ["/b"], since: 4 })
  await server.advance(21_000)
  assert.match(server.urls.at(-1), /path=\/a&path=\/b&since=4$/)
  server.last.message(7, changed("/b"))
  server.last.open(9)
  await settle()
  assert.deepEqual(told, ["7 /b"])
  live.close()
  await settle()
})

test("an answer that names an older leader does not override what the stream told since", async (t) => {
  const { server, live } = story(t)
  let answer = () => {}
  server.answer = () => new Promise((done) => { answer = () => done(cluster("")) })
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(3, "n1")
  await server.advance(5000) // asked while there was none
  server.last.send('event: bookmark\nid: 4\ndata: {"zxid":4,"leader":"n2"}\n\n')
  await settle()
  answer()
  await settle()
  assert.deepEqual([live.state.leader, live.state.name], ["n2", "live"])
})

test("a reset that waited in a pause is said until all was read again", async (t) => {
  const { server, live, told } = story(t)
  live.want("x", { paths: ["/a"] })
  await server.advance(200)
  server.last.open(3)
  const reset = (zxid) => server.last.send(`event: reset\nid: ${zxid}\ndata: {"zxid":${zxid},"reason":"history","events":[]}\n\n`)
  reset(4)
  await settle()
  live.pause()
  reset(5)
  await settle()
  live.reloaded() // after the first
  live.resume()
  assert.deepEqual([told, live.state.name], [["reset 4 history", "reset 5 history"], "reset"])
})
