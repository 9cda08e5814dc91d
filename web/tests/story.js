// A tree, the live view and a store over them, in the time of a test.

import { Api } from "../static/api.js"
import { Store } from "../static/store.js"
import { Streams } from "./fake.js"

/** A tree of one level or two that answers as the server does, of the state it is in. */
export class Tree {
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
    if (!dir) return new Response(JSON.stringify({ code: "no_node", status: 404, zxid: this.zxid }), { status: 404, headers })
    let names = [...dir.kids.keys()].sort()
    const offset = query.has("prefix") ? names.filter((n) => n < query.get("prefix")).length : Number(query.get("offset"))
    names = names.slice(offset).filter((n) => n.startsWith(query.get("prefix") || ""))
    const page = names.slice(0, Number(query.get("limit")))
    const children = page.map((name) => ({ name, stat: dir.kids.get(name).stat, mode: "persistent", ttl_ms: 0 }))
    return new Response(JSON.stringify({ path, children, stat: dir.stat, next: names.length > page.length ? page.at(-1) : "", offset }), { headers })
  }
}

/** Live, as the store sees it. */
export class FakeLive {
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
export function story(t, n = 0) {
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
export function hold(tree, which = () => true) {
  let go = () => {}
  const held = new Promise((done) => { go = () => done(undefined) })
  tree.held = (url) => (which(url) ? held : undefined)
  return () => {
    tree.held = () => undefined
    go()
  }
}

/** name is that of a child. @param {number} i */
export const name = (i) => `n${String(i).padStart(5, "0")}`
