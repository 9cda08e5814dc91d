// The tree: a list of any length of which only the rows in sight are in the document.

import { h } from "./dom.js"
import { Flat, OPEN_MAX } from "./flat.js"
import { isBelow } from "./path.js"
import { FLASH, opens, ROW, SELECT_MAX, TreeRow } from "./rows.js"
import { many } from "./time.js"

const OVERSCAN = 10 // rows above and below what is in sight
const HEIGHT_MAX = 8e6 // px; browsers draw nothing much further down: longer lists scroll faster
const TYPING = 700 // ms in which letters make one word
const LEVEL_MAX = 50 // directories that * opens

/** What the tree tells: that a znode is to be shown; a key or a click that means a command; that a directory was opened or
 * closed; where the cursor is.
 * @typedef {{show: (path: string) => void, command: (key: string, path: string) => void, shaped: () => void, placed: (at: number, of: number, dir: string) => void}} TreeUser
 * @typedef {import("./flat.js").Item} Item */

export class Tree {
  /** @param {App} app @param {TreeUser} user */
  constructor(app, user) {
    this.app = app
    this.user = user
    this.flat = new Flat(app.store)
    this.space = h("div", { class: "space" })
    const clicked = (/** @type {MouseEvent} */ e) => this.clicked(e)
    this.element = h("div", { role: "tree", class: "tree", tabindex: 0, "aria-label": "Znodes", "aria-multiselectable": "true", onscroll: () => this.scrolled(),
      onkeydown: (/** @type {KeyboardEvent} */ e) => this.pressed(e), onclick: clicked, oncontextmenu: clicked, onmousedown: (/** @type {MouseEvent} */ e) => this.down(e),
      onwheel: () => (this.aim = "") }, this.space)
    /** @type {Map<string, TreeRow>} */
    this.rows = new Map()
    /** The row that keys are for; its path is "" until its page is here. */
    this.cursor = { path: "/", at: 0 }
    this.shown = ""
    this.aim = "" // a path to move to as soon as it is known where it is
    this.first = { path: "", at: 0 } // the topmost row: it stays where it is when others come above it
    this.v = 0 // px above what is in sight
    this.top = 0 // the scrollbar's place
    this.typed = { word: "", at: 0 }
    this.frame = 0
    this.fading = 0
    const sized = new ResizeObserver(() => this.draw())
    sized.observe(this.element)
    this.stops = [app.store.listen(() => this.draw()), app.selection.listen(() => this.draw()), () => sized.disconnect()]
  }

  close() {
    this.stops.forEach((stop) => stop())
    clearTimeout(this.fading)
    cancelAnimationFrame(this.frame)
    this.flat.close()
    this.app.store.visible([])
  }

  draw() {
    this.frame ||= requestAnimationFrame(() => this.paint())
  }

  /** paint makes the document show what is in sight. */
  paint() {
    cancelAnimationFrame(this.frame)
    this.frame = 0
    const { flat, element, space } = this
    flat.measure()
    this.settle()
    const n = flat.length
    const view = element.clientHeight
    const height = Math.min(n * ROW, HEIGHT_MAX) + "px"
    if (space.style.height !== height) space.style.height = height
    this.v = Math.max(0, Math.min(this.v, n * ROW - view))
    const top = this.v / this.ratio()
    if (Math.abs(element.scrollTop - top) >= 1) element.scrollTop = top
    this.top = this.ratio() === 1 ? this.v : element.scrollTop
    const from = Math.floor(this.v / ROW)
    const first = Math.max(0, from - OVERSCAN)
    const last = Math.min(n, Math.ceil((this.v + view) / ROW) + OVERSCAN)
    const at = this.cursor.at
    /** @type {Map<number, Item>} */
    const items = new Map()
    if (at < first) items.set(at, flat.at(at))
    for (let i = first; i < last; i++) items.set(i, flat.at(i))
    if (at >= last) items.set(at, flat.at(at))
    this.first = { path: items.get(from)?.path || "", at: from }
    this.render(items)
    this.user.placed(at, n, items.get(at)?.dir || "/")
    this.app.store.visible([this.shown, ...[...items.values()].map((item) => item.path)].filter(Boolean))
  }

  /** @param {Map<number, Item>} items */
  render(items) {
    const keys = new Set([...items.values()].map((item) => item.key))
    const spare = [...this.rows.values()].filter((r) => !keys.has(r.key))
    spare.forEach((r) => this.rows.delete(r.key))
    let fading = false
    let after = null
    for (const [i, item] of [...items].reverse()) {
      const r = this.rows.get(item.key) || spare.pop() || new TreeRow()
      const active = i === this.cursor.at
      if (r.patch(item, { marked: this.app.selection.has(item.path), shown: item.path === this.shown, active, now: performance.now() })) fading = true
      this.rows.set(item.key, r)
      r.at = i
      r.move(i * ROW - this.v + this.top)
      if (!r.element.isConnected || r.element.nextSibling !== after) this.space.insertBefore(r.element, after)
      after = r.element
      if (active && this.active() !== r.element) this.element.setAttribute("aria-activedescendant", r.element.id)
    }
    spare.forEach((r) => r.element.remove())
    clearTimeout(this.fading)
    if (fading) this.fading = window.setTimeout(() => this.draw(), FLASH)
  }

  /** active is the element of the cursor's row. */
  active() {
    return document.getElementById(this.element.getAttribute("aria-activedescendant") || "")
  }

  /** settle finds the cursor and the topmost row again after rows came or went. */
  settle() {
    const { flat, cursor, first } = this
    const aim = this.aim ? flat.find(this.aim) : -1
    if (aim >= 0) {
      cursor.path = this.aim
      this.aim = first.path = ""
      this.reach(aim)
    }
    const was = first.path ? flat.find(first.path) : -1
    if (was >= 0) this.v += (was - first.at) * ROW
    // In the place of a row that is gone stands the next one.
    const at = cursor.path ? flat.find(cursor.path) : -1
    cursor.at = Math.max(0, Math.min(at < 0 ? cursor.at : at, flat.length - 1))
    if (at < 0) cursor.path = flat.at(cursor.at).path || cursor.path
  }

  /** reach scrolls until a row is in sight. @param {number} i */
  reach(i) {
    this.v = Math.max((i + 1) * ROW - this.element.clientHeight, Math.min(i * ROW, this.v))
  }

  /** ratio is how far one pixel of the scrollbar goes. */
  ratio() {
    const view = this.element.clientHeight
    return Math.max(1, (this.flat.length * ROW - view) / (HEIGHT_MAX - view))
  }

  scrolled() {
    const top = this.element.scrollTop
    const by = top - this.top
    if (Math.abs(by) < 1) return
    // In a list that is too long for the scrollbar, a small step goes as far as it looks, and a big one to the place meant.
    this.v = this.ratio() > 1 && Math.abs(by) < 2 * this.element.clientHeight ? this.v + by : top * this.ratio()
    this.resort()
    this.paint()
  }

  /** resort forgets what was on top: other rows follow. */
  resort() {
    this.first.path = ""
    this.draw()
  }

  /** open opens directories, ancestors first. @param {string[]} paths */
  open(paths) {
    if (!paths.every((p) => this.flat.open(p))) this.app.shell.toast(`Only ${OPEN_MAX} znodes can be open at once. Close some.`)
    this.draw()
    this.user.shaped()
  }

  /** @param {string} path */
  shut(path) {
    this.flat.shut(path)
    if (isBelow(this.cursor.path, path)) this.cursor.path = path
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
    const { selection } = this.app
    const to = Math.max(0, Math.min(at, this.flat.length - 1))
    const path = this.flat.at(to).path
    if (mark && to !== this.cursor.at) {
      // Back over what is marked already takes the mark away.
      if (selection.has(path)) this.mark(this.cursor.path)
      else for (const p of [this.cursor.path, path]) if (!selection.has(p)) this.mark(p)
    }
    this.aim = this.first.path = this.typed.word = ""
    this.cursor = { path, at: to }
    this.reach(to)
    this.paint()
  }

  /** @param {string} path */
  mark(path) {
    const { selection, shell } = this.app
    if (!path) return
    if (!selection.has(path) && selection.list().length >= SELECT_MAX) shell.toast(`Only ${SELECT_MAX} can be marked at once.`)
    selection.toggle(path)
    shell.announce(`${many(selection.list().length, "znode")} marked`)
  }

  /** toggle opens or closes what a row stands for. @param {Item} item */
  toggle(item) {
    if (!item.open && opens(item)) this.open([item.path])
    else if (item.open && item.dir) this.shut(item.path)
  }

  /** enter shows what a row stands for, or tries again to load it. @param {Item} item */
  enter(item) {
    if (item.note) this.app.store.refresh(item.dir)
    else if (item.path) this.user.show(item.path)
  }

  /** @param {KeyboardEvent} e */
  pressed(e) {
    if (e.ctrlKey || e.metaKey || e.altKey || e.target !== this.element) return
    const { key } = e
    const at = this.cursor.at
    const item = this.flat.at(at)
    const page = Math.max(1, Math.floor(this.element.clientHeight / ROW) - 1)
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: page, PageUp: -page, Home: -at, End: this.flat.length }[key]
    const typing = this.typed.word && e.timeStamp - this.typed.at < TYPING
    const command = { Delete: key, ContextMenu: "menu", F10: e.shiftKey ? "menu" : "", F2: "m", n: key, e: key, m: key }[key]
    if (step !== undefined) this.go(at + step, e.shiftKey)
    else if (key === "ArrowRight") item.open ? this.flat.at(at + 1).dir === item.path && this.go(at + 1) : this.toggle(item)
    else if (key === "ArrowLeft") item.open && item.dir ? this.shut(item.path) : item.dir && this.go(this.flat.find(item.dir))
    else if (key === "Enter") this.enter(item)
    else if (key === " " && !typing) this.mark(item.path)
    else if (key === "*") this.level(item.dir || "/")
    else if (command && !(typing && key.length === 1)) item.path && this.user.command(command, item.path)
    else if (key.length === 1 && key !== "?") this.type((typing ? this.typed.word : "") + key.toLowerCase(), e.timeStamp)
    else return
    e.preventDefault()
  }

  /** level opens all that is in a directory and here. @param {string} dir */
  level(dir) {
    const rows = [...(this.app.store.directory(dir)?.loadedRows() || [])].filter((r) => r.stat.num_children)
    this.open(rows.slice(0, LEVEL_MAX).map((r) => r.path))
    if (rows.length > LEVEL_MAX) this.app.shell.toast(`The first ${LEVEL_MAX} were opened.`)
  }

  /** type moves to the next row, of those that are here, whose name begins with a word. @param {string} word @param {number} at */
  type(word, at) {
    const from = this.cursor.at + (word.length > 1 ? 0 : 1)
    const n = this.flat.length
    let best = n
    for (const dir of this.flat.paths()) {
      for (const row of this.app.store.directory(dir)?.loadedRows() || []) {
        const i = row.name.toLowerCase().startsWith(word) ? this.flat.find(row.path) : -1
        if (i >= 0) best = Math.min(best, (i - from + n) % n)
      }
    }
    if (best < n) this.go((from + best) % n)
    this.typed = { word, at }
  }

  /** down keeps the focus with the tree, whose rows come and go. @param {MouseEvent} e */
  down(e) {
    this.aim = ""
    if (e.target === this.element || /** @type {Element} */ (e.target).closest("a")) return
    e.preventDefault()
    this.element.focus({ preventScroll: true })
  }

  /** clicked is a click on a row, or the wish for its menu. @param {MouseEvent} e */
  clicked(e) {
    const on = (/** @type {string} */ what) => /** @type {Element} */ (e.target).closest(what)
    const row = [...this.rows.values()].find((r) => r.element === on(".trow"))
    if (!row || on("a")) return
    const item = this.flat.at(row.at)
    const was = this.cursor.at
    this.go(row.at)
    if (on(".more") || e.type === "contextmenu") {
      e.preventDefault()
      if (item.path) this.user.command("menu", item.path)
    } else if (on(".twisty") || e.detail === 2) this.toggle(item)
    else if (e.shiftKey) {
      const from = Math.min(was, row.at)
      for (let i = from; i <= Math.max(was, row.at) && i < from + SELECT_MAX; i++) {
        const { path } = this.flat.at(i)
        if (!this.app.selection.has(path)) this.mark(path)
      }
    } else if (e.ctrlKey || e.metaKey) this.mark(item.path)
    else this.enter(item)
  }
}
