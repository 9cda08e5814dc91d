// Editing the data of a znode. It is written only over the version that was read, and what differs is shown before.

import { fill, h } from "./dom.js"
import { bytesOf } from "./api.js"
import { curl } from "./curl.js"
import { openDialog } from "./dialog.js"
import { visible } from "./path.js"
import { asProblem } from "./problems.js"
import { count, size } from "./time.js"
import { canFormat, check, checked, detect, format, kinds, mistakeList } from "./viewers.js"
import { diffView } from "./diff.js"
import { conflictDialog } from "./conflict.js"
import { opened, pack } from "./gzip.js"
import { hexView } from "./hex.js"
import { lineEnd } from "./text.js"

const CHECK_AFTER = 300 // ms after the last key
const FILE_LIMIT = 16 << 20 // bytes of a file that takes the place of the data

export class Editor {
  /** @param {App} app @param {string} path @param {() => void} close @param {() => void} saved */
  constructor(app, path, close, saved) {
    this.app = app
    this.close = close
    this.saved = saved
    this.url = app.api.url("/v1/znodes", path)
    /** What mine is a change of. @type {Draft & {tag: string, version: number}} */
    this.base = { bytes: new Uint8Array(), packed: false, tag: "", version: 0 }
    /** What is written in place of text. @type {Bytes | null} */
    this.file = null
    this.eol = "\n"
    this.kind = /** @type {TextKind} */ ("text")
    this.busy = false // while a dialog asks
    /** What was read meanwhile; null: it is gone. @type {Reading | null | undefined} */
    this.heard = undefined
    this.gone = false
    this.timer = 0
    this.title = h("p")
    this.notice = h("div", { role: "alert" })
    this.area = h("textarea", { class: "editor", spellcheck: "false", autocapitalize: "off", "aria-label": `Data of ${visible(path)}`, rows: 16, oninput: () => {
      clearTimeout(this.timer)
      this.timer = setTimeout(() => this.check(), CHECK_AFTER)
    } })
    this.hex = h("div")
    this.mistakes = h("div", { "aria-live": "polite" })
    this.kindOf = h("select", { "aria-label": "Kind", onchange: () => { this.kind = /** @type {TextKind} */ (this.kindOf.value); this.check() } },
      /** @type {const} */ (["text", "json", "yaml", "xml"]).map((k) => h("option", { value: k }, kinds[k])))
    this.formatter = h("button", { type: "button", onclick: () => { this.area.value = format(this.kind, this.area.value); this.check() } }, "Format")
    this.chosen = h("input", { type: "file", onchange: () => this.replace() })
    this.element = h("div", { onkeydown: (/** @type {KeyboardEvent} */ e) => this.key(e) }, this.title, this.notice,
      h("div", { class: "row" }, h("button", { type: "button", class: "main", onclick: () => this.review() }, "Save…"),
        h("button", { type: "button", onclick: () => this.leave() }, "Stop editing"), this.kindOf, this.formatter, h("label", null, "Replace with a file ", this.chosen)),
      this.area, this.hex, this.mistakes)
    this.guard = () => (this.dirty() ? `The changes to ${visible(path)} are not saved.` : "")
    app.guards.add(this.guard)
  }

  /** start edits what was read. @param {Reading} now */
  async start(now) {
    const draft = await opened(now.bytes || new Uint8Array())
    this.rebase(now, draft, draft)
  }

  /** rebase goes on with mine as a change of theirs. @param {Reading} now @param {Draft} theirs @param {Draft} mine */
  rebase(now, theirs, mine) {
    this.base = { ...theirs, tag: now.tag, version: now.znode.stat.version }
    this.heard = undefined
    this.gone = false
    fill(this.notice)
    this.put(mine)
  }

  /** put shows what is edited. @param {Draft} draft */
  put({ text, bytes }) {
    this.file = text === undefined ? bytes : null
    this.area.hidden = this.kindOf.hidden = this.file !== null
    this.eol = lineEnd(text || "") || "\n"
    this.area.value = text || ""
    fill(this.hex, this.file?.length ? hexView(this.file) : null)
    const { kind } = detect(bytes)
    this.kindOf.value = this.kind = kind === "json" || kind === "yaml" || kind === "xml" ? kind : "text"
    const { base } = this
    this.title.textContent = `Editing version ${count(base.version)}${base.packed ? ", unpacked; saving packs it with gzip again" : ""}. ` +
      (!this.file && base.text !== undefined && this.unchanged() !== base.text ? "Its line ends are mixed; saving makes them alike." : this.eol === "\n" ? "" : "Lines end in CR LF, and stay so.")
    this.check()
  }

  /** unchanged is the base after it went through a text field, which knows one line end. */
  unchanged() {
    return this.base.text?.replace(/\r\n?/g, "\n").replaceAll("\n", this.eol)
  }

  text() {
    return this.area.value.replaceAll("\n", this.eol)
  }

  /** mine is what would be stored, unpacked. @returns {Draft} */
  mine() {
    return { bytes: this.file || new TextEncoder().encode(this.text()), text: this.file ? undefined : this.text(), packed: this.base.packed }
  }

  dirty() {
    return this.file ? this.file !== this.base.bytes : this.text() !== this.unchanged()
  }

  focus() {
    (this.file ? this.chosen : this.area).focus()
    this.area.setSelectionRange(0, 0)
  }

  stop() {
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
    const found = this.file ? [] : check(this.kind, this.area.value)
    this.formatter.hidden = this.file !== null || !canFormat(this.kind)
    fill(this.mistakes, found.length ? mistakeList(found, (m) => this.goTo(m)) : !this.file && checked(this.kind) &&
      h("p", { class: "quiet" }, `Nothing wrong was found. Checked: ${checked(this.kind)}.`))
    return found
  }

  /** @param {Mistake} m */
  goTo({ line, column }) {
    const { area } = this
    const at = area.value.split("\n", line - 1).join("\n").length + (line > 1 ? 1 : 0) + column - 1
    area.setSelectionRange(at, at + 1)
    area.blur()
    area.focus() // scrolls there
  }

  async replace() {
    const file = this.chosen.files?.[0]
    if (file && file.size > FILE_LIMIT) this.app.shell.toast(`${visible(file.name)} has ${size(file.size)}: too large for a znode.`, { kind: "bad" })
    else if (file) {
      const bytes = new Uint8Array(await file.arrayBuffer())
      this.put({ bytes, text: detect(bytes).text, packed: this.base.packed })
    }
  }

  curl() {
    return [curl("PUT", this.url, { headers: { "If-Match": this.base.tag }, file: "FILE" })]
  }

  /** review shows what differs, and saves it. */
  review() {
    const { base, app } = this
    if (this.busy) return
    if (this.gone || !this.dirty()) return void app.shell.toast(this.gone ? "It is deleted: create it again, or stop editing." : "Nothing was changed.")
    if (this.heard) return void this.conflict()
    const wrong = this.check()
    const mine = this.mine()
    this.busy = true
    openDialog({
      title: "Save this?", wide: true, closed: () => this.free(),
      body: [wrong.length > 0 && h("div", { class: "notice" }, `As ${kinds[this.kind]} it has mistakes. Save it all the same?`, mistakeList(wrong)),
        h("p", { class: "quiet" }, `Over version ${count(base.version)} and no other: ${size(base.bytes.length)} before, ${size(mine.bytes.length)} after.`),
        base.text === undefined || mine.text === undefined ? h("p", null, "Bytes are not shown side by side.") : diffView(base.text, mine.text)],
      buttons: [{ label: wrong.length ? "Save all the same" : "Save", kind: wrong.length ? "danger" : "main", run: () => this.save(false) }, { label: "Save and keep editing", run: () => this.save(true) }],
    })
  }

  /** free is told that no dialog asks any more. */
  free() {
    this.busy = false
    this.hear()
  }

  /** save writes it. @param {boolean} keeps whether editing goes on */
  async save(keeps) {
    const mine = this.mine()
    try {
      const body = mine.packed ? await pack(mine.bytes) : mine.bytes
      const answer = await this.app.api.write("PUT", this.url, { body, headers: this.gone ? { "If-None-Match": "*" } : { "If-Match": this.base.tag } })
      const { stat } = await answer.json()
      this.base = { ...mine, tag: answer.etag, version: stat.version }
      this.gone = false
      this.app.shell.toast(`Saved: version ${count(stat.version)}.`, { kind: "good" })
      if (keeps) this.put(mine)
      else this.close()
      this.saved()
    } catch (err) {
      const { code } = asProblem(err)
      if (code === "no_node" && !this.gone) this.changed(null)
      else if (code === "bad_version" || code === "node_exists") setTimeout(() => this.conflict()) // after this dialog is gone
      else throw err
    }
  }

  /** changed is told of each reading, and of null when the znode is gone. @param {Reading | null} now */
  changed(now) {
    this.heard = now
    if (!this.busy) this.hear()
  }

  /** hear says what was read, unless it is what was saved here. */
  hear() {
    const { heard } = this
    if (heard === undefined) return
    this.gone = heard === null
    /** @param {string} text @param {string} [label] @param {() => void} [onclick] */
    const say = (text, label, onclick) => fill(this.notice, h("p", { class: "notice" }, text, " ", label && h("button", { type: "button", onclick }, label)))
    if (heard === null) return say("It was deleted meanwhile.", "Create it again with this", () => this.save(false).catch(this.app.shell.problem))
    const { stat } = heard.znode
    if (heard.tag === this.base.tag) {
      this.heard = undefined
      fill(this.notice)
    } else if (this.dirty() || !heard.bytes) {
      say(`Somebody changed it meanwhile, at zxid ${count(stat.mzxid)}: it has version ${count(stat.version)} now.`, "Compare", () => this.conflict())
    } else this.start(heard).then(() => say(`Somebody changed it at zxid ${count(stat.mzxid)}. You had changed nothing: this is the new version.`))
  }

  /** conflict reads what is there now and asks what to do. */
  async conflict() {
    if (this.busy) return
    this.busy = true
    const { base, app } = this
    const closed = () => this.free()
    try {
      const answer = await app.api.ask("GET", this.url + "?format=json")
      const znode = await answer.json()
      const now = (this.heard = { znode, bytes: bytesOf(znode), tag: answer.etag, zxid: answer.zxid })
      const theirs = await opened(now.bytes)
      const mine = this.mine()
      const take = () => this.rebase(now, theirs, theirs)
      const about = `You began with version ${count(base.version)}. Now there is version ${count(znode.stat.version)}, of zxid ${count(znode.stat.mzxid)}. Nothing of yours is saved yet.`
      if (base.text !== undefined && mine.text !== undefined && theirs.text !== undefined) {
        conflictDialog({ base: base.text, mine: mine.text, theirs: theirs.text, about, take, closed,
          merge: (text) => this.rebase(now, theirs, { ...theirs, text, bytes: new TextEncoder().encode(text) }) })
      } else {
        openDialog({ title: "Changed by somebody else", closed, body: [h("p", null, `${about} Mine has ${size(mine.bytes.length)}, theirs ${size(theirs.bytes.length)}. Bytes cannot be merged.`)],
          buttons: [{ label: "Take theirs", run: take }, { label: "Put mine over theirs", run: () => this.rebase(now, theirs, mine) }, { label: "Keep editing", kind: "main", run() {} }] })
      }
    } catch (err) {
      if (asProblem(err).code === "no_node") this.heard = null
      else app.shell.problem(err)
      closed()
    }
  }
}
