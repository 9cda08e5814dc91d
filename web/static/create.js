// Making a znode.

import { check, curlBox, input, limits, mayWrite, shown, visit } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { base, join, mistake } from "./path.js"
import { refusal } from "./subtree.js"
import { size } from "./time.js"

const NUMBER = " The server puts a number behind the name that no child of the parent had before."
const MODES = /** @type {[Mode, string, string][]} */ ([
  ["persistent", "Persistent", "It stays until it is deleted."],
  ["persistent_sequential", "Persistent, sequential", "It stays until it is deleted." + NUMBER],
  ["ephemeral", "Ephemeral", "It goes when its session ends, and has no children."],
  ["ephemeral_sequential", "Ephemeral, sequential", "It goes when its session ends." + NUMBER],
  ["container", "Container", "It goes by itself a while after its last child: for locks and queues."],
  ["persistent_with_ttl", "With a TTL", "It goes by itself when its data was not set for so long and it has no children."],
  ["persistent_sequential_with_ttl", "With a TTL, sequential", "As with a TTL." + NUMBER],
])
const UNITS = /** @type {[string, number][]} */ ([["hours", 36e5], ["seconds", 1e3], ["minutes", 6e4], ["days", 864e5]])
const SHOWN_LIMIT = 2000 // characters of data in the curl line

/** wholePath joins what was typed: a name that begins with / is a whole path. @param {string} dir @param {string} name */
export const wholePath = (dir, name) => name.startsWith("/") ? name : join(dir.replace(/\/+$/, "") || "/", name)

/** createDialog asks for a new znode and makes it.
 * @param {App} app @param {string} parentPath @param {{name?: string, mode?: Mode, data?: string}} [preset] */
export function createDialog(app, parentPath, preset = {}) {
  if (!mayWrite(app)) return
  const own = ownSession(app)
  const box = curlBox()
  const dir = input(parentPath)
  const name = input(preset.name || "", { autofocus: true })
  const mode = h("select", null, MODES.map(([id, label]) => h("option", { value: id }, label)))
  mode.value = preset.mode || "persistent"
  const meaning = h("small", { role: "status" })
  const ttl = input("1", { type: "number", min: 0, step: "any", "aria-label": "TTL" })
  const unit = h("select", { "aria-label": "Unit of the TTL" }, UNITS.map(([label, ms]) => h("option", { value: ms }, label)))
  const ttlField = h("div", { class: "row" }, "TTL", ttl, unit)
  const whose = h("select", null, h("option", { value: "" }, `This page's session ${own.owner}`), h("option", { value: "id" }, "Another session, by its id"))
  const id = input("", { type: "password" })
  const idField = field("Id of the session", id, "Whoever has it is the session. The page does not keep it.")
  const sessionField = h("div", null, field("Session", whose, "That of this page lives as long as the page: closing or reloading it ends the session, and the znode goes."), idField)
  const parents = check("Make parents that are missing")
  const data = h("textarea", { rows: 4, spellcheck: "false", value: preset.data || "" })
  const file = h("input", { type: "file" })
  const will = h("p", { class: "quiet" })
  const is = (/** @type {string} */ what) => mode.value.includes(what)

  function ask() {
    const path = wholePath(dir.value, name.value), ms = Number(ttl.value) * Number(unit.value)
    return { path, body: file.files?.[0] || data.value, url: app.api.url("/v1/znodes", path, { mode: mode.value, ttl: is("ttl") && `${Math.round(ms)}ms`, parents: parents.box.checked }) }
  }
  function draw() {
    const { path, url, body } = ask()
    fill(meaning, MODES.find(([m]) => m === mode.value)?.[2])
    ttlField.hidden = !is("ttl")
    sessionField.hidden = !is("ephemeral")
    idField.hidden = !whose.value
    data.disabled = body !== data.value
    fill(will, shown(path), is("sequential") && " and a number, which is told when it is made")
    const sent = typeof body !== "string" ? { file: body.name } : body.length > SHOWN_LIMIT ? { file: "FILE" } : body ? { data: body } : {}
    box.say(curl("POST", url, { ...sent, headers: is("ephemeral") ? { "Holt-Session": "ID" } : {} }))
    for (const e of [dir, name, ttl, id]) e.removeAttribute("aria-invalid")
  }
  /** @param {HTMLElement} e @param {string | false} no */
  function must(e, no) {
    if (!no) return
    e.setAttribute("aria-invalid", "true")
    e.focus()
    throw refusal(no)
  }
  async function make() {
    const { path, url, body } = ask()
    must(name, !name.value && !is("sequential") && "It needs a name.")
    must(name.value.startsWith("/") || !mistake(dir.value) ? name : dir, mistake(is("sequential") ? path + "0" : path))
    must(ttl, is("ttl") && !(Number(ttl.value) > 0) && "A TTL is more than 0.")
    must(id, is("ephemeral") && whose.value && !/^\s*\S{32}\s*$/.test(id.value) && "The id of a session has 32 characters.")
    const bytes = new Blob([body]).size, most = (await limits(app)).data_bytes
    must(data, bytes > most && `The data has ${size(bytes)}; a znode takes ${size(most)}.`)
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/octet-stream" }
    if (is("ephemeral")) headers["Holt-Session"] = whose.value ? id.value.trim() : await own.open()
    const made = await (await app.api.write("POST", url, { headers, body })).json()
    app.shell.toast(is("sequential") ? `Made. The server named it ${base(made.path)}.` : `${made.path} is made.`, { kind: "good" })
    visit(app, made.path)
  }
  openDialog({
    title: "Create a znode", buttons: [{ label: "Create", kind: "main", run: make }],
    guard: () => (data.value === (preset.data || "") ? "" : "The data you typed is not saved."),
    body: [h("div", { oninput: draw }, field("Parent", dir), field("Name", name, "Or a whole path that begins with /"), will, parents.element,
      field("Kind", mode), meaning, ttlField, sessionField, field("Data", data), field("Or a file", file)), box.element],
  })
  draw()
}
