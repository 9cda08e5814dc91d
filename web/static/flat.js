// The rows of the tree as one list: the root, and below each open directory its children. Nothing here grows with the
// number of children: a place in the list is found by counting open directories.

import { ancestors, base, isBelow, parent } from "./path.js"

export const OPEN_MAX = 200 // directories

/**
 * Item is what stands in one row.
 * @typedef {object} Item
 * @property {string} key
 * @property {string} path "" while it is not known, and for a note
 * @property {string} dir the directory it stands in, "" for the root
 * @property {Row} [row] what is known of the znode
 * @property {number} level from 1
 * @property {number} pos among its siblings, from 1
 * @property {number} size how many siblings there are, with itself
 * @property {boolean} open
 * @property {Directory} [note] the row stands for a directory whose children are not to be had
 *
 * Branch is an open directory: where it stands among its siblings (-1: not known yet), and how many rows it has.
 * @typedef {{path: string, level: number, at: number, note: number, count: number, rows: number, kids: Branch[], placed: Branch[]}} Branch
 * @typedef {{open(path: string): void, close(path: string): void, directory(path: string): Directory | undefined}} Directories
 */

export class Flat {
  /** @param {Directories} store */
  constructor(store) {
    this.store = store
    /** @type {Map<string, Branch>} */
    this.branches = new Map()
    this.open("/")
  }

  get length() {
    return 1 + this.root.rows
  }

  get root() {
    return /** @type {Branch} */ (this.branches.get("/"))
  }

  /** isOpen says whether the children of a znode are among the rows. @param {string} path */
  isOpen(path) {
    return this.branches.has(path)
  }

  /** paths are those of the open directories, parents first. */
  paths() {
    return [...this.branches.keys()].sort((a, b) => a.split("/").length - b.split("/").length)
  }

  /** open opens a directory, and says whether it could: OPEN_MAX is the most. Its ancestors must be open for it to show.
   * @param {string} path */
  open(path) {
    if (this.isOpen(path)) return true
    if (this.branches.size >= OPEN_MAX) return false
    const level = path === "/" ? 1 : path.split("/").length
    this.branches.set(path, { path, level, at: -1, note: 0, count: 0, rows: 0, kids: [], placed: [] })
    this.store.open(path)
    this.family()
    return true
  }

  /** shut closes a directory and those below it. @param {string} path */
  shut(path) {
    for (const p of this.paths()) {
      if (p === "/" || !isBelow(p, path)) continue
      this.branches.delete(p)
      this.store.close(p)
    }
    this.family()
  }

  /** close gives all of them up. */
  close() {
    for (const p of this.branches.keys()) this.store.close(p)
  }

  family() {
    for (const b of this.branches.values()) b.kids = []
    for (const b of this.branches.values()) if (b.path !== "/") this.branches.get(parent(b.path))?.kids.push(b)
    this.measure()
  }

  /** measure asks the directories how many children they have, and where the open ones stand. */
  measure(b = this.root) {
    const d = this.store.directory(b.path)
    b.count = d ? d.count : 0
    b.note = d && ((d.status === "loading" && !d.count) || d.status === "failed" || d.status === "gone") ? 1 : 0
    b.rows = b.note + b.count
    for (const k of b.kids) {
      k.at = d?.count ? d.indexOf(base(k.path)) : -1
      this.measure(k)
    }
    b.placed = b.kids.filter((k) => k.at >= 0).sort((x, y) => x.at - y.at)
    for (const k of b.placed) b.rows += k.rows
  }

  /** at is what stands in a row; the page it is of is asked for if it is not here. @param {number} i @returns {Item} */
  at(i) {
    if (i > 0) return this.within(this.root, i - 1)
    const d = this.store.directory("/")
    const row = d?.stat ? { name: "/", path: "/", stat: d.stat, mode: /** @type {Mode} */ ("persistent"), ttl_ms: 0, zxid: d.zxid, flash: 0 } : undefined
    return { key: "/", path: "/", dir: "", row, level: 1, pos: 1, size: 1, open: true }
  }

  /** @param {Branch} b @param {number} k @returns {Item} */
  within(b, k) {
    const d = /** @type {Directory} */ (this.store.directory(b.path))
    const some = { dir: b.path, level: b.level + 1, open: false }
    if (k < b.note) return { ...some, key: b.path + "//", path: "", pos: 1, size: b.note + b.count, note: d }
    k -= b.note
    for (const kid of b.placed) {
      if (k <= kid.at) break
      if (k <= kid.at + kid.rows) return this.within(kid, k - kid.at - 1)
      k -= kid.rows
    }
    const row = d.rowAt(k)
    const path = row ? row.path : ""
    return { ...some, key: path || `${b.path}//${k}`, path, row, pos: k + 1 + b.note, size: b.note + b.count, open: this.isOpen(path) }
  }

  /** find is the row of a znode, or -1 while that is not known. @param {string} path */
  find(path) {
    let i = 0
    for (const p of [...ancestors(path), path].slice(1)) {
      const b = this.branches.get(parent(p))
      const at = b?.count ? (this.branches.get(p)?.at ?? this.store.directory(b.path)?.indexOf(base(p)) ?? -1) : -1
      if (!b || at < 0) return -1
      i += 1 + b.note + at
      for (const k of b.placed) if (k.at < at) i += k.rows
    }
    return i
  }
}
