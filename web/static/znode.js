// One znode: what is in it, its stat, who watches it, and what can be done with it. It follows the znode while it is shown.

import { h, fill, tabs } from "./dom.js"
import { base, ancestors, parent, visible } from "./path.js"
import { bytesOf } from "./api.js"
import { asProblem, problemBox, sentence } from "./problems.js"
import { curl } from "./curl.js"
import { link } from "./route.js"
import { count, size, span } from "./time.js"
import { viewer } from "./viewers.js"
import { editor } from "./editor.js"
import { statTable } from "./stat.js"
import { watchersOf } from "./watches.js"
import { createDialog, duplicateDialog, exportLink, moveDialog, removeDialog } from "./doing.js"

const ASK_ABOVE = 256 << 10 // bytes that are loaded without being asked for
const PAUSE = 200 // ms between two readings of a znode that changes all the time

const tabList = [{ id: "data", text: "Data" }, { id: "stat", text: "Stat" }, { id: "watches", text: "Watches" }]

/** znodePane is the part of the page that shows one znode. @param {App} app */
export function znodePane(app) {
  const pane = new Pane(app)
  return {
    element: pane.element,
    show: (/** @type {string} */ path, /** @type {string} */ tab) => pane.show(path, tab),
    edit: () => pane.edit(),
    close: () => pane.leave(),
  }
}

class Pane {
  /** @param {App} app */
  constructor(app) {
    this.app = app
    this.path = ""
    this.tab = "data"
    /** What was last read. @type {Reading | null} */
    this.seen = null
    /** @type {"loading" | "ready" | "missing" | "deleted" | "failed"} */
    this.status = "loading"
    /** @type {unknown} */
    this.problem = null // of the last reading
    this.deletedAt = 0 // zxid
    this.agreed = false // whether data is loaded however large
    this.reading = /** @type {AbortController | null} */ (null)
    this.again = false // whether it changed while it was read
    this.editing = /** @type {Awaited<ReturnType<typeof editor>> | null} */ (null)
    /** The tabs that were made. @type {Record<string, HTMLElement>} */
    this.made = {}
    this.crumbs = h("nav", { "aria-label": "Path", class: "crumbs" })
    this.heading = h("h2")
    this.badges = h("p", { class: "badges" })
    this.actions = h("div", { class: "row", role: "group", "aria-label": "What to do with it" })
    this.note = h("div", { role: "status" })
    this.asOf = h("p", { class: "quiet as-of" })
    this.tabs = tabs("The znode", tabList, "data", (id) => this.pick(id))
    this.content = h("div", null, this.tabs.bar, this.tabs.panel)
    this.element = h("section", { class: "znode", "aria-label": "Znode" }, this.crumbs, this.heading, this.badges, this.actions, this.note, this.content, this.asOf)
    this.stopFollowing = () => {}
    this.stopListening = () => {}
  }

  /** @param {string} path @param {string} tab */
  show(path, tab) {
    const known = tabList.some((t) => t.id === tab) ? tab : "data"
    if (path !== this.path) this.begin(path)
    this.tab = known
    this.tabs.mark(known)
    this.render()
  }

  /** @param {string} path */
  begin(path) {
    this.leave()
    Object.assign(this, { path, seen: null, status: "loading", problem: null, agreed: false, again: false, made: {} })
    const all = [...ancestors(path), path]
    fill(this.crumbs, h("ol", null, all.map((p, i) => h("li", null, h("a", {
      href: link("tree", p), "aria-current": i === all.length - 1 ? "page" : null,
      // What is open in the tree stays open.
      onclick: (/** @type {MouseEvent} */ e) => {
        if (e.ctrlKey || e.metaKey || e.shiftKey) return
        e.preventDefault()
        this.app.route.go(link("tree", p, this.app.route.place.query))
      } }, h("bdi", null, visible(base(p))))))))
    fill(this.heading, h("bdi", null, visible(base(path))))
    this.stopFollowing = this.app.store.follow(path, (c) => this.changed(c))
    this.stopListening = this.app.live.listen((m) => {
      if (m.kind !== "state") return
      if (m.state.name === "live" && this.problem) this.read()
      this.renderAsOf()
    })
    this.read()
  }

  /** leave stops following. */
  leave() {
    this.stopFollowing()
    this.stopListening()
    this.reading?.abort()
    this.reading = null
    this.stopEditing()
    this.path = ""
  }

  /** @param {{type: "data" | "children" | "created" | "deleted" | "reset", zxid: number}} change */
  changed(change) {
    if (change.type === "deleted") this.gone(change.zxid)
    else this.read()
  }

  /** gone is told that the znode is not there. @param {number} zxid of the state that says so */
  gone(zxid) {
    this.reading?.abort()
    this.reading = null
    this.status = this.seen ? "deleted" : "missing"
    this.deletedAt = zxid
    this.problem = null
    this.editing?.changed(null)
    this.app.shell.announce(`${visible(this.path)} ${this.seen ? "was deleted" : "does not exist"}`)
    this.render()
  }

  /** read reads it, or once more when the reading under way is done. */
  async read() {
    if (this.reading) {
      this.again = true
      return
    }
    const reading = (this.reading = new AbortController())
    this.again = false
    try {
      const read = await this.fetch(reading.signal)
      if (reading.signal.aborted) return
      this.arrived(read)
    } catch (err) {
      if (reading.signal.aborted) return
      const p = asProblem(err)
      if (p.code === "no_node") return this.gone(Number(p.told.zxid || this.app.api.zxid))
      this.problem = p
      if (!this.seen) this.status = "failed"
      this.render()
    } finally {
      if (this.reading === reading) {
        this.reading = null
        if (this.again) setTimeout(() => !reading.signal.aborted && this.again && this.read(), PAUSE)
      }
    }
  }

  /** fetch reads the data unless it is known or large, and the stat. @param {AbortSignal} signal */
  async fetch(signal) {
    const { api } = this.app
    const known = this.seen?.bytes ? this.seen : null
    const body = new AbortController()
    const answer = await api.ask("GET", api.url("/v1/znodes", this.path, { format: "json" }), {
      signal: AbortSignal.any([signal, body.signal]), headers: known ? { "If-None-Match": known.tag } : {} })
    const { etag: tag, zxid } = answer
    if (answer.status === 304 && known) return { znode: { ...known.znode, stat: statOf(answer.headers) }, bytes: known.bytes, tag, zxid }
    if (Number(answer.headers.get("Znode-Data-Length")) > ASK_ABOVE && !this.agreed) {
      body.abort() // the headers say enough
      const name = base(this.path)
      const list = await api.get("/v1/children", parent(this.path), { signal, query: { prefix: name, limit: 1, include: "stat" } })
      const row = list.children.find((/** @type {Znode} */ c) => c.name === name)
      return { znode: { path: this.path, mode: row?.mode || "persistent", ttl_ms: row?.ttl_ms || 0, stat: statOf(answer.headers) }, bytes: null, tag, zxid }
    }
    const znode = await answer.json()
    return { znode, bytes: bytesOf(znode), tag, zxid }
  }

  /** @param {Reading} now */
  arrived(now) {
    const before = this.seen
    const changes = before !== null && before.znode.stat.mzxid !== now.znode.stat.mzxid
    const same = before !== null && before.tag === now.tag && (before.bytes === null) === (now.bytes === null) && this.status === "ready"
    this.seen = now
    this.status = "ready"
    this.problem = null
    delete this.made.stat
    if (!same && !this.editing) delete this.made.data
    this.editing?.changed(now)
    this.render()
    if (!changes) return
    this.element.classList.remove("flash")
    void this.element.offsetWidth // so that the animation begins anew
    this.element.classList.add("flash")
    this.app.shell.announce(`${visible(this.path)} changed, version ${now.znode.stat.version}`)
  }

  /** @param {string} id of the tab */
  pick(id) {
    this.tab = id
    this.app.route.note({ tab: id === "data" ? undefined : id })
    this.render()
  }

  async edit() {
    if (this.editing || this.status !== "ready" || !this.seen || this.app.readOnly()) return
    if (!this.seen.bytes) {
      this.agreed = true
      await this.read()
    }
    const { znode, bytes, tag } = this.seen
    if (!bytes || this.editing) return
    const { path } = this
    const editing = await editor(this.app, { path, bytes, tag, stat: znode.stat, close: () => { this.stopEditing(); this.render() }, saved: () => this.read() })
    if (this.path !== path || this.editing) return editing.stop()
    this.editing = editing
    if (this.seen.tag !== tag || this.status !== "ready") editing.changed(this.status === "ready" ? this.seen : null)
    this.made.data = this.editing.element
    this.pick("data")
    this.tabs.mark("data")
    this.editing.focus()
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
    const element = (this.made[this.tab] ||= this.make(this.tab))
    if (this.tabs.panel.firstChild !== element) fill(this.tabs.panel, element)
  }

  renderHead() {
    const z = this.seen?.znode
    const owner = z?.stat.ephemeral_owner
    fill(this.badges, z && [h("span", { class: "badge" }, z.mode.replaceAll("_", " ")),
      owner && h("a", { class: "badge", href: link("sessions", owner) }, `of session ${owner}`),
      z.ttl_ms > 0 && h("span", { class: "badge" }, `TTL ${span(z.ttl_ms)}`)])
    const writes = this.status === "ready" && !this.app.readOnly()
    const { app, path } = this
    /** @param {string} text @param {() => void} onclick @param {boolean} [is] */
    const button = (text, onclick, is = true) => is && h("button", { type: "button", class: text === "Delete" ? "danger" : "plain", onclick }, text)
    fill(this.actions, this.status === "ready" && [
      button("Edit", () => this.edit(), writes && !this.editing),
      button("Create below", () => createDialog(app, path), writes && !owner),
      button("Duplicate", () => duplicateDialog(app, path), writes && path !== "/"),
      button("Move", () => moveDialog(app, path), writes && path !== "/"),
      button("Delete", () => removeDialog(app, [path]), writes && path !== "/"),
      h("a", { class: "button", href: exportLink(path), download: `${base(path).replace("/", "root")}.ndjson` }, "Export"),
      h("a", { class: "button", href: app.api.url("/v1/znodes", path), download: base(path).replace("/", "root") }, "Download raw"),
    ], button("Copy path", () => this.copy()), app.readOnly() && h("span", { class: "quiet" }, "Read-only: this page changes nothing."))
  }

  renderNote() {
    const { app } = this
    const create = (/** @type {string} */ text) => !app.readOnly() && h("button", { type: "button", onclick: () => this.create() }, text)
    if (this.status === "loading") fill(this.note, h("p", { class: "quiet" }, "Reading…"))
    else if (this.status === "missing") fill(this.note, h("p", { class: "notice" }, "There is no znode at this path. ", create("Create it")))
    else if (this.status === "failed") fill(this.note, problemBox(this.problem, () => this.read()))
    else if (this.status === "deleted") {
      fill(this.note, h("p", { class: "notice" }, `Deleted at zxid ${count(this.deletedAt)}. What follows is past: the last that was seen of it. `, create("Create it again")))
    } else if (this.problem) {
      fill(this.note, h("p", { class: "notice" }, `It could not be read again, so what follows may be old. ${sentence(this.problem)} `, h("button", { type: "button", onclick: () => this.read() }, "Try again")))
    } else fill(this.note)
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
    const now = this.status === "ready" && !this.problem && live.state.name === "live"
    this.asOf.textContent = this.seen ? `Read at zxid ${count(this.seen.zxid)}. ` +
      (this.status === "deleted" ? "" : !now ? "Not followed just now: it may have changed since." : live.paused ? "The live view is paused." : "Followed live.") : ""
  }

  /** make makes the content of a tab. @param {string} tab */
  make(tab) {
    const { app, seen, path } = this
    if (tab === "watches") return watchersOf(app, path)
    if (!seen || tab === "stat") return seen ? statTable(app, seen.znode) : h("p")
    if (seen.bytes) return viewer(app, seen.bytes)
    return h("p", { class: "notice" }, `The data is large: ${size(seen.znode.stat.data_length)}. `,
      h("button", { type: "button", onclick: () => { this.agreed = true; this.read() } }, "Load it all the same"))
  }

  curl() {
    const { api } = this.app
    if (this.editing && this.tab === "data") return this.editing.curl()
    if (this.tab === "stat") return [curl("HEAD", api.url("/v1/znodes", this.path))]
    if (this.tab === "watches") return [curl("GET", api.url("/v1/watches", undefined, { path: this.path }))]
    return [curl("GET", api.url("/v1/znodes", this.path))]
  }

  async copy() {
    try {
      await navigator.clipboard.writeText(this.path)
      this.app.shell.toast("Copied.", { ms: 2000 })
    } catch {
      this.app.shell.toast(`The browser does not let the page copy. The path is ${visible(this.path)}`)
    }
  }
}

/** statOf is the stat that headers tell. @param {Headers} headers @returns {Stat} */
function statOf(headers) {
  const n = (/** @type {string} */ name) => Number(headers.get("Znode-" + name) || 0)
  return {
    version: n("Version"), cversion: n("Cversion"), aversion: n("Aversion"), czxid: n("Czxid"), mzxid: n("Mzxid"), pzxid: n("Pzxid"),
    ctime: n("Ctime"), mtime: n("Mtime"), ephemeral_owner: headers.get("Znode-Ephemeral-Owner") || "",
    data_length: n("Data-Length"), num_children: n("Num-Children"),
  }
}
