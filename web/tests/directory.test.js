import { test } from "node:test"
import assert from "node:assert/strict"
import { settle } from "./fake.js"
import { hold, name, story } from "./story.js"

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

test("a directory that is made while an answer says that it is not there is shown", async (t) => {
  const { tree, live, store, told, pass } = story(t, -1)
  const go = hold(tree)
  store.open("/d")
  await pass(50)
  live.tell(tree.create("/d"))
  go()
  await pass()
  assert.deepEqual([store.directory("/d").status, store.directory("/d").zxid], ["ready", tree.zxid])
  assert.equal(told.filter((x) => x === "status /d").length, 1, "it is never said to be gone")
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
