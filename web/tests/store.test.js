import { test } from "node:test"
import assert from "node:assert/strict"
import { Api } from "../static/api.js"
import { Store } from "../static/store.js"
import { settle, Streams } from "./fake.js"

/** A tree of one level or two that answers as the server does, of the state it is in. */
class Tree {
  constructor() {
    this.zxid = 0
    this.dirs = new Map([["/", this.znode("/")]])
    this.asked = []
    this.failing = false
    this.held = () => undefined
  }
  znode(path) {
    return { path, kids: new Map(), stat: { version: 0, cversion: 0, aversion: 0, czxid: this.zxid, mzxid: this.zxid, pzxid: this.zxid, ctime: 0, mtime: 0,
      ephemeral_owner: "", data_length: 0, num_children: 0 } }
  }
  find(path) {
    return path.split("/").filter(Boolean).reduce((z, name) => z?.kids.get(name), this.dirs.get("/"))
  }
  split(path) {
    const at = path.lastIndexOf("/")
    return [this.find(path.slice(0, at) || "/"), path.slice(at + 1)]
  }
  create(path) {
    this.zxid++
    const [dir, name] = this.split(path)
    dir.kids.set(name, this.znode(path))
    this.moved(dir)
    return { zxid: this.zxid, events: [{ type: "NodeCreated", path }, { type: "NodeChildrenChanged", path: dir.path }] }
  }
  remove(path) {
    this.zxid++
    const [dir, name] = this.split(path)
    dir.kids.delete(name)
    this.moved(dir)
    return { zxid: this.zxid, events: [{ type: "NodeDeleted", path }, { type: "NodeChildrenChanged", path: dir.path }] }
  }
  moved(dir) {
    Object.assign(dir.stat, { cversion: dir.stat.cversion + 1, pzxid: this.zxid, num_children: dir.kids.size })
  }
  set(path, length = 1) {
    this.zxid++
    const z = this.find(path)
    Object.assign(z.stat, { version: z.stat.version + 1, mzxid: this.zxid, data_length: length })
    return { zxid: this.zxid, events: [{ type: "NodeDataChanged", path }] }
  }
  fill(path, n) {
    this.create(path)
    for (let i = 0; i < n; i++) this.create(`${path}/n${String(i).padStart(5, "0")}`)
  }
  /** @param {URL} url */
  async answer(url) {
    this.asked.push(decodeURIComponent(url.pathname.replace("/v1/children", "") || "/") + url.search)
    if (this.failing) throw new Error("down")
    const response = this.children(decodeURIComponent(url.pathname.replace("/v1/children", "")), url.searchParams)
    await this.held(url) // what was read, is, but its answer may take its time
    return response
  }
  children(path, query) {
    const headers = { "Holt-Zxid": String(this.zxid), "Content-Type": "application/problem+json" }
    const dir = this.find(path)
    if (!dir) return new Response(JSON.stringify({ code: "no_node", status: 404 }), { status: 404, headers })
    let names = [...dir.kids.keys()].sort()
    const offset = query.has("prefix") ? names.filter((n) => n < query.get("prefix")).length : Number(query.get("offset"))
    names = names.slice(offset).filter((n) => n.startsWith(query.get("prefix") || ""))
    const page = names.slice(0, Number(query.get("limit")))
    const children = page.map((name) => ({ name, stat: dir.kids.get(name).stat, mode: "persistent", ttl_ms: 0 }))
    return new Response(JSON.stringify({ path, children, stat: dir.stat, next: names.length > page.length ? page.at(-1) : "", offset }), { headers })
  }
}

/** Live, as the store sees it. */
class FakeLive {
  constructor(api) {
    this.api = api
    this.wishes = []
    this.resets = 0
    this.state = { name: "live", zxid: 0 }
  }
  listen(fn) {
    this.fn = fn
  }
  want(owner, wish) {
    this.wishes.push(wish)
  }
  reloaded() {
    this.resets++
  }
  tell({ zxid, events }) {
    this.api.saw(zxid)
    this.state.zxid = zxid
    this.fn({ kind: "events", zxid, events })
  }
  reset(zxid) {
    this.fn({ kind: "reset", zxid, reason: "history" })
  }
}

/** @param {import("node:test").TestContext} t */
function story(t, n = 0) {
  const clock = new Streams(t)
  const tree = new Tree()
  if (n >= 0) tree.fill("/d", n)
  clock.answer = (url) => tree.answer(url)
  const api = new Api()
  api.saw(tree.zxid)
  const live = new FakeLive(api)
  const store = new Store(api, live)
  const told = []
  store.listen((c) => told.push(c.names ? `${c.kind} ${c.path} ${c.names.length}` : `${c.kind} ${c.path}`))
  const names = (from, to) => Array.from({ length: to - from }, (_, i) => store.directory("/d")?.rowAt(from + i)?.name)
  t.after(() => store.close("/d"))
  return { clock, tree, live, store, told, names, pass: (ms = 1000) => clock.advance(ms) }
}
/** hold lets answers wait that are asked for from now on; go lets them go. @param {Tree} tree */
function hold(tree, which = () => true) {
  let go = () => {}
  const held = new Promise((done) => { go = () => done(undefined) })
  tree.held = (url) => (which(url) ? held : undefined)
  return () => {
    tree.held = () => undefined
    go()
  }
}
const name = (i) => `n${String(i).padStart(5, "0")}`

test("a directory opens with its first page, and further pages come when they are drawn", async (t) => {
  const { tree, store, told, pass, live } = story(t, 450)
  store.open("/d")
  store.open("/d")
  assert.equal(store.directory("/d").status, "loading")
  await pass()
  const d = store.directory("/d")
  assert.deepEqual([d.status, d.count, d.zxid], ["ready", 450, 451])
  assert.deepEqual(tree.asked, ["/d?limit=200&offset=0&include=stat"])
  assert.deepEqual(told, ["status /d", "shape /d", "rows /d 200"])
  assert.deepEqual(live.wishes.at(-1), { paths: ["/d"], since: 451 })
  assert.equal(d.rowAt(199).name, name(199))
  assert.equal(d.rowAt(0).path, "/d/n00000")
  assert.equal(d.rowAt(0).flash, 0)
  assert.equal(d.rowAt(449), undefined)
  assert.equal(d.rowAt(420), undefined, "asked for once")
  await pass()
  assert.deepEqual(tree.asked.slice(1), ["/d?limit=200&offset=400&include=stat"])
  assert.equal(d.rowAt(449).name, name(449))
  assert.equal(d.rowAt(450), undefined)
  assert.equal(d.rowAt(-1), undefined)
  assert.deepEqual(told.slice(3), ["rows /d 50", "rows /d"])
  assert.equal([...d.loadedRows()].length, 250)
  store.close("/d")
  assert.equal(store.directory("/d"), undefined)
  assert.deepEqual(live.wishes.at(-1), { paths: [], since: Infinity })
})

test("the place of a row that is not here is asked for", async (t) => {
  const { store, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  assert.equal(d.indexOf(name(7)), 7)
  assert.equal(d.indexOf(name(333)), -1)
  assert.equal(d.indexOf("not there"), -1)
  await pass()
  assert.equal(d.indexOf(name(333)), 333)
  assert.equal(d.indexOf("not there"), -1)
})

test("the place of a row that is not here moves with the others", async (t) => {
  const { tree, live, store, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  d.indexOf(name(333))
  await pass()
  live.tell(tree.create("/d/a"))
  await pass()
  assert.equal(d.indexOf(name(333)), 333) // until it is asked for again
  await pass()
  assert.equal(d.indexOf(name(333)), 334)
  live.tell(tree.remove(`/d/${name(333)}`))
  await pass()
  d.indexOf(name(333))
  await pass()
  assert.equal(d.indexOf(name(333)), -1)
})

test("one changed row is read again alone, keeps its place and flashes", async (t) => {
  const { tree, live, store, told, pass } = story(t, 5)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  store.visible(["/d/n00001", "/d/n00002"])
  assert.deepEqual(live.wishes.at(-1), { paths: ["/d", "/d/n00001", "/d/n00002"], since: 6 })
  const [one, two] = [d.rowAt(1), d.rowAt(2)]
  told.length = tree.asked.length = 0
  live.tell(tree.set("/d/n00001", 9))
  await pass()
  assert.deepEqual(tree.asked, ["/d?prefix=n00001&limit=1&include=stat"])
  assert.deepEqual(told, ["rows /d 1"])
  assert.equal(d.rowAt(1), one)
  assert.deepEqual([one.stat.version, one.stat.data_length, one.zxid], [1, 9, 7])
  assert.ok(one.flash > 0)
  assert.equal(two.flash, 0)
  live.tell({ zxid: 7, events: [{ type: "NodeDataChanged", path: "/d/n00001" }] })
  await pass()
  assert.equal(tree.asked.length, 1, "what is known already is not read again")
})

test("many changed rows are read by their page, in rounds", async (t) => {
  const { tree, live, store, told, pass } = story(t, 100)
  store.open("/d")
  await pass()
  store.visible(Array.from({ length: 40 }, (_, i) => `/d/${name(i)}`))
  told.length = tree.asked.length = 0
  for (let i = 0; i < 20; i++) live.tell(tree.set(`/d/${name(i)}`))
  await pass()
  assert.deepEqual(tree.asked, ["/d?limit=200&offset=0&include=stat"])
  assert.deepEqual(told, ["rows /d 20"])
  tree.asked.length = 0
  for (let i = 0; i < 20; i++) {
    live.tell(tree.set("/d/n00000"))
    await pass(100)
  }
  assert.ok(tree.asked.length >= 5 && tree.asked.length <= 8, `${tree.asked.length} reads in 2 s`)
  await pass()
  assert.equal(store.directory("/d").rowAt(0).stat.version, 21)
})

test("who comes and goes moves the others, which keep their rows", async (t) => {
  const { tree, live, store, told, names, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  d.rowAt(449)
  await pass()
  store.visible(["/d", "/d/n00000", "/d/n00001"])
  const one = d.rowAt(1)
  told.length = tree.asked.length = 0
  live.tell(tree.create("/d/n00000x"))
  await pass()
  assert.deepEqual(tree.asked, ["/d?limit=200&offset=0&include=stat"], "what is not seen is not read")
  assert.deepEqual(told, ["shape /d", "rows /d 1"])
  assert.deepEqual(names(0, 3), ["n00000", "n00000x", "n00001"])
  assert.equal(d.rowAt(2), one)
  assert.equal(one.flash, 0)
  assert.ok(d.rowAt(1).flash > 0)
  assert.equal(d.count, 451)
  assert.equal(d.rowAt(450), undefined, "it was let go, and is asked for again")
  live.tell(tree.remove("/d/n00000"))
  await pass()
  assert.deepEqual(names(0, 2), ["n00000x", "n00001"])
  assert.equal(d.count, 450)
  assert.equal(d.indexOf("n00000"), -1)
  d.rowAt(449)
  await pass()
  assert.equal(d.rowAt(449).name, name(449))
})

test("an event that overtakes a read makes it be read again", async (t) => {
  const { tree, live, store, pass } = story(t, 5)
  const go = hold(tree)
  store.open("/d")
  await pass(50)
  assert.equal(tree.asked.length, 1) // read, but the answer is on its way
  live.tell(tree.set("/d/n00001"))
  live.tell(tree.create("/d/n00001x"))
  go()
  await settle()
  assert.equal(store.directory("/d").rowAt(2).name, "n00002")
  store.visible(["/d/n00002"])
  await pass()
  const d = store.directory("/d")
  assert.deepEqual([d.count, d.rowAt(1).stat.version, d.rowAt(2).name], [6, 1, "n00001x"])
})

test("an event about a row that is on its way is not lost, whatever else is read meanwhile", async (t) => {
  const { tree, live, store, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  store.visible(["/d/n00001"])
  const go = hold(tree, (url) => url.search.includes("offset=400"))
  d.rowAt(420)
  await pass(50)
  live.tell(tree.set("/d/n00420"))
  live.tell(tree.set("/d/n00001"))
  await pass()
  assert.equal(d.rowAt(1).stat.version, 1)
  go()
  await pass()
  assert.equal(d.rowAt(420).stat.version, 1)
})

test("a page that knows of more children makes the others be read again", async (t) => {
  const { tree, store, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  store.visible(["/d/n00000"])
  tree.create("/d/n00000x") // its event is late
  d.rowAt(449)
  await pass()
  assert.deepEqual([d.count, d.rowAt(1).name, d.rowAt(450).name], [451, "n00000x", name(449)])
})

test("an answer that was overtaken by a newer one brings nothing back", async (t) => {
  const { tree, live, store, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  d.rowAt(420)
  await pass()
  store.visible(["/d/n00001", "/d/n00420"])
  for (let i = 0; i < 9; i++) live.tell(tree.set(`/d/n0000${i}`)) // so many that the page is read
  const go = hold(tree, (url) => url.search.includes("offset=0"))
  await pass(50)
  tree.set("/d/n00001", 7)
  live.tell(tree.create("/d/zz"))
  d.rowAt(300)
  await pass(50)
  assert.equal(d.count, 451)
  go()
  await settle()
  assert.equal(d.count, 451)
  await pass()
  assert.equal(d.rowAt(1).stat.data_length, 7)
})

test("a row is never older than it was", async (t) => {
  const { tree, live, store, pass } = story(t, 5)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  const row = d.rowAt(1)
  const go = hold(tree)
  live.tell(tree.set("/d/n00001", 1))
  await pass(400)
  const late = d.load([0])
  await settle()
  tree.held = () => undefined
  tree.set("/d/n00001", 2)
  await d.reread(["n00001"])
  assert.equal(row.stat.data_length, 2)
  go()
  await late
  assert.deepEqual([row.stat.data_length, row.zxid], [2, 8])
})

test("a directory that is made again while it is read is read again", async (t) => {
  const { tree, live, store, pass } = story(t, 0)
  const go = hold(tree)
  store.open("/d")
  await pass(50)
  live.tell(tree.remove("/d"))
  const made = tree.create("/d")
  tree.create("/d/new")
  live.tell(made)
  go()
  await pass()
  assert.deepEqual([store.directory("/d").status, store.directory("/d").count], ["ready", 1])
})

test("who closes a directory hears no more of it", async (t) => {
  const { tree, store, told, pass } = story(t, 0)
  const go = hold(tree)
  store.open("/d")
  await pass(50)
  store.close("/d")
  tree.dirs.get("/").kids.clear()
  go()
  store.open("/d")
  store.close("/d")
  const again = hold(tree)
  store.open("/d")
  await pass(50)
  store.close("/d")
  again()
  await pass()
  assert.deepEqual(told, [])
})

test("a row that changed before it was seen is followed from when it was read, or read again", async (t) => {
  const { tree, live, store, pass } = story(t, 150)
  store.open("/d")
  await pass()
  live.state.zxid = 600
  store.visible(["/d/n00100"])
  assert.equal(live.wishes.at(-1).since, 151)
  live.state.zxid = tree.zxid = 5000
  live.api.saw(5000)
  tree.set("/d/n00110")
  tree.asked.length = 0
  store.visible(["/d/n00110", "/elsewhere"])
  assert.equal(live.wishes.at(-1).since, Infinity)
  await pass()
  assert.deepEqual(tree.asked, ["/d?prefix=n00110&limit=1&include=stat"])
  assert.equal(store.directory("/d").rowAt(110).stat.version, 1)
})

test("a deleted directory says so, and comes back", async (t) => {
  const { tree, live, store, told, pass } = story(t, 2)
  store.open("/d")
  await pass()
  told.length = 0
  tree.remove("/d/n00000")
  tree.remove("/d/n00001")
  live.tell(tree.remove("/d"))
  await pass()
  assert.equal(store.directory("/d").status, "gone")
  assert.deepEqual(told, ["status /d"])
  const made = tree.create("/d")
  tree.create("/d/new")
  live.tell(made)
  await pass()
  const d = store.directory("/d")
  assert.deepEqual([d.status, d.count, d.rowAt(0)?.name], ["ready", 1, "new"])
})

test("a directory that is not there is gone", async (t) => {
  const { store, pass } = story(t, -1)
  store.open("/d")
  await pass()
  assert.equal(store.directory("/d").status, "gone")
})

test("a read that fails is said, and tried again until it does not", async (t) => {
  const { tree, store, told, pass } = story(t, 3)
  tree.failing = true
  store.open("/d")
  await pass(100)
  const d = store.directory("/d")
  assert.equal(d.status, "failed")
  assert.equal(d.problem.code, "unreachable")
  await pass(20_000)
  assert.ok(tree.asked.length >= 4 && tree.asked.length < 12, `${tree.asked.length} attempts in 20 s`)
  tree.failing = false
  await pass(6000)
  assert.deepEqual([d.status, d.problem, d.count], ["ready", null, 3])
  assert.equal(told.at(-1), "rows /d 3")
})

test("after a reset all that is seen is read again; then the page is told that it is right", async (t) => {
  const { tree, live, store, told, pass } = story(t, 450)
  store.open("/d")
  store.open("/")
  await pass()
  const d = store.directory("/d")
  d.rowAt(300)
  await pass()
  store.visible(["/d/n00300"])
  tree.set("/d/n00300")
  told.length = tree.asked.length = 0
  const changes = []
  const stop = store.follow("/d/n00300", (c) => changes.push(c.type))
  live.reset(tree.zxid)
  assert.deepEqual(changes, ["reset"])
  assert.equal(live.resets, 0)
  await pass()
  assert.equal(live.resets, 1)
  assert.deepEqual(tree.asked.sort(), ["/?limit=200&offset=0&include=stat", "/d?limit=200&offset=200&include=stat"])
  assert.equal(d.rowAt(300).stat.version, 1)
  assert.deepEqual(told, ["rows /d 1", "rows / 1"])
  stop()
  store.close("/")
  store.close("/d")
  live.reset(tree.zxid)
  assert.equal(live.resets, 2, "nothing is open, so nothing is to be read")
})

test("an answer from before a reset does not count", async (t) => {
  const { tree, live, store, pass } = story(t, 5)
  const go = hold(tree)
  store.open("/d")
  await pass(50)
  tree.set("/d/n00001")
  live.reset(tree.zxid)
  go()
  await settle()
  assert.equal(live.resets, 0)
  await pass()
  assert.equal(live.resets, 1)
  assert.equal(store.directory("/d").rowAt(1).stat.version, 1)
})

test("after a restore an older state is taken", async (t) => {
  const { tree, live, store, pass } = story(t, 5)
  store.open("/d")
  await pass()
  tree.zxid = 3
  tree.find("/d").stat.pzxid = 3
  tree.find("/d").kids.delete("n00004")
  tree.find("/d").stat.num_children = 4
  live.api.zxid = 3
  live.reset(3)
  await pass()
  const d = store.directory("/d")
  assert.deepEqual([d.count, d.zxid, d.rowAt(0).zxid, live.resets], [4, 3, 3, 1])
})

test("by name, backwards", async (t) => {
  const { store, names, pass } = story(t, 450)
  store.open("/d")
  await pass()
  assert.equal(store.sortBy("/d", { by: "name", descending: true }), "")
  names(0, 60)
  await pass()
  assert.deepEqual(names(0, 2), [name(449), name(448)])
  assert.deepEqual(names(448, 450), [name(1), name(0)])
  assert.equal(store.directory("/d").indexOf(name(449)), 0)
})

test("in other orders all rows are read at once, and stay in order when they change", async (t) => {
  const { tree, live, store, told, names, pass } = story(t, 450)
  for (let i = 0; i < 450; i++) tree.set(`/d/${name(i)}`, (i * 7) % 450)
  store.open("/d")
  await pass()
  tree.asked.length = 0
  assert.equal(store.sortBy("/d", { by: "size", descending: true }), "")
  await pass()
  assert.deepEqual(tree.asked, ["/d?limit=5000&offset=0&include=stat"])
  const size = (r) => r.stat.data_length
  const d = store.directory("/d")
  assert.deepEqual(d.loadedRows().map(size), Array.from({ length: 450 }, (_, i) => 449 - i))
  store.visible([`/d/${names(3, 4)[0]}`])
  told.length = 0
  live.tell(tree.set(`/d/${names(3, 4)[0]}`, 1000))
  await pass()
  assert.deepEqual(told, ["shape /d", "rows /d 1"])
  assert.deepEqual([0, 1, 2, 3].map((i) => size(d.rowAt(i))), [1000, 449, 448, 447])
  assert.equal(d.indexOf(d.rowAt(2).name), 2)
  live.tell(tree.create("/d/zz"))
  await pass()
  assert.equal(d.rowAt(450).name, "zz")
  assert.equal(store.sortBy("/d", { by: "created", descending: false }), "")
  assert.equal(d.rowAt(0).name, name(0))
  store.sortBy("/d", { by: "name", descending: false })
  await pass()
  assert.deepEqual(names(0, 2), [name(0), name(1)])
})

test("sequence sorts by the number at the end", async (t) => {
  const { tree, store, names, pass } = story(t, 0)
  for (const n of ["b-0000000002", "a-0000000010", "c-0000000001", "none"]) tree.create(`/d/${n}`)
  store.open("/d")
  await pass()
  store.sortBy("/d", { by: "sequence", descending: false })
  await pass()
  assert.deepEqual(names(0, 4), ["none", "c-0000000001", "b-0000000002", "a-0000000010"])
})

test("too many children are sorted by name only, also when they become too many", async (t) => {
  const { tree, live, store, pass } = story(t, 5000)
  store.open("/d")
  await pass()
  assert.equal(store.sortBy("/d", { by: "size", descending: false }), "")
  await pass()
  live.tell(tree.create("/d/zz"))
  await pass(2000)
  const d = store.directory("/d")
  assert.deepEqual([d.sort.by, d.status, d.rowAt(0)?.name], ["name", "ready", name(0)])
  assert.match(store.sortBy("/d", { by: "size", descending: false }), /5000/)
})

test("no more than some pages are kept, those last seen", async (t) => {
  const { store, tree, pass } = story(t, 200 * 70)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  for (let k = 1; k < 70; k++) {
    d.rowAt(0)
    d.rowAt(k * 200)
    await pass(50)
  }
  assert.equal(tree.asked.length, 70)
  assert.equal([...d.loadedRows()].length, 60 * 200)
  assert.equal(d.rowAt(0).name, name(0), "it was seen all the time")
  assert.equal(d.rowAt(200), undefined)
  assert.equal(d.indexOf(name(200)), -1)
})

test("whoever scrolls far and fast has little asked for, and in the end what is drawn", async (t) => {
  const { store, tree, pass } = story(t, 200 * 100)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  tree.asked.length = 0
  for (let k = 1; k < 100; k++) d.rowAt(k * 200)
  store.listen(() => d.rowAt(19_800))
  await pass()
  assert.equal(tree.asked.length, 5)
  assert.equal(d.rowAt(19_800).name, name(19_800))
})

test("a znode that is followed is told of by kind, each once", async (t) => {
  const { tree, live, store } = story(t, 1)
  const told = []
  const stop = store.follow("/d", (c) => told.push(`${c.type} ${c.zxid}`))
  assert.deepEqual(live.wishes.at(-1), { paths: ["/d"], since: 2 })
  live.tell(tree.set("/d"))
  live.tell({ zxid: 4, events: [{ type: "NodeCreated", path: "/d/x" }] })
  live.tell({ zxid: 5, events: [{ type: "NodeDeleted", path: "/d" }] })
  live.tell({ zxid: 6, events: [{ type: "NodeCreated", path: "/d" }] })
  assert.deepEqual(told, ["data 3", "children 4", "deleted 5", "created 6"])
  stop()
  live.tell(tree.set("/d"))
  assert.equal(told.length, 4)
  assert.deepEqual(live.wishes.at(-1), { paths: [], since: Infinity })
})

// Whatever happens in whatever order, in the end the rows are those of the server.
test("a random life ends with what is on the server", async (t) => {
  const { tree, live, store, pass } = story(t, 300)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  let seed = 42
  const random = (n) => {
    seed = (seed * 1103515245 + 12345) % 2147483648
    return seed % n
  }
  for (let i = 0; i < 300; i++) {
    const shown = random(Math.max(1, d.count - 30))
    const seen = Array.from({ length: 30 }, (_, j) => d.rowAt(shown + j)?.path).filter(Boolean)
    store.visible(seen)
    const names = [...tree.find("/d").kids.keys()]
    const pick = names[random(names.length)]
    const m = [() => tree.set(`/d/${pick}`), () => tree.create(`/d/r${random(1e6)}-${i}`), () => tree.remove(`/d/${pick}`)][random(3)]()
    if (i % 50 === 49) live.reset(tree.zxid)
    else live.tell({ zxid: m.zxid, events: m.events.filter((e) => e.path === "/d" || seen.includes(e.path)) })
    await pass(random(5) * 50)
  }
  for (let at = 0; at < d.count; at += 25) {
    const at25 = () => Array.from({ length: 25 }, (_, j) => d.rowAt(at + j)).filter(Boolean)
    at25()
    await pass(700)
    store.visible(at25().map((r) => r.path))
    // What the stream would tell since the rows were read.
    for (const r of at25()) if (tree.find(r.path)) live.tell({ zxid: tree.zxid, events: [{ type: "NodeDataChanged", path: r.path }] })
    await pass(700)
    const want = [...tree.find("/d").kids.keys()].sort().slice(at, at + 25)
    assert.deepEqual(at25().map((r) => [r.name, r.stat.version]), want.map((n) => [n, tree.find(`/d/${n}`).stat.version]), `rows from ${at}`)
  }
  assert.equal(d.count, tree.find("/d").kids.size)
})

test("a deletion from before what was read does not take a directory away that was made again", async (t) => {
  const { tree, store, live, told, pass } = story(t, 3)
  const deleted = tree.remove("/d")
  tree.create("/d")
  tree.create("/d/new")
  store.open("/d")
  live.tell(deleted) // before the answer is here
  await pass()
  live.tell(deleted) // late, as to a wish that begins before
  await pass()
  assert.deepEqual([store.directory("/d").status, store.directory("/d").count], ["ready", 1])
  assert.equal(told.includes("status /d") && told.filter((x) => x === "status /d").length, 1)
  live.tell(tree.remove("/d/new"))
  live.tell(tree.remove("/d"))
  assert.equal(store.directory("/d").status, "gone")
})

test("a page that cannot be had is not asked for at every drawing", async (t) => {
  const { tree, store, names, pass } = story(t, 450)
  store.open("/d")
  await pass()
  tree.failing = true
  tree.asked.length = 0
  store.listen(() => setTimeout(() => names(200, 230), 16)) // as the tree draws
  names(200, 230)
  await pass(10_000)
  assert.ok(tree.asked.length > 1 && tree.asked.length < 20, `asked ${tree.asked.length} times`)
  tree.failing = false
  await pass(6000)
  assert.equal(names(200, 230)[0], name(200))
})

test("in a directory that changes all the time the place of a row is asked for now and then, and is known meanwhile", async (t) => {
  const { tree, store, live, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  const at = () => d.indexOf(name(400))
  store.listen(() => setTimeout(at, 16)) // as the tree draws
  at()
  await pass()
  assert.equal(at(), 400)
  tree.asked.length = 0
  const lost = []
  for (let i = 0; i < 60; i++) {
    live.tell(tree.create(`/d/a${String(i).padStart(3, "0")}`))
    at()
    await pass(50)
    if (at() < 0) lost.push(i)
  }
  const asked = tree.asked.filter((a) => a.includes("prefix")).length
  assert.ok(asked > 2 && asked < 20, `asked ${asked} times in 3 s`)
  assert.deepEqual(lost, [])
  await pass(2000)
  assert.equal(at(), 460)
})

test("the place of a row whose reading failed is asked for again", async (t) => {
  const { tree, store, pass } = story(t, 450)
  store.open("/d")
  await pass()
  const d = store.directory("/d")
  const at = () => d.indexOf(name(400))
  store.listen(() => setTimeout(at, 16))
  tree.failing = true
  at()
  await pass(3000)
  assert.equal(at(), -1)
  tree.failing = false
  await pass(10_000)
  assert.equal(at(), 400)
})
