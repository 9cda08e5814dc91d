// The tree: a list of any length of which only the rows in sight are in the document.

import { h } from "./dom.js"
import { Flat, OPEN_MAX } from "./flat.js"
import { visible } from "./path.js"
import { FLASH, opens, ROW, SELECT_MAX, TreeRow } from "./rows.js"
import { many } from "./time.js"

const OVERSCAN = 10 // rows above and below what is in sight
const HEIGHT_MAX = 8e6 // px; browsers draw nothing much further down: longer lists scroll faster
const LOST = 1500 // ms after which a row that is not found is taken to be gone
const TYPING = 700 // ms in which letters make one word
const LEVEL_MAX = 50 // directories that * opens

/**
 * @typedef {import("./flat.js").Item} Item
 * @typedef {object} TreeUser what the tree tells
 * @property {(path: string) => void} show a znode is to be shown
 * @property {(name: string, path: string) => void} command n e m Delete menu
 * @property {() => void} shaped a directory was opened or closed
 * @property {(at: number, of: number, dir: string) => void} placed where the cursor is
 */

export class Tree {
  /** @param {App} app @param {TreeUser} user */
  constructor(app, user) {
    this.app = app
    this.user = user
    this.flat = new Flat(app.store)
    this.space = h("div", { class: "space" })
    this.element = h("div", { role: "tree", class: "tree", tabindex: 0, "aria-label": "Znodes", "aria-multiselectable": "true",
      onscroll: () => this.scrolled(), onkeydown: (/** @type {KeyboardEvent} */ e) => this.pressed(e), onclick: (/** @type {MouseEvent} */ e) => this.clicked(e),
      onmousedown: (/** @type {MouseEvent} */ e) => this.down(e), oncontextmenu: (/** @type {MouseEvent} */ e) => this.asked(e),
      ondblclick: (/** @type {MouseEvent} */ e) => this.twice(e), onwheel: () => (this.aim = "") }, this.space)
    /** @type {Map<string, TreeRow>} */
    this.rows = new Map()
    /** The row that keys are for; its path is "" until its page is here. */
    this.cursor = { path: "/", at: 0 }
    this.shown = ""
    this.aim = "" // a path to move to as soon as it is known where it is
    this.dead = "" // the path deleted last
    this.lost = 0 // since when the cursor's path is not found
    this.first = { path: "", at: 0 } // the topmost row: it stays where it is when others come above it
    this.v = 0 // px above what is in sight
    this.top = 0 // the scrollbar's place
    this.typed = { word: "", at: 0 }
    this.seen = "" // the paths told to the store
    this.frame = 0
    /** @type {Record<string, number>} */
    this.timers = {}
    const sized = new ResizeObserver(() => this.draw())
    sized.observe(this.element)
    this.stops = [app.store.listen(() => this.draw()), app.selection.listen(() => this.draw()), () => sized.disconnect(),
      app.live.listen((m) => m.kind === "events" && m.events.forEach((e) => this.happened(e)))]
  }

  close() {
    this.stops.forEach((stop) => stop())
    Object.values(this.timers).forEach(clearTimeout)
    cancelAnimationFrame(this.frame)
    this.flat.close()
    this.app.store.visible([])
  }

  /** later does something once, a while after it was last called for. @param {string} name @param {number} ms @param {() => void} fn */
  later(name, ms, fn) {
    clearTimeout(this.timers[name])
    this.timers[name] = window.setTimeout(fn, ms)
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => this.paint())
  }

  /** paint makes the document show what is in sight. @param {boolean} [ask] whether pages that are not here are asked for */
  paint(ask = true) {
    this.frame = 0
    const { flat, element } = this
    flat.measure()
    this.settle()
    const n = flat.length
    const view = element.clientHeight
    const height = Math.min(n * ROW, HEIGHT_MAX) + "px"
    if (this.space.style.height !== height) this.space.style.height = height
    this.v = Math.max(0, Math.min(this.v, n * ROW - view))
    this.place()
    const from = Math.floor(this.v / ROW)
    const first = Math.max(0, from - OVERSCAN)
    const last = Math.min(n, Math.ceil((this.v + view) / ROW) + OVERSCAN)
    const at = this.cursor.at
    const items = new Map()
    const add = (/** @type {number} */ i) => items.set(i, flat.at(i, ask))
    if (at < first) add(at)
    for (let i = first; i < last; i++) add(i)
    if (at >= last) add(at)
    this.first = { path: items.get(from)?.path || "", at: from }
    this.render(items)
    this.user.placed(at, n, items.get(at)?.dir || "/")
    const seen = [...items.values()].map((item) => item.path).filter(Boolean)
    if (this.shown) seen.push(this.shown)
    if (this.seen !== seen.join("\n")) this.later("seen", 150, () => { this.seen = seen.join("\n"); this.app.store.visible(seen) })
  }

  /** @param {Map<number, Item>} items */
  render(items) {
    const now = performance.now()
    const keys = new Set([...items.values()].map((item) => item.key))
    const spare = [...this.rows.values()].filter((r) => !keys.has(r.key))
    spare.forEach((r) => this.rows.delete(r.key))
    let fading = false
    let after = null
    for (const [i, item] of [...items].reverse()) {
      const r = this.rows.get(item.key) || spare.pop() || new TreeRow()
      const active = i === this.cursor.at
      const look = { marked: this.app.selection.has(item.path), shown: item.path === this.shown, active, now }
      if (r.patch(item, look)) fading = true
      this.rows.set(item.key, r)
      r.move(i * ROW - this.v + this.top)
      if (!r.element.isConnected || r.element.nextSibling !== after) this.space.insertBefore(r.element, after)
      after = r.element
      if (active && this.element.getAttribute("aria-activedescendant") !== r.element.id) this.element.setAttribute("aria-activedescendant", r.element.id)
    }
    spare.forEach((r) => r.element.remove())
    if (fading) this.later("fade", FLASH, () => this.draw())
  }

  /** settle finds the cursor and the topmost row again after rows came or went. */
  settle() {
    const { flat, cursor } = this
    if (this.aim && flat.find(this.aim) >= 0) {
      cursor.path = this.aim
      this.aim = this.first.path = ""
      this.reach(flat.find(cursor.path))
    }
    const moved = this.first.path ? flat.find(this.first.path) - this.first.at : 0
    if (moved && moved >= -this.first.at) this.v += moved * ROW
    const at = cursor.path ? flat.find(cursor.path) : -1
    if (at >= 0) this.lost = 0
    else if (cursor.path) {
      this.lost ||= performance.now()
      if (performance.now() - this.lost > LOST) cursor.path = ""
      else this.later("lost", LOST + 50, () => this.draw())
    }
    cursor.at = Math.max(0, Math.min(at < 0 ? cursor.at : at, flat.length - 1))
    if (cursor.path) return
    const path = flat.at(cursor.at).path
    if (path !== this.dead) cursor.path = path
  }

  /** reach scrolls until a row is in sight. @param {number} i */
  reach(i) {
    const view = this.element.clientHeight
    if (i * ROW < this.v) this.v = i * ROW
    else if ((i + 1) * ROW > this.v + view) this.v = (i + 1) * ROW - view
  }

  /** ratio is how far one pixel of the scrollbar goes. */
  ratio() {
    const view = this.element.clientHeight
    const all = this.flat.length * ROW
    return all <= HEIGHT_MAX ? 1 : (all - view) / (HEIGHT_MAX - view)
  }

  /** place puts the scrollbar where v is. */
  place() {
    const top = this.v / this.ratio()
    if (Math.abs(this.element.scrollTop - top) >= 1) this.element.scrollTop = top
    this.top = this.ratio() === 1 ? this.v : this.element.scrollTop
  }

  scrolled() {
    const top = this.element.scrollTop
    if (Math.abs(top - this.top) < 1) return
    const r = this.ratio()
    const was = this.v
    const view = this.element.clientHeight
    // In a list that is too long for the scrollbar, a small step goes as far as it looks, and a big one to the place meant.
    const small = r > 1 && Math.abs(top - this.top) < 2 * view
    this.v = small ? this.v + top - this.top : top * r
    this.top = top
    this.first.path = ""
    const fast = Math.abs(this.v - was) > 2 * view
    cancelAnimationFrame(this.frame)
    this.paint(!fast)
    if (fast) this.later("still", 80, () => this.draw())
  }

  /** @param {ZnodeEvent} e */
  happened(e) {
    if (e.type === "NodeCreated" && e.path === this.dead) this.dead = ""
    if (e.type !== "NodeDeleted") return
    if (e.path !== "/" && this.flat.isOpen(e.path)) this.shut(e.path, "deleted")
    if (this.app.selection.has(e.path)) this.app.selection.toggle(e.path)
    if (this.cursor.path !== e.path) return
    this.dead = e.path
    this.cursor.path = ""
  }

  /** open opens directories, ancestors first. @param {string[]} paths */
  open(paths) {
    const before = this.flat.branches.size
    if (!paths.every((p) => this.flat.open(p))) this.app.shell.toast(`Only ${OPEN_MAX} znodes can be open at once. Close some.`)
    if (this.flat.branches.size === before) return
    this.draw()
    this.user.shaped()
  }

  /** @param {string} path */
  shut(path, why = "closed") {
    const { flat, cursor } = this
    const i = flat.find(path)
    const rows = flat.branches.get(path)?.rows || 0
    flat.shut(path)
    if (i >= 0 && cursor.at > i && cursor.at <= i + rows) this.cursor = { path, at: i }
    this.app.shell.announce(`${visible(path)} ${why}`)
    this.draw()
    this.user.shaped()
  }

  /** reveal moves to a znode, as soon as it is known where it is. @param {string} path */
  reveal(path) {
    this.aim = path
    this.draw()
  }

  /** @param {number} at @param {boolean} [mark] */
  go(at, mark) {
    const to = Math.max(0, Math.min(at, this.flat.length - 1))
    const path = this.flat.at(to).path
    if (mark && to !== this.cursor.at) {
      // Back over what is marked already takes the mark away.
      if (this.app.selection.has(path)) this.mark(this.cursor.path)
      else [this.cursor.path, path].forEach((p) => this.app.selection.has(p) || this.mark(p))
    }
    this.aim = ""
    this.cursor = { path, at: to }
    this.reach(to)
    this.first.path = ""
    cancelAnimationFrame(this.frame)
    this.paint()
  }

  /** @param {string} path */
  mark(path) {
    const { selection, shell } = this.app
    if (!path || path === "/") return
    if (!selection.has(path) && selection.list().length >= SELECT_MAX) shell.toast(`Only ${SELECT_MAX} can be marked at once.`)
    else selection.toggle(path)
    shell.announce(`${many(selection.list().length, "znode")} marked`)
  }

  /** toggle opens or closes what a row stands for. @param {Item} item */
  toggle(item) {
    if (item.open && item.path !== "/") this.shut(item.path)
    else if (opens(item) && !item.open) this.open([item.path])
  }

  /** @param {KeyboardEvent} e */
  pressed(e) {
    if (e.target !== this.element || e.ctrlKey || e.metaKey || e.altKey) return
    const at = this.cursor.at
    const item = this.flat.at(at)
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1)
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -at, End: this.flat.length }[e.key]
    const now = performance.now()
    const typing = now - this.typed.at < TYPING
    if (step !== undefined) this.go(at + step, e.shiftKey && e.key.startsWith("Arrow"))
    else if (e.key === "ArrowRight") item.open ? this.flat.at(at + 1).dir === item.path && this.go(at + 1) : this.toggle(item)
    else if (e.key === "ArrowLeft") item.open && item.path !== "/" ? this.shut(item.path) : item.dir && this.go(this.flat.find(item.dir))
    else if (e.key === "Enter") item.note ? this.app.store.refresh(item.dir) : item.path && this.user.show(item.path)
    else if (e.key === " " && !typing) this.mark(item.path)
    else if (e.key === "*") this.level(item)
    else if (e.key === "Delete" || e.key === "F2" || e.key === "ContextMenu" || (e.key === "F10" && e.shiftKey) || (!typing && "nem".includes(e.key))) {
      const name = { F2: "m", ContextMenu: "menu", F10: "menu" }[e.key] || e.key
      if (item.path) this.user.command(name, item.path)
    } else if (e.key.length === 1 && e.key !== "?") {
      this.typed = { word: (typing ? this.typed.word : "") + e.key.toLowerCase(), at: now }
      this.type(this.typed.word)
    } else return
    e.preventDefault()
  }

  /** level opens all that is on a level and here. @param {Item} item */
  level(item) {
    const rows = [...(this.app.store.directory(item.dir || "/")?.loadedRows() || [])].filter((r) => r.stat.num_children)
    this.open(rows.slice(0, LEVEL_MAX).map((r) => r.path))
    if (rows.length > LEVEL_MAX) this.app.shell.toast(`The first ${LEVEL_MAX} were opened.`)
  }

  /** type moves to the next row, of those that are here, whose name begins with a word. @param {string} word */
  type(word) {
    const from = this.cursor.at + (word.length > 1 ? 0 : 1)
    const n = this.flat.length
    let best = n
    for (const dir of this.flat.paths()) {
      for (const row of this.app.store.directory(dir)?.loadedRows() || []) {
        if (!row.name.toLowerCase().startsWith(word)) continue
        const i = this.flat.find(row.path)
        if (i >= 0) best = Math.min(best, (i - from + n) % n)
      }
    }
    if (best < n) this.go((from + best) % n)
  }

  /** itemOf is the row that an event is about. @param {Event} e */
  itemOf(e) {
    const element = /** @type {Element} */ (e.target).closest(".trow")
    const row = [...this.rows.values()].find((r) => r.element === element)
    const i = row ? Math.round((row.top + this.v - this.top) / ROW) : -1
    return i < 0 ? null : { i, item: this.flat.at(i) }
  }

  /** down keeps the focus with the tree, whose rows come and go. @param {MouseEvent} e */
  down(e) {
    this.aim = ""
    if (/** @type {Element} */ (e.target).closest("a") || e.target === this.element) return
    e.preventDefault()
    this.element.focus({ preventScroll: true })
  }

  /** @param {MouseEvent} e */
  clicked(e) {
    const hit = this.itemOf(e)
    const target = /** @type {Element} */ (e.target)
    if (!hit || target.closest("a")) return
    const { i, item } = hit
    const was = this.cursor.at
    this.go(i)
    if (target.closest(".more")) this.user.command("menu", item.path)
    else if (target.closest(".twisty")) this.toggle(item)
    else if (e.shiftKey) {
      const [a, b] = i < was ? [i, was] : [was, i]
      for (let k = a; k <= Math.min(b, a + SELECT_MAX); k++) {
        const path = this.flat.at(k).path
        if (!this.app.selection.has(path)) this.mark(path)
      }
    } else if (e.ctrlKey || e.metaKey) this.mark(item.path)
    else if (item.note) this.app.store.refresh(item.dir)
    else if (item.path) this.user.show(item.path)
  }

  /** @param {MouseEvent} e */
  twice(e) {
    const hit = this.itemOf(e)
    if (hit && !/** @type {Element} */ (e.target).closest("a, .twisty, .more")) this.toggle(hit.item)
  }

  /** @param {MouseEvent} e */
  asked(e) {
    const hit = this.itemOf(e)
    if (!hit?.item.path) return
    e.preventDefault()
    this.go(hit.i)
    this.user.command("menu", hit.item.path)
  }

  /** box is where the cursor's row is on the screen. */
  box() {
    return [...this.rows.values()].find((r) => r.was && r.element.hasAttribute("data-active"))?.element.getBoundingClientRect() || this.element.getBoundingClientRect()
  }

  /** resort forgets what was on top: another order follows. */
  resort() {
    this.first.path = ""
    this.draw()
  }
}
