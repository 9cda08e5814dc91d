// One row of the tree, and the marks on rows.

import { freshId, h } from "./dom.js"
import { sequence, visible } from "./path.js"
import { sentence } from "./problems.js"
import { link } from "./route.js"
import { count, span } from "./time.js"

export const ROW = 28 // px high, as in style.css
export const FLASH = 2500 // ms that a change shows
export const SELECT_MAX = 1000 // marked at once
const DEEP = 14 // levels are indented, those below stand under each other

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
      if (!marked.delete(path) && path !== "/" && marked.size < SELECT_MAX) marked.add(path)
      tell()
    },
    clear() {
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
export const opens = (item) => item.open || !!item.row?.stat.num_children

/** badges are what is to be said of a znode besides its name. That it is sequential, its name alone tells. @param {Row} row */
function badges({ mode, name, stat, ttl_ms }) {
  return [stat.ephemeral_owner && "ephemeral of ", sequence(name) >= 0 && "sequential", mode.endsWith("ttl") && "TTL " + span(ttl_ms), mode === "container" && mode].filter(Boolean)
}

/** set writes an attribute if it is another. @param {Element} e @param {string} name @param {string | number | boolean | null} value null: none */
function set(e, name, value) {
  if (value === null) e.removeAttribute(name)
  else if (e.getAttribute(name) !== String(value)) e.setAttribute(name, String(value))
}

/** @param {Node} e @param {string} text */
function write(e, text) {
  if (e.textContent !== text) e.textContent = text
}

/** TreeRow is the element of one row. patch writes only what differs. */
export class TreeRow {
  constructor() {
    const part = (/** @type {string} */ cls, hidden = false) => h("span", { class: cls, "aria-hidden": hidden && "true" })
    this.twisty = part("twisty", true)
    this.tick = part("tick", true)
    this.name = h("bdi")
    this.kids = part("kids")
    this.word = part("spoken")
    this.tags = part("tags")
    this.news = part("changed")
    this.more = h("button", { type: "button", class: "bare more", tabindex: -1, "aria-hidden": "true", title: "Actions" }, "…")
    this.element = h("div", { role: "treeitem", id: freshId("row") }, this.twisty, this.tick, this.name, " ", this.kids, this.word, " ", this.tags, this.news, this.more)
    this.key = ""
    this.at = 0 // which row it is
    this.top = -1
    this.flashed = 0
    this.even = false
  }

  /** @param {number} px */
  move(px) {
    if (this.top !== px) this.element.style.top = (this.top = px) + "px"
  }

  /** patch shows an item, and says whether it shows a change that will fade.
   * @param {import("./flat.js").Item} item @param {{marked: boolean, shown: boolean, active: boolean, now: number}} look */
  patch(item, look) {
    const { row, note } = item
    const e = this.element
    const stat = row?.stat
    const n = stat?.num_children || 0
    const flash = row?.flash && look.now - row.flash < FLASH ? row.flash : 0
    if (flash > this.flashed) this.even = !this.even // the animation begins anew with each change
    this.flashed = flash
    this.key = item.key
    set(e, "class", `trow${note ? " note" : ""}${flash ? (this.even ? " flash-a" : " flash-b") : ""}`)
    set(e, "aria-level", item.level)
    set(e, "aria-posinset", item.pos)
    set(e, "aria-setsize", item.size)
    set(e, "aria-expanded", opens(item) ? item.open : null)
    set(e, "aria-selected", look.marked)
    set(e, "aria-current", look.shown || null)
    set(e, "aria-busy", !row && !note || null)
    set(e, "data-active", look.active || null)
    set(e, "data-path", row ? row.path : null)
    const pad = Math.min(item.level - 1, DEEP) * 16 + 4 + "px"
    if (e.style.paddingInlineStart !== pad) e.style.paddingInlineStart = pad
    write(this.twisty, opens(item) ? (item.open ? "▾" : "▸") : "")
    write(this.tick, look.marked ? "✓" : "")
    write(this.name, row ? visible(row.name) : note ? said(note) : "…")
    write(this.kids, n ? count(n) : "")
    write(this.word, n ? (n > 1 ? " children" : " child") : "")
    write(this.news, flash && stat ? (stat.czxid === Math.max(stat.mzxid, stat.pzxid) ? "● new" : "● changed") : "")
    set(this.more, "hidden", row ? null : "")
    const owner = stat?.ephemeral_owner || ""
    const all = row ? badges(row) : []
    if (this.tags.dataset.of !== all + owner) {
      this.tags.dataset.of = all + owner
      this.tags.replaceChildren(...all.map((text, i) => h("span", { class: "badge", title: text + (i ? "" : owner) }, text, !i && owner && h("a", { href: link("sessions", owner), tabindex: -1 }, owner))))
    }
    return !!flash
  }
}

/** said is what a note says. @param {Directory} d */
function said(d) {
  if (d.status === "gone") return "deleted"
  return d.status === "failed" ? `${sentence(d.problem)} Enter tries again.` : "loading…"
}
