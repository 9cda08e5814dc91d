// Where the page is, in the URL after #, so that every view is a link: #/tree/app/config?tab=stat&open=/other

import { escape } from "./path.js"

const sections = ["tree", "sessions", "watches", "events", "cluster"]
const HASH_LIMIT = 32000 // characters
const URL_LIMIT = 8000 // characters; what is open beyond it is not in the link

/** @param {string} hash @returns {Place} */
export function parse(hash) {
  const [where, tail = ""] = hash.replace(/^#/, "").split(/\?(.*)/s)
  const [, section = "tree", ...names] = where.split("/")
  let path = ""
  try {
    path = names.map(decodeURIComponent).join("/")
  } catch {
    path = ""
  }
  // A browser makes another address of . and .. in it.
  if (!sections.includes(section) || hash.length > HASH_LIMIT || /(^|\/)\.\.?(\/|$)/.test(path)) return { section: "tree", path: "/", query: new URLSearchParams() }
  return { section: /** @type {Place["section"]} */ (section), path: section === "tree" ? "/" + path.replace(/\/+$/, "") : path, query: new URLSearchParams(tail) }
}

/** link is the URL of a place: link("tree", "/app", {tab: "stat", open: ["/a", "/b"]}).
 * @param {Place["section"]} section @param {string} [path] @param {Record<string, string | string[] | undefined> | URLSearchParams} [query] */
export function link(section, path = "", query = {}) {
  const q = query instanceof URLSearchParams ? new URLSearchParams(query) : new URLSearchParams()
  if (!(query instanceof URLSearchParams)) {
    for (const [k, v] of Object.entries(query)) for (const one of [v].flat()) if (one) q.append(k, one)
  }
  const where = `#/${section}${section === "tree" ? escape(path || "/") : path && "/" + encodeURIComponent(path)}`
  let tail = q.toString().replaceAll("%2F", "/")
  while (tail.length > URL_LIMIT && q.has("open")) {
    const open = q.getAll("open")
    q.delete("open")
    for (const p of open.slice(0, Math.floor(open.length / 2))) q.append("open", p)
    tail = q.toString().replaceAll("%2F", "/")
  }
  return where + (tail ? "?" + tail : "")
}

export class Router {
  constructor() {
    this.place = parse(location.hash)
    this.hash = location.hash
    /** @type {(place: Place) => void} */
    this.moved = () => {}
    /** Says what would be lost by leaving, or "". @type {() => string} */
    this.loss = () => ""
    addEventListener("hashchange", () => {
      if (location.hash === this.hash) return
      const lost = this.loss()
      if (lost && !confirm(`${lost}\n\nLeave it and lose that?`)) {
        history.pushState(null, "", this.hash || "#")
        this.moved(this.place) // who meant to go elsewhere hears that it is not to be
        return
      }
      this.arrive(location.hash)
    })
  }

  /** @param {string} hash */
  arrive(hash) {
    this.hash = hash
    this.place = parse(hash)
    this.moved(this.place)
  }

  /** go goes there. @param {string} to of link */
  go(to) {
    if (to !== this.hash) location.hash = to
  }

  /** note puts into the URL what the view shows anyway, without a step in the history.
   * @param {Record<string, string | string[] | undefined>} query what changes of the query; undefined and "" take away */
  note(query) {
    if (location.hash !== this.hash) return // another place is on its way
    const q = new URLSearchParams(this.place.query)
    for (const [k, v] of Object.entries(query)) {
      q.delete(k)
      for (const one of [v].flat()) if (one) q.append(k, one)
    }
    this.place = { ...this.place, query: q }
    this.hash = link(this.place.section, this.place.path, q)
    history.replaceState(null, "", this.hash)
  }
}
