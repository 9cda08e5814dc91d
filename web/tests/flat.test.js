import { test } from "node:test"
import assert from "node:assert/strict"
import { Flat, OPEN_MAX } from "../static/flat.js"
import { makeSelection, SELECT_MAX } from "../static/rows.js"

/** A store of names: kids says which a directory has; far are the directories whose places are not known. */
function fake(kids, far = new Set()) {
  const dirs = new Map()
  const store = {
    open(path) {
      dirs.set(path, { path, get status() { return kids[path] ? "ready" : "loading" }, get count() { return (kids[path] || []).length },
        stat: null, rowAt: (i) => far.has(path) ? undefined : row(path, kids[path][i]), indexOf: (name) => far.has(path) ? -1 : (kids[path] || []).indexOf(name) })
    },
    close: (path) => dirs.delete(path),
    directory: (path) => dirs.get(path),
    dirs,
  }
  return store
}
const join = (dir, name) => dir === "/" ? "/" + name : dir + "/" + name
const row = (dir, name) => ({ name, path: join(dir, name), stat: { num_children: 1 } })

/** plain lists the rows as one would by hand. */
function plain(kids, open, dir = "/", level = 2) {
  return (kids[dir] || []).flatMap((name, i) => {
    const path = join(dir, name)
    const below = !open.has(path) ? [] : kids[path] ? plain(kids, open, path, level + 1) : [[path + "//", level + 1, 1]]
    return [[path, level, i + 1], ...below]
  })
}
const listed = (flat) => Array.from({ length: flat.length }, (_, i) => flat.at(i)).map((x) => [x.key, x.level, x.pos])

test("the rows are those of a list made by hand, whatever is open", () => {
  let seed = 7
  const chance = (n) => (seed = (seed * 1103515245 + 12345) & 0x7fffffff) % n
  for (let round = 0; round < 200; round++) {
    const kids = { "/": Array.from({ length: chance(6) }, (_, i) => "n" + i) }
    const all = kids["/"].map((n) => "/" + n)
    for (const path of all) {
      if (path.split("/").length > 4 || chance(4) === 0) continue // its children are not here yet
      kids[path] = Array.from({ length: chance(4) }, (_, i) => "k" + i)
      all.push(...kids[path].map((n) => join(path, n)))
    }
    const flat = new Flat(fake(kids))
    const open = new Set(["/"])
    for (let step = 0; step < 8 && all.length; step++) {
      const path = all[chance(all.length)]
      if (open.has(path)) {
        for (const p of [...open]) if (p === path || p.startsWith(path + "/")) open.delete(p)
        flat.shut(path)
      } else {
        open.add(path)
        flat.open(path)
      }
      flat.measure()
      const want = [["/", 1, 1], ...plain(kids, open)]
      assert.deepEqual(listed(flat), want)
      for (const [i, [key]] of want.entries()) if (!key.endsWith("//")) assert.equal(flat.find(key), i)
      assert.equal(flat.find("/none/at/all"), -1)
    }
  }
})

test("what came and went moves the open directories behind it", () => {
  const kids = { "/": ["a", "c"], "/c": ["x"] }
  const flat = new Flat(fake(kids))
  flat.open("/c")
  kids["/"] = ["a", "b", "c"]
  flat.measure()
  assert.equal(flat.find("/c/x"), 4)
  kids["/"] = ["c"]
  flat.measure()
  assert.equal(flat.find("/c/x"), 2)
  assert.equal(flat.length, 3)
})

test("an open directory whose place is not known is not among the rows", () => {
  const far = new Set(["/"])
  const flat = new Flat(fake({ "/": ["a", "b"], "/b": ["x"] }, far))
  flat.open("/b")
  assert.equal(flat.length, 3)
  assert.equal(flat.find("/b/x"), -1)
  assert.deepEqual([flat.at(2).path, flat.at(2).pos, flat.at(2).size], ["", 2, 2])
  far.clear()
  flat.measure()
  assert.equal(flat.find("/b/x"), 3)
})

test("a directory of a million children costs no more than one of ten", () => {
  const store = fake({ "/": ["big"] })
  const flat = new Flat(store)
  flat.open("/big")
  let asked = 0
  Object.defineProperties(store.directory("/big"), { count: { value: 1e6 }, status: { value: "ready" } })
  store.directory("/big").rowAt = (i) => { asked++; return row("/big", "m" + i) }
  flat.measure()
  assert.equal(flat.length, 1000002)
  assert.equal(flat.at(999999).path, "/big/m999997")
  assert.equal(asked, 1)
})

test("no more are open than OPEN_MAX, and closing gives room", () => {
  const store = fake({})
  const flat = new Flat(store)
  for (let i = 1; i < OPEN_MAX; i++) assert.ok(flat.open("/" + i))
  assert.ok(!flat.open("/more"))
  flat.shut("/1")
  assert.ok(flat.open("/more"))
  flat.close()
  assert.equal(store.dirs.size, 0)
})

test("marks are bounded, never the root, and told of", () => {
  const marks = makeSelection()
  let told = 0
  const stop = marks.listen(() => told++)
  marks.toggle("/")
  assert.deepEqual(marks.list(), [])
  for (let i = 0; i < SELECT_MAX + 5; i++) marks.toggle("/" + i)
  assert.equal(marks.list().length, SELECT_MAX)
  marks.toggle("/0")
  assert.ok(!marks.has("/0") && marks.has("/1"))
  stop()
  const before = told
  marks.clear()
  assert.deepEqual([marks.list(), told], [[], before])
})
