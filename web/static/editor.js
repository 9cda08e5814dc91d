// Editing the data of a znode. It is written only over the version that was read, and what differs is shown before.

import { h, fill } from "./dom.js"
import { bytesOf } from "./api.js"
import { curl } from "./curl.js"
import { openDialog } from "./dialog.js"
import { visible } from "./path.js"
import { Problem, asProblem } from "./problems.js"
import { count, size } from "./time.js"
import { canFormat, check, checked, detect, format, kinds, mistakeList } from "./viewers.js"
import { diffView } from "./diff.js"
import { conflictDialog } from "./conflict.js"
import { opened, pack } from "./gzip.js"
import { hexView } from "./hex.js"
import { oddities } from "./text.js"

const CHECK_AFTER = 300 // ms after the last key
const FILE_LIMIT = 16 << 20 // bytes of a file that takes the place of the data
const CURL_LIMIT = 2000 // characters of data in the curl line

/** @typedef {{bytes: Uint8Array<ArrayBuffer>, packed: boolean, text: string | undefined, tag: string, version: number}} Base bytes and text are unpacked; no text: binary */

/**
 * editor edits what was read of a znode. changed is told of each later reading, and of null when the znode is gone.
 * @param {App} app
 * @param {{path: string, bytes: Uint8Array<ArrayBuffer>, tag: string, stat: Stat, close(): void, saved(): void}} what
 */
export async function editor(app, what) {
  const e = new Editor(app, what.path, what.close, what.saved)
  await e.start(what.bytes, what.tag, what.stat.version)
  return { element: e.element, dirty: () => e.dirty(), focus: () => e.focus(), stop: () => e.stop(), changed: (/** @type {Reading | null} */ now) => e.changed(now), curl: () => e.curl() }
}

class Editor {
  /** @param {App} app @param {string} path @param {() => void} close @param {() => void} saved */
  constructor(app, path, close, saved) {
    this.app = app
    this.path = path
    this.close = close
    this.saved = saved
    this.url = app.api.url("/v1/znodes", path)
    /** What mine is a change of. @type {Base} */
    this.base = { bytes: new Uint8Array(), packed: false, text: "", tag: "", version: 0 }
    /** What is written in place of text, of a file. @type {Uint8Array<ArrayBuffer> | null} */
    this.file = null
    this.eol = "\n"
    this.kind = "text"
    this.busy = false // while it is saved, or a dialog asks
    /** What was heard meanwhile; undefined: nothing. @type {Reading | null | undefined} */
    this.heard = undefined
    this.gone = false
    this.timer = 0
    this.title = h("p", null)
    this.notice = h("div", { role: "alert" })
    this.area = h("textarea", { class: "editor", spellcheck: "false", autocapitalize: "off", autocomplete: "off", "aria-label": `Data of ${visible(path)}`, rows: 16, oninput: () => this.checkSoon() })
    this.hex = h("div")
    this.mistakes = h("div", { "aria-live": "polite" })
    this.chooser = h("select", { "aria-label": "Kind", onchange: () => { this.kind = this.chooser.value; this.check() } },
      ["text", "json", "yaml", "xml"].map((k) => h("option", { value: k }, kinds[/** @type {TextKind} */ (k)])))
    this.formatter = h("button", { type: "button", onclick: () => this.format() }, "Format")
    this.chosen = h("input", { type: "file", onchange: () => this.replace() })
    this.element = h("div", { class: "editing", onkeydown: (/** @type {KeyboardEvent} */ e) => this.key(e) }, this.title, this.notice,
      h("div", { class: "row" }, h("button", { type: "button", class: "main", onclick: () => this.review() }, "Save…"),
        h("button", { type: "button", onclick: () => this.leave() }, "Stop editing"), this.chooser, this.formatter,
        h("label", { class: "row" }, "Replace with a file ", this.chosen)),
      this.area, this.hex, this.mistakes)
    this.guard = () => (this.dirty() ? `The changes to ${visible(path)} are not saved.` : "")
    app.guards.add(this.guard)
  }

  /** start begins with these bytes, as they are stored. @param {Uint8Array<ArrayBuffer>} bytes @param {string} tag @param {number} version */
  async start(bytes, tag, version) {
    this.base = await baseOf(bytes, tag, version)
    this.put(this.base)
  }

  /** put shows a text or bytes. @param {{text: string | undefined, bytes: Uint8Array<ArrayBuffer>}} now */
  put(now) {
    const text = now.text
    this.file = text === undefined ? now.bytes : null
    this.area.hidden = this.chooser.hidden = text === undefined
    this.eol = text && /\r\n/.test(text) && !/[^\r]\n/.test(text) ? "\r\n" : "\n"
    this.area.value = text || ""
    fill(this.hex, text === undefined && (now.bytes.length ? hexView(now.bytes) : null))
    const found = detect(now.bytes).kind
    if (text !== undefined) this.chooser.value = this.kind = found in { json: 1, yaml: 1, xml: 1 } ? found : "text"
    this.check()
    this.tell()
  }

  /** tell says what is edited. */
  tell() {
    const { base } = this
    const mixed = base.text !== undefined && !this.file && this.unchanged() !== base.text
    this.title.textContent = `Editing version ${count(base.version)}${base.packed ? ", unpacked; it is packed again with gzip when saved" : ""}. ` +
      (mixed ? "Its line ends are mixed; saving makes them all alike. " : this.eol === "\r\n" ? "Lines end in CR LF, and stay so. " : "") + (base.text && oddities(base.text).includes("spelled") ? "It holds characters that do not show." : "")
  }

  /** unchanged is the base after it went through a text field, which knows one line end. */
  unchanged() {
    return (this.base.text || "").replace(/\r\n?/g, "\n").replaceAll("\n", this.eol)
  }

  text() {
    return this.area.value.replaceAll("\n", this.eol)
  }

  dirty() {
    if (this.file) return this.file !== this.base.bytes
    return this.base.text === undefined || this.text() !== this.unchanged()
  }

  focus() {
    if (this.file) return this.chosen.focus()
    this.area.focus()
    this.area.setSelectionRange(0, 0)
  }

  stop() {
    clearTimeout(this.timer)
    this.app.guards.delete(this.guard)
  }

  /** @param {KeyboardEvent} e */
  key(e) {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "s") {
      e.preventDefault()
      this.review()
    } else if (e.key === "Escape") this.leave()
  }

  leave() {
    const lost = this.guard()
    if (!lost || confirm(`${lost}\n\nStop editing and lose them?`)) this.close()
  }

  checkSoon() {
    clearTimeout(this.timer)
    this.timer = setTimeout(() => this.check(), CHECK_AFTER)
  }

  check() {
    const found = this.file ? [] : check(this.kind, this.area.value)
    this.formatter.hidden = this.file !== null || !canFormat(this.kind)
    this.formatter.disabled = found.length > 0
    fill(this.mistakes, found.length ? mistakeList(found, (m) => this.goTo(m)) : !this.file && checked(this.kind) &&
      h("p", { class: "quiet" }, `Nothing wrong was found. Checked: ${checked(this.kind)}.`))
    return found
  }

  format() {
    this.area.value = format(this.kind, this.area.value)
    this.check()
  }

  /** @param {Mistake} m */
  goTo(m) {
    const { area } = this
    let at = 0
    for (let line = 1; line < m.line; line++) at = area.value.indexOf("\n", at) + 1
    area.setSelectionRange(at + m.column - 1, at + m.column)
    area.blur()
    area.focus() // scrolls to the selection
  }

  async replace() {
    const file = this.chosen.files?.[0]
    if (!file) return
    if (file.size > FILE_LIMIT) return this.app.shell.toast(`${visible(file.name)} has ${size(file.size)}: too large for a znode.`, { kind: "bad" })
    const bytes = new Uint8Array(await file.arrayBuffer())
    const text = detect(bytes).text
    this.put({ bytes, text: this.base.packed ? undefined : text })
    this.app.shell.announce(`${visible(file.name)}, ${size(file.size)}, takes the place of the data when you save`)
  }

  /** mine is what would be stored, unpacked. */
  mine() {
    return this.file || new TextEncoder().encode(this.text())
  }

  curl() {
    const data = this.file || this.base.packed || this.area.value.length > CURL_LIMIT ? { file: "FILE" } : { data: this.text() }
    return [curl("PUT", this.url, { headers: { "If-Match": this.base.tag }, ...data })]
  }

  /** review shows what differs, and saves it. */
  async review() {
    if (this.busy) return
    if (!this.dirty()) return this.app.shell.toast("Nothing was changed.")
    if (this.gone) return this.app.shell.toast("The znode is deleted. Create it again with this text, or stop editing.")
    if (this.heard) return this.conflict()
    const { base } = this
    const wrong = this.check()
    const text = base.text !== undefined && !this.file
    this.app.shell.curl(this.curl())
    this.busy = true
    openDialog({
      title: "Save this?", wide: true, closed: () => { this.busy = false; this.hear() },
      body: [wrong.length > 0 && h("div", { class: "notice" }, h("p", null, `There is something wrong with it as ${kinds[/** @type {TextKind} */ (this.kind)]}. Save it all the same?`), mistakeList(wrong)),
        h("p", { class: "quiet" }, `Over version ${count(base.version)}, and over no other: ${size(base.bytes.length)} before, ${size(this.mine().length)} after.`),
        text ? diffView(base.text || "", this.text()) : h("p", null, "The bytes are not shown side by side.")],
      buttons: [{ label: wrong.length ? "Save all the same" : "Save", kind: wrong.length ? "danger" : "main", run: () => this.save(false) }, { label: "Save and keep editing", run: () => this.save(true) }],
    })
  }

  /** save writes it. @param {boolean} keeps whether editing goes on */
  async save(keeps) {
    const { base } = this
    const bytes = this.mine()
    try {
      const body = base.packed ? await pack(bytes) : bytes
      const answer = await this.app.api.write("PUT", this.url, { body, headers: this.gone ? { "If-None-Match": "*" } : { "If-Match": base.tag } })
      const { stat } = await answer.json()
      this.written({ bytes, packed: base.packed, text: this.file ? undefined : this.text(), tag: answer.etag, version: stat.version }, keeps)
    } catch (err) {
      const p = asProblem(err)
      if (p.code === "no_node" && !this.gone) this.changed(null)
      else if (p.code === "bad_version" || p.code === "node_exists") setTimeout(() => this.conflict()) // after this dialog is gone
      else throw err
    }
  }

  /** @param {Base} now @param {boolean} keeps */
  written(now, keeps) {
    this.base = now
    if (this.file) this.file = now.bytes
    this.gone = false
    this.app.shell.toast(`Saved: version ${count(now.version)}.`, { kind: "good" })
    if (!keeps) this.close()
    else {
      fill(this.notice)
      this.tell()
    }
    this.saved()
  }

  /** @param {Reading | null} now */
  changed(now) {
    this.heard = now
    if (!this.busy) this.hear()
  }

  /** hear says what was heard of the znode, unless it is what was saved here. */
  hear() {
    const now = this.heard
    if (now === undefined) return
    if (now?.tag === this.base.tag) {
      this.heard = undefined
      this.gone = false
      return fill(this.notice)
    }
    this.gone = now === null
    if (now === null) {
      fill(this.notice, h("p", { class: "notice" }, "It was deleted meanwhile. ", h("button", { type: "button", onclick: () => this.again() }, "Create it again with this")))
    } else if (!this.dirty() && now.bytes) {
      this.heard = undefined
      this.start(now.bytes, now.tag, now.znode.stat.version)
      fill(this.notice, h("p", { class: "notice" }, `Somebody changed it at zxid ${count(now.znode.stat.mzxid)}. You had changed nothing: this is the new version.`))
    } else {
      fill(this.notice, h("p", { class: "notice" }, `Somebody changed it meanwhile, at zxid ${count(now.znode.stat.mzxid)}: it has version ${count(now.znode.stat.version)} now. `,
        h("button", { type: "button", onclick: () => this.conflict() }, "Compare")))
    }
  }

  /** again makes the znode again with what is written here. */
  async again() {
    try {
      await this.save(false)
    } catch (err) {
      this.app.shell.problem(err)
    }
  }

  /** conflict reads what is there now and asks what to do. */
  async conflict() {
    if (this.busy) return
    this.busy = true
    const done = () => { this.busy = false; this.hear() }
    try {
      const { api } = this.app
      const answer = await api.ask("GET", api.url("/v1/znodes", this.path, { format: "json" }))
      const znode = await answer.json()
      const theirs = await baseOf(bytesOf(znode), answer.etag, znode.stat.version)
      this.heard = { znode, bytes: bytesOf(znode), tag: theirs.tag, zxid: answer.zxid }
      const { base } = this
      const mine = this.file ? undefined : this.text()
      const take = () => this.rebase(theirs, theirs)
      const about = `You began with version ${count(base.version)}; ${this.gone ? "it was deleted, and made again by" : "now there is"} version ${count(theirs.version)}, of zxid ${count(znode.stat.mzxid)}. Nothing of yours is saved yet.`
      if (mine !== undefined && base.text !== undefined && theirs.text !== undefined && base.packed === theirs.packed) {
        const { text } = base
        return conflictDialog({ base: text, mine, theirs: theirs.text, about, take, closed: done,
          merge: (put) => this.rebase(theirs, { text: put, bytes: new TextEncoder().encode(put) }) })
      }
      openDialog({ title: "Changed by somebody else", closed: done,
        body: [h("p", null, about), h("p", null, `Mine: ${size(this.mine().length)}. Theirs: ${size(theirs.bytes.length)}. Bytes cannot be merged.`)],
        buttons: [{ label: "Take theirs", kind: "main", run: take },
          { label: "Put mine over theirs", run: () => this.rebase(theirs, { text: theirs.packed ? undefined : mine, bytes: this.mine() }) }, { label: "Keep editing", run() {} }] })
    } catch (err) {
      done()
      if (err instanceof Problem && err.code === "no_node") this.changed(null)
      else this.app.shell.problem(err)
    }
  }

  /** rebase goes on with a text as a change of theirs. @param {Base} theirs @param {{text: string | undefined, bytes: Uint8Array<ArrayBuffer>}} now */
  rebase(theirs, now) {
    this.base = theirs
    this.heard = undefined
    this.gone = false
    this.put(now)
    fill(this.notice)
    this.app.shell.announce("This is a change of the version that is there now. It is not saved yet.")
    this.focus()
  }
}

/** baseOf takes apart what is stored. @param {Uint8Array<ArrayBuffer>} stored @param {string} tag @param {number} version @returns {Promise<Base>} */
async function baseOf(stored, tag, version) {
  const { bytes, packed } = await opened(stored)
  return { bytes, packed, text: detect(bytes).text, tag, version }
}
