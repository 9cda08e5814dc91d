// One row of the tree, and the marks on rows.

import { freshId, h } from "./dom.js"
import { visible } from "./path.js"
import { sentence } from "./problems.js"
import { link } from "./route.js"
import { count, span } from "./time.js"

export const ROW = 28 // px high, as in style.css
export const FLASH = 2500 // ms that a change shows
export const SELECT_MAX = 1000 // marked at once
const DEEP = 20 // levels are indented, those below stand under each other

/** @returns {Selection_} */
export function makeSelection() {
  /** @type {Set<string>} */
  const marked = new Set()
  /** @type {Set<() => void>} */
  const heard = new Set()
  const tell = () => heard.forEach((fn) => fn())
  return {
    list: () => [...marked],
    has: (path) => marked.has(path),
    toggle(path) {
      if (!marked.delete(path)) {
        if (path === "/" || marked.size >= SELECT_MAX) return
        marked.add(path)
      }
      tell()
    },
    clear() {
      if (!marked.size) return
      marked.clear()
      tell()
    },
    listen(fn) {
      heard.add(fn)
      return () => heard.delete(fn)
    },
  }
}

/** opens says whether a row can be opened. @param {import("./flat.js").Item} item */
export const opens = (item) => item.open || (item.row?.stat.num_children || 0) > 0

/** badges are what is to be said of a znode besides its name. @param {Row} row */
function badges(row) {
  const { mode, stat } = row
  const all = []
  if (stat.ephemeral_owner) all.push("ephemeral of " + stat.ephemeral_owner)
  if (mode.includes("sequential")) all.push("sequential")
  if (mode.endsWith("ttl")) all.push("TTL " + span(row.ttl_ms))
  if (mode === "container") all.push("container")
  return all
}

/** @param {Element} e @param {string} name @param {string | number | boolean | null} value null: none */
function set(e, name, value) {
  if (value === null) {
    if (e.hasAttribute(name)) e.removeAttribute(name)
  } else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, String(value))
}

/** @param {Node} e @param {string} text */
function write(e, text) {
  if (e.textContent !== text) e.textContent = text
}

/** @typedef {{marked: boolean, shown: boolean, active: boolean, now: number}} Look */

/** TreeRow is the element of one row. patch writes only what differs. */
export class TreeRow {
  constructor() {
    this.twisty = h("span", { class: "twisty", "aria-hidden": "true" })
    this.tick = h("span", { class: "tick", "aria-hidden": "true" })
    this.name = h("bdi")
    this.kids = h("span", { class: "kids" })
    this.word = h("span", { class: "spoken" })
    this.tags = h("span", { class: "tags" })
    this.flash = h("span", { class: "changed" })
    this.more = h("button", { type: "button", class: "bare more", tabindex: -1, "aria-hidden": "true", title: "Actions" }, "…")
    this.element = h("div", { role: "treeitem", class: "trow", id: freshId("row") },
      this.twisty, this.tick, this.name, " ", this.kids, this.word, " ", this.tags, this.flash, this.more)
    this.key = ""
    this.top = -1
    this.was = ""
    this.flashed = 0
    this.even = false
  }

  /** @param {number} px */
  move(px) {
    if (this.top === px) return
    this.top = px
    this.element.style.top = px + "px"
  }

  /** patch shows an item, and says whether it shows a change that will fade.
   * @param {import("./flat.js").Item} item @param {Look} look */
  patch(item, look) {
    const { row, note } = item
    const fresh = !!row?.flash && look.now - row.flash < FLASH
    const was = JSON.stringify([item.key, item.level, item.pos, item.size, item.open, look.marked, look.shown, look.active,
      row && [row.stat.num_children, row.mode, row.ttl_ms, row.stat.ephemeral_owner], fresh && row?.flash, note?.status, !!note?.problem])
    if (was === this.was) return fresh
    this.was = was
    this.key = item.key
    const all = row ? badges(row) : []
    const children = row?.stat.num_children || 0
    const name = row ? visible(row.name) : note ? said(note) : "…"
    const news = fresh ? (row && row.stat.czxid === Math.max(row.stat.mzxid, row.stat.pzxid) ? "new" : "changed") : ""
    const e = this.element
    set(e, "aria-level", item.level)
    set(e, "aria-posinset", item.pos)
    set(e, "aria-setsize", item.size)
    set(e, "aria-expanded", opens(item) ? item.open : null)
    set(e, "aria-selected", look.marked)
    set(e, "aria-current", look.shown ? "true" : null)
    set(e, "aria-busy", row || note ? null : "true")
    set(e, "data-active", look.active ? "" : null)
    set(e, "data-path", row ? row.path : null)
    this.flicker(fresh && row ? row.flash : 0)
    set(e, "class", `trow${note ? " note" : ""}${this.flashed ? (this.even ? " flash-a" : " flash-b") : ""}`)
    const pad = Math.min(item.level - 1, DEEP) * 16 + 4 + "px"
    if (e.style.paddingInlineStart !== pad) e.style.paddingInlineStart = pad
    write(this.twisty, opens(item) ? (item.open ? "▾" : "▸") : "")
    write(this.tick, look.marked ? "✓" : "")
    write(this.name, name)
    write(this.kids, children ? count(children) : "")
    write(this.word, children ? " children" : "")
    write(this.flash, news && `● ${news}`)
    set(this.more, "hidden", row ? null : "")
    if (this.tags.dataset.of !== String(all)) {
      this.tags.dataset.of = String(all)
      this.tags.replaceChildren(...all.flatMap((text) => [h("span", { class: "badge" }, row && text.startsWith("ephemeral")
        ? ["ephemeral of ", h("a", { href: link("sessions", row.stat.ephemeral_owner), tabindex: -1 }, row.stat.ephemeral_owner)] : text), " "]))
    }
    return fresh
  }

  /** flicker starts the animation anew for each change. @param {number} flash */
  flicker(flash) {
    if (flash && flash !== this.flashed) this.even = !this.even
    this.flashed = flash
  }
}

/** said is what a note says. @param {Directory} d */
function said(d) {
  if (d.status === "gone") return "deleted"
  return d.status === "failed" ? `${sentence(d.problem)} Enter tries again.` : "loading…"
}
