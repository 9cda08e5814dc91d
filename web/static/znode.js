// One znode: what is in it, its stat, who watches it, and what can be done with it. It follows the znode while it is shown.

import { fill, h, tabs } from "./dom.js"
import { ancestors, base, parent, visible } from "./path.js"
import { bytesOf } from "./api.js"
import { asProblem, problemBox, sentence } from "./problems.js"
import { curl } from "./curl.js"
import { link } from "./route.js"
import { count, size, span } from "./time.js"
import { viewer } from "./viewers.js"
import { Editor } from "./editor.js"
import { statTable } from "./stat.js"
import { watchersOf } from "./watches.js"
import { createDialog, duplicateDialog, exportLink, moveDialog, removeDialog } from "./doing.js"

// Bytes that are loaded without being asked for.
const ASK_ABOVE = 256 << 10
// The time between two readings of a znode that changes all the time, in ms.
const PAUSE = 200

// The time after which what could not be read is read again in any case, in ms.
const AGAIN = 3000

// How long a change is marked, in ms.
const FLASH = 1600

const tabList = [{ id: "data", text: "Data" }, { id: "stat", text: "Stat" }, { id: "watches", text: "Watches" }]

/** znodePane is the part of the page that shows one znode. @param {App} app */
export function znodePane(app) {
  return new Pane(app)
}

class Pane {
  /** @param {App} app */
  constructor(app) {
    this.app = app
    this.path = ""
    this.tab = "data"
    /** @type {Reading | null} */
    this.seen = null
    /** @type {"loading" | "ready" | "missing" | "deleted" | "failed"} */
    this.status = "loading"
    // What went wrong with the last reading.
    this.problem = /** @type {unknown} */ (null)
    // The zxid of the state in which it is gone.
    this.deletedAt = 0
    // The zxid of the last that was told of it.
    this.told = 0
    // Whether data is loaded however large.
    this.agreed = false
    this.reading = /** @type {AbortController | null} */ (null)
    // When that was, and the timer of the next attempt.
    this.failedAt = 0
    this.timer = 0
    // Whether it changed while it was read.
    this.again = false
    // Whether editing begins when the data is here.
    this.wanted = false
    // What the head was made of.
    this.headOf = ""
    this.editing = /** @type {Editor | null} */ (null)
    /** The tabs that were made. @type {Record<string, HTMLElement>} */
    this.made = {}
    this.crumbs = h("ol")
    this.heading = h("h2", { tabindex: -1 })
    this.badges = h("p", { class: "badges" })
    this.actions = h("div", { class: "row", role: "group", "aria-label": "What to do with it" })
    this.note = h("div", { role: "status" })
    this.asOf = h("p", { class: "quiet" })
    this.tabs = tabs("The znode", tabList, "data", (id) => this.pick(id))
    this.content = h("div", null, this.tabs.bar, this.tabs.panel)
    this.element = h("section", { class: "znode", "aria-label": "Znode" }, h("nav", { "aria-label": "Path", class: "crumbs" }, this.crumbs),
      this.heading, this.badges, this.actions, this.note, this.content, this.asOf)
    this.stops = /** @type {(() => void)[]} */ ([])
  }

  /** @param {string} path @param {string} tab */
  show(path, tab) {
    if (path !== this.path) this.begin(path)
    this.turn(tabList.some((t) => t.id === tab) ? tab : "data")
  }

  /** @param {string} path */
  begin(path) {
    // What had the focus here goes, or is gone.
    const focused = this.path && (document.activeElement === document.body || this.element.contains(document.activeElement))
    this.close()
    this.tabs.panel.classList.remove("flash")
    Object.assign(this, { path, seen: null, status: "loading", told: 0, problem: null, agreed: false, again: false, wanted: false, made: {} })
    fill(this.crumbs, [...ancestors(path), path].map((p) => h("li", null, h("a", {
      href: link("tree", p), "aria-current": p === path ? "page" : null,
      onclick: (/** @type {MouseEvent} */ e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return
        // What is open in the tree stays open.
        e.preventDefault()
        this.app.route.go(link("tree", p, this.app.route.place.query))
      } }, h("bdi", null, visible(base(p)))))))
    fill(this.heading, h("bdi", null, visible(base(path))))
    if (focused) this.heading.focus()
    this.stops = [this.app.store.follow(path, (c) => {
      this.told = c.zxid
      if (c.type !== "deleted" || !this.seen) this.read()
      // If it is older than what was read, it was made again since.
      else if (c.zxid > this.seen.zxid) {
        this.stopReading()
        this.gone(c.zxid)
      }
    }), this.app.live.listen((m) => {
      if (m.kind === "state" && m.state.name === "live" && Date.now() - this.failedAt > PAUSE) this.retry()
      this.renderAsOf()
    })]
    this.read()
  }

  /** close stops following. */
  close() {
    for (const stop of this.stops.splice(0)) stop()
    this.stopReading()
    this.stopEditing()
    this.path = ""
  }

  stopReading() {
    this.reading?.abort()
    this.reading = null
  }

  /** gone is told that the znode is not there. @param {number} zxid of the state that says so */
  gone(zxid) {
    this.status = this.seen ? "deleted" : "missing"
    this.deletedAt = zxid
    this.problem = null
    this.editing?.changed(null)
    this.app.shell.announce(`${visible(this.path)} ${this.seen ? "was deleted" : "does not exist"}`)
    this.render()
  }

  /** retry reads again what could not be read. */
  retry() {
    if (this.problem && this.path && !this.reading) this.read()
  }

  /** read reads it, or once more when the reading under way is done. */
  async read() {
    this.again = this.reading !== null
    if (this.reading) return
    const reading = (this.reading = new AbortController())
    try {
      const now = await this.fetch(reading.signal)
      if (!reading.signal.aborted) this.arrived(now)
    } catch (err) {
      if (reading.signal.aborted) return
      const p = asProblem(err)
      const at = Number(p.told.zxid || this.app.api.zxid)
      // Else it may have been made since, and is read again.
      if (p.code === "no_node") return at < this.told && this.again ? undefined : this.gone(at)
      const known = /** @type {any} */ (this.problem)?.code === p.code
      this.problem = p
      this.failedAt = Date.now()
      clearTimeout(this.timer)
      this.timer = window.setTimeout(() => this.retry(), AGAIN)
      if (!this.seen) this.status = "failed"
      // What is the same stays, and the focus in it.
      if (!known) this.render()
    } finally {
      if (this.reading === reading) this.reading = null
      if (this.again) setTimeout(() => this.again && !reading.signal.aborted && this.read(), PAUSE)
    }
  }

  /** fetch reads the stat, and the data unless it is known or large. @param {AbortSignal} signal @returns {Promise<Reading>} */
  async fetch(signal) {
    const { api } = this.app
    const { seen } = this
    const body = new AbortController()
    const answer = await api.ask("GET", api.url("/v1/znodes", this.path, { format: "json" }), {
      signal: AbortSignal.any([signal, body.signal]), headers: seen?.bytes ? { "If-None-Match": seen.tag } : {} })
    const { etag: tag, zxid, headers } = answer
    if (seen && answer.status === 304) return { ...seen, znode: { ...seen.znode, stat: statOf(headers) }, zxid }
    if (Number(headers.get("Znode-Data-Length")) > ASK_ABOVE && !this.agreed) {
      // The headers say enough, but for the mode.
      body.abort()
      const { children } = await api.get("/v1/children", parent(this.path), { signal, query: { prefix: base(this.path), limit: 1, include: "stat" } })
      return { znode: { path: this.path, mode: "persistent", ttl_ms: 0, ...children[0], stat: statOf(headers) }, bytes: null, tag, zxid }
    }
    const znode = await answer.json()
    return { znode, bytes: bytesOf(znode), tag, zxid }
  }

  /** @param {Reading} now */
  arrived(now) {
    const before = this.seen
    if (!this.editing && (this.status !== "ready" || before?.tag !== now.tag || before.bytes !== now.bytes)) delete this.made.data
    Object.assign(this, { seen: now, status: "ready", problem: null })
    delete this.made.stat
    this.editing?.changed(now)
    this.render()
    if (this.wanted) this.edit()
    if (!before || before.znode.stat.mzxid === now.znode.stat.mzxid) return
    this.tabs.panel.classList.add("flash")
    setTimeout(() => this.tabs.panel.classList.remove("flash"), FLASH)
    this.app.shell.announce(`${visible(this.path)} changed, version ${now.znode.stat.version}`)
  }

  /** @param {string} id of the tab */
  pick(id) {
    this.app.route.note({ tab: id === "data" ? undefined : id })
    this.turn(id)
  }

  /** turn shows a tab. @param {string} id */
  turn(id) {
    // Watches are not followed while they are not shown.
    if (id !== this.tab) delete this.made.watches
    this.tab = id
    this.tabs.mark(id)
    this.render()
  }

  /** edit begins editing, as soon as the data is here. */
  async edit() {
    const { path, app, seen } = this
    if (this.editing || app.readOnly()) return
    this.wanted = !seen?.bytes
    this.agreed = true
    if (!seen?.bytes) return this.read()
    if (this.status !== "ready") return
    const editing = (this.editing = new Editor(app, path, () => {
      this.stopEditing()
      this.render()
      // When the dialog that saved is gone, too.
      setTimeout(() => this.actions.querySelector("button")?.focus())
    }, () => {
      // What is being read may be from before.
      this.stopReading()
      this.read()
    }))
    await editing.start(seen)
    if (this.editing !== editing) return
    this.made.data = editing.element
    this.pick("data")
    editing.focus()
  }

  stopEditing() {
    this.editing?.stop()
    this.editing = null
    delete this.made.data
  }

  render() {
    this.renderNote()
    this.renderHead()
    this.renderAsOf()
    this.content.hidden = !this.seen
    this.content.classList.toggle("past", this.status === "deleted")
    this.app.shell.curl(this.curl())
    if (!this.seen) return
    const element = (this.made[this.tab] ||= this.make(this.seen))
    if (this.tabs.panel.firstChild !== element) fill(this.tabs.panel, element)
  }

  renderHead() {
    const { app, path } = this
    const z = this.seen?.znode
    const owner = z?.stat.ephemeral_owner
    const ready = this.status === "ready"
    const of = JSON.stringify([path, z?.mode, z?.ttl_ms, owner, ready, this.editing !== null, app.readOnly()])
    // What is the same stays, and the focus in it.
    if (of === this.headOf) return
    this.headOf = of
    fill(this.badges, z && [h("span", { class: "badge" }, z.mode.replaceAll("_", " ")), owner && h("a", { class: "badge", href: link("sessions", owner) }, `of session ${owner}`),
      z.ttl_ms > 0 && h("span", { class: "badge" }, `TTL ${span(z.ttl_ms)}`)])
    const writes = ready && !app.readOnly()
    /** @param {string} text @param {() => void} onclick @param {boolean} [is] */
    const button = (text, onclick, is = writes && path !== "/") => is && h("button", { type: "button", class: text === "Delete" ? "danger" : "plain", onclick }, text)
    const file = base(path).replace("/", "root")
    const focused = this.actions.contains(document.activeElement)
    fill(this.actions, button("Edit", () => this.edit(), writes && !this.editing), button("Create below", () => createDialog(app, path), writes && !owner),
      button("Duplicate", () => duplicateDialog(app, path)), button("Move", () => moveDialog(app, path)), button("Delete", () => removeDialog(app, [path])),
      ready && [h("a", { class: "button", href: exportLink(path), download: file + ".ndjson" }, "Export"),
        h("a", { class: "button", href: app.api.url("/v1/znodes", path), download: file }, "Download raw")],
      button("Copy path", () => app.shell.copy(this.path), true), app.readOnly() && h("span", { class: "quiet" }, "Read-only: this page changes nothing."))
    if (focused) this.heading.focus()
  }

  renderNote() {
    /** @param {string} text @param {string} label @param {() => void} onclick */
    const say = (text, label, onclick) => fill(this.note, h("p", { class: "notice" }, text, " ", label && h("button", { type: "button", onclick }, label)))
    const again = () => this.read()
    const create = this.app.readOnly() || this.editing ? "" : "Create it"
    if (this.status === "loading") fill(this.note, h("p", { class: "quiet" }, "Reading…"))
    else if (this.status === "missing") say("There is no znode at this path.", create, () => this.create())
    else if (this.status === "failed") fill(this.note, problemBox(this.problem, again))
    else if (this.status === "deleted") say(`Deleted at zxid ${count(this.deletedAt)}. What follows is past: the last that was seen of it.`, create && create + " again", () => this.create())
    else if (this.problem) say(`It could not be read again, so what follows may be old. ${sentence(this.problem)}`, "Try again", again)
    else fill(this.note)
  }

  /** create makes it again as it was last seen, or asks what to make. */
  async create() {
    const { app, path, seen } = this
    if (!seen?.bytes || seen.znode.stat.ephemeral_owner) return createDialog(app, parent(path), { name: base(path), mode: seen?.znode.mode })
    const { mode, ttl_ms } = seen.znode
    try {
      const url = app.api.url("/v1/znodes", path, { mode: mode.replace("_sequential", ""), ttl: ttl_ms ? `${ttl_ms}ms` : "" })
      await app.api.write("PUT", url, { body: seen.bytes, headers: { "If-None-Match": "*" } })
      this.read()
    } catch (err) {
      app.shell.problem(err)
    }
  }

  renderAsOf() {
    const { live } = this.app
    const now = this.status === "ready" && !this.problem && live.state.name === "live" && !(Number(this.seen?.zxid) < this.told)
    this.asOf.textContent = this.seen ? `Read at zxid ${count(this.seen.zxid)}. ` +
      (this.status === "deleted" ? "" : !now ? "Not followed just now: it may have changed since." : live.paused ? "The live view is paused." : "Followed live.") : ""
  }

  /** make makes the content of the tab. @param {Reading} seen */
  make({ znode, bytes }) {
    if (this.tab === "watches") return watchersOf(this.app, this.path)
    if (this.tab === "stat") return statTable(this.app, znode)
    return bytes ? viewer(this.app, bytes) : h("p", { class: "notice" }, `The data is large: ${size(znode.stat.data_length)}. `,
      h("button", { type: "button", onclick: () => { this.agreed = true; this.read() } }, "Load it all the same"))
  }

  curl() {
    const { api } = this.app
    if (this.tab === "watches") return [curl("GET", api.url("/v1/watches", undefined, { path: this.path }))]
    return this.editing && this.tab === "data" ? this.editing.curl() : [curl(this.tab === "stat" ? "HEAD" : "GET", api.url("/v1/znodes", this.path))]
  }
}

/** statOf is the stat that headers tell. @param {Headers} headers */
function statOf(headers) {
  const names = ["version", "cversion", "aversion", "czxid", "mzxid", "pzxid", "ctime", "mtime", "data_length", "num_children"]
  const stat = Object.fromEntries(names.map((n) => [n, Number(headers.get("Znode-" + n.replace("_", "-")))]))
  return /** @type {Stat} */ (/** @type {unknown} */ ({ ...stat, ephemeral_owner: headers.get("Znode-Ephemeral-Owner") || "" }))
}
