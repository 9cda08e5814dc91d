// Editing the data of a znode. It is written only over the version that was read, and what differs is shown before.

import { fill, h } from "./dom.js"
import { mayWrite } from "./act.js"
import { bytesOf } from "./api.js"
import { curl } from "./curl.js"
import { openDialog } from "./dialog.js"
import { visible } from "./path.js"
import { asProblem } from "./problems.js"
import { count, size } from "./time.js"
import { check, detect, kinds, mistakeList } from "./viewers.js"
import { diffView } from "./diff.js"
import { conflictDialog } from "./conflict.js"
import { opened, pack } from "./gzip.js"
import { hexLines, hexView } from "./hex.js"
import { lineEnd } from "./text.js"

// How long after the last key, in ms.
const CHECK_AFTER = 300
// Bytes of a file that takes the place of the data.
const FILE_LIMIT = 16 << 20

export class Editor {
  /** @param {App} app @param {string} path @param {() => void} close @param {() => void} saved what is being read may be of before: it is to be read anew */
  constructor(app, path, close, saved) {
    this.app = app
    this.close = close
    this.saved = saved
    this.path = path
    this.url = app.api.url("/v1/znodes", path)
    /** The znode as it was read last. @type {Znode | null} */
    this.was = null
    /** What mine is a change of. @type {Draft & {tag: string, version: number}} */
    this.base = { bytes: new Uint8Array(), packed: false, tag: "", version: 0 }
    /** What is written in place of text. @type {Bytes | null} */
    this.file = null
    this.eol = "\n"
    this.kind = ""
    // While a dialog asks.
    this.busy = false
    this.stopped = false
    /** What was read meanwhile; null: it is gone. @type {Reading | null | undefined} */
    this.heard = undefined
    this.timer = 0
    this.title = h("p")
    this.notice = h("div", { role: "alert" })
    this.area = h("textarea", { class: "editor", spellcheck: "false", autocapitalize: "off", "aria-label": `Data of ${visible(path)}`, rows: 12, oninput: () => {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.check(), CHECK_AFTER)
    } })
    this.hex = h("div")
    this.mistakes = h("div", { "aria-live": "polite" })
    this.kinds = h("select", { "aria-label": "Kind", onchange: () => { this.kind = this.kinds.value; this.check() } },
      /** @type {const} */ (["text", "json", "yaml", "xml"]).map((k) => h("option", { value: k }, kinds[k])))
    this.formatter = h("button", { type: "button", onclick: () => {
      this.area.value = this.check().format?.(this.area.value) ?? this.area.value
    } }, "Format")
    this.chosen = h("input", { type: "file", onchange: () => this.replace() })
    this.element = h("div", { onkeydown: (/** @type {KeyboardEvent} */ e) => this.key(e) }, this.title, this.notice,
      h("div", { class: "row" }, h("button", { type: "button", class: "main", onclick: () => this.review() }, "Save…"),
        h("button", { type: "button", onclick: () => this.leave() }, "Stop editing"), this.kinds, this.formatter, h("label", null, "Replace with a file ", this.chosen)),
      this.area, this.hex, this.mistakes)
    this.guard = () => (this.dirty() ? `The changes to ${visible(path)} are not saved.` : "")
    app.guards.add(this.guard)
  }

  /** start edits what was read. @param {Reading} now */
  async start(now) {
    this.busy = true
    const draft = await opened(now.bytes || new Uint8Array())
    this.rebase(now, draft, draft)
    this.busy = false
    this.hear()
  }

  /** rebase goes on with mine as a change of theirs. @param {Reading} now @param {Draft} theirs @param {Draft} mine */
  rebase(now, theirs, mine) {
    this.base = { ...theirs, tag: now.tag, version: now.znode.stat.version }
    this.was = now.znode
    // What was heard since is still to be told.
    if (this.heard === now) this.heard = undefined
    this.put(mine)
  }

  /** put shows what is edited. @param {Draft} draft */
  put({ text, bytes }) {
    const { base } = this
    this.file = text === undefined ? bytes : null
    this.area.hidden = this.kinds.hidden = this.file !== null
    this.eol = lineEnd(text || "") || "\n"
    this.area.value = text || ""
    this.area.setSelectionRange(0, 0)
    fill(this.hex, this.file?.length ? hexView(this.file) : null)
    fill(this.notice)
    this.kinds.value = detect(bytes).kind
    this.kind = this.kinds.value ||= "text"
    this.title.textContent = `Editing version ${count(base.version)}${base.packed ? ", unpacked; saving packs it with gzip again" : ""}. ` +
      (!lineEnd(text || "") ? "Its line ends are mixed; saving makes them alike." : this.eol === "\n" ? "" : "Lines end in CR LF, and stay so.")
    this.check()
  }

  /** mine is what would be stored, unpacked. @returns {Draft} */
  mine() {
    const { packed } = this.base
    if (this.file) return { bytes: this.file, packed }
    const text = this.area.value.replaceAll("\n", this.eol)
    return { bytes: new TextEncoder().encode(text), text, packed }
  }

  dirty() {
    // The base as it is after a text field, which knows one line end.
    const { text = "" } = this.base
    const base = this.base.text?.replace(/\r\n?/g, "\n").replaceAll("\n", lineEnd(text) || "\n")
    return this.file ? this.file !== this.base.bytes : this.mine().text !== base
  }

  focus() {
    (this.file ? this.chosen : this.area).focus()
  }

  stop() {
    this.stopped = true
    clearTimeout(this.timer)
    this.app.guards.delete(this.guard)
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    if (e.key === "Escape") this.leave()
    if (!(e.ctrlKey || e.metaKey) || e.key.toLowerCase() !== "s") return
    e.preventDefault()
    this.review()
  }

  leave() {
    const lost = this.guard()
    if (!lost || confirm(`${lost}\n\nStop editing and lose them?`)) this.close()
  }

  check() {
    const all = check(this.file ? "" : this.kind, this.area.value)
    this.formatter.hidden = !all.format
    fill(this.mistakes, mistakeList(all.found, (m) => this.goTo(m)) || (all.checks && h("p", { class: "quiet" }, `Nothing wrong was found. Checked: ${all.checks}.`)))
    return all
  }

  /** @param {Mistake} m */
  goTo({ line, column }) {
    const { area } = this
    const at = area.value.split("\n", line - 1).reduce((sum, l) => sum + l.length + 1, column - 1)
    area.setSelectionRange(at, at + 1)
    area.blur()
    // The focus scrolls there.
    area.focus()
  }

  async replace() {
    const file = this.chosen.files?.[0]
    if (file && file.size > FILE_LIMIT) this.app.shell.toast(`${visible(file.name)} has ${size(file.size)}: too large for a znode.`, { kind: "bad" })
    else if (file) {
      try {
        const bytes = new Uint8Array(await file.arrayBuffer())
        if (file !== this.chosen.files?.[0]) return
        this.put({ bytes, text: detect(bytes).text, packed: this.base.packed })
        if (!this.busy) this.hear()
      } catch (err) {
        this.app.shell.toast(`${visible(file.name)} cannot be read: ${err instanceof Error && err.message}`, { kind: "bad" })
      }
    }
  }

  curl() {
    return [curl("PUT", this.url, { headers: { "If-Match": this.base.tag }, file: "FILE" })]
  }

  /** review shows what differs, and saves it. */
  review() {
    const { base, app, heard } = this
    if (this.busy || !mayWrite(app)) return
    if (heard === null || !this.dirty()) return void app.shell.toast(heard === null ? "It is deleted: create it again, or stop editing." : "Nothing was changed.")
    if (heard) return void this.conflict()
    const wrong = this.check().found
    const mine = this.mine()
    this.busy = true
    openDialog({
      title: "Save this?", wide: true, closed: () => this.free(),
      body: [wrong.length > 0 && h("div", { class: "notice" }, "It has mistakes. Save it all the same?", mistakeList(wrong)),
        h("p", { class: "quiet" }, `Over version ${count(base.version)} and no other: ${size(base.bytes.length)} before, ${size(mine.bytes.length)} after.`), diffView(look(base), look(mine))],
      buttons: [{ label: wrong.length ? "Save all the same" : "Save", kind: wrong.length ? "danger" : "main", run: () => this.save(false) }, { label: "Save and keep editing", run: () => this.save(true) }],
    })
  }

  /** free is told that no dialog asks any more. */
  free() {
    this.busy = false
    this.hear()
    this.focus()
  }

  /** save writes it. @param {boolean} keeps whether editing goes on @param {boolean} [again] whether the znode is made again */
  async save(keeps, again) {
    const mine = this.mine()
    try {
      const body = mine.packed ? await pack(mine.bytes) : mine.bytes
      const { mode = "persistent", ttl_ms = 0 } = (again && this.was) || {}
      const url = this.app.api.url("/v1/znodes", this.path, again ? { mode: mode.replace(/ephemeral.*|_sequential/, "") || "persistent", ttl: ttl_ms ? `${ttl_ms}ms` : "" } : {})
      const answer = await this.app.api.write("PUT", url, { body, headers: again ? { "If-None-Match": "*" } : { "If-Match": this.base.tag } })
      const { stat } = await answer.json()
      this.base = { ...mine, tag: answer.etag, version: stat.version }
      if (again) this.heard = undefined
      this.app.shell.toast(`Saved: version ${count(stat.version)}.`, { kind: "good" })
      if (this.stopped) return
      // What was written meanwhile stays.
      if (this.dirty()) this.title.textContent = `Editing version ${count(stat.version)}.`
      else if (keeps) this.put(mine)
      else this.close()
      this.saved()
    } catch (err) {
      const { code } = asProblem(err)
      if (this.stopped) throw err
      if (code === "no_node" && !again) {
        this.changed(null)
        this.saved() // it may have been made since
      }
      // When this dialog is gone.
      else if (code === "bad_version" || code === "node_exists") setTimeout(() => this.conflict())
      else throw err
    }
  }

  /** remake makes the znode again, as it is here. */
  remake() {
    if (this.busy) return
    this.busy = true
    this.save(false, true).catch(this.app.shell.problem).finally(() => this.free())
  }

  /** changed is told of each reading, and of null when the znode is gone. @param {Reading | null} now */
  changed(now) {
    this.heard = now
    if (!this.busy) this.hear()
  }

  /** hear says what was read, unless it is what was saved here. */
  async hear() {
    const { heard } = this
    /** @param {string} text @param {string} [label] @param {() => void} [onclick] */
    const say = (text, label, onclick) => fill(this.notice, h("p", { class: "notice" }, text, " ", label && h("button", { type: "button", onclick }, label)))
    if (heard === null) return say(`It was deleted meanwhile.${this.was?.stat.ephemeral_owner ? " It was ephemeral; made again it stays." : ""}`, "Create it again with this", () => this.remake())
    if (!heard) return
    const { mzxid, version } = heard.znode.stat
    if (heard.tag === this.base.tag) {
      this.heard = undefined
      return fill(this.notice)
    }
    const theirs = heard.bytes && await opened(heard.bytes)
    if (this.busy || this.heard !== heard) return
    if (theirs && alike(theirs, this.mine())) {
      this.rebase(heard, theirs, theirs)
      say(`What you wrote is there, as version ${count(version)}.`)
    } else if (this.dirty() || !theirs) say(`Somebody changed it meanwhile, at zxid ${count(mzxid)}: it has version ${count(version)} now.`, "Compare", () => this.conflict())
    else {
      this.rebase(heard, theirs, theirs)
      say(`Somebody changed it at zxid ${count(mzxid)}. You had changed nothing: this is the new version.`)
    }
  }

  /** conflict reads what is there now and asks what to do. */
  async conflict() {
    if (this.busy) return
    this.busy = true
    const { base, app } = this
    try {
      const answer = await app.api.ask("GET", this.url + "?format=json")
      const znode = await answer.json()
      if (this.stopped) return
      const now = (this.heard = { znode, bytes: bytesOf(znode), tag: answer.etag, zxid: answer.zxid })
      this.saved() // more may have been heard since
      const theirs = await opened(now.bytes)
      const mine = this.mine()
      // It was saved, though the answer was lost.
      if (alike(theirs, mine)) return this.free()
      const whole = [base, mine, theirs].some((d) => d.text === undefined)
      conflictDialog({ base: look(base), mine: look(mine), theirs: look(theirs), whole, take: () => this.rebase(now, theirs, theirs), closed: () => this.free(),
        about: `You began with version ${count(base.version)}. Now there is version ${count(znode.stat.version)}, of zxid ${count(znode.stat.mzxid)}. Nothing of yours is saved yet.`,
        merge: (text) => this.rebase(now, theirs, !whole ? { ...theirs, text, bytes: new TextEncoder().encode(text) } : text === look(mine) ? mine : theirs) })
    } catch (err) {
      if (this.stopped) return
      if (asProblem(err).code === "no_node") {
        this.heard = null
        this.saved()
      } else app.shell.problem(err)
      this.free()
    }
  }
}

/** alike says whether two drafts are the same. @param {Draft} a @param {Draft} b */
const alike = (a, b) => a.text === b.text && (a.text !== undefined || look(a) === look(b))

/** look is a draft as text, bytes in hexadecimal. @param {Draft} d */
function look(d) {
  return d.text ?? hexLines(d.bytes, 0, d.bytes.length)
}
