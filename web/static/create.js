// Making a znode.

import { curlBox, limits, mayWrite, shown, visit } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { base, join, mistake } from "./path.js"
import { refusal } from "./subtree.js"
import { size } from "./time.js"

const MODES = /** @type {[Mode, string, string][]} */ ([
  ["persistent", "Persistent", "It stays until somebody deletes it."],
  ["persistent_sequential", "Persistent, sequential", "It stays. The server puts a number behind the name that no child of this parent had before."],
  ["ephemeral", "Ephemeral", "It goes when its session ends, and has no children."],
  ["ephemeral_sequential", "Ephemeral, sequential", "It goes when its session ends. The server puts a number behind the name."],
  ["container", "Container", "It goes by itself, a while after its last child: for locks and queues."],
  ["persistent_with_ttl", "With a TTL", "It goes by itself if its data is not set for so long, and it has no children."],
  ["persistent_sequential_with_ttl", "With a TTL, sequential", "As with a TTL. The server puts a number behind the name."],
])
const UNITS = /** @type {[string, number][]} */ ([["seconds", 1e3], ["minutes", 6e4], ["hours", 36e5], ["days", 864e5]])
const SHOWN_LIMIT = 2000 // characters of data in the curl line

/** wholePath joins what was typed: a name that begins with / is a whole path. @param {string} dir @param {string} name */
export function wholePath(dir, name) {
  return name.startsWith("/") ? name : join(dir.trim().replace(/(.)\/+$/, "$1") || "/", name)
}

/** createDialog asks for a new znode and makes it.
 * @param {App} app @param {string} parentPath @param {{name?: string, mode?: Mode, data?: string, done?: (path: string) => void}} [preset] */
export function createDialog(app, parentPath, preset = {}) {
  if (!mayWrite(app)) return
  const own = ownSession(app)
  const box = curlBox()
  const dir = h("input", { class: "path", spellcheck: "false", autocomplete: "off", value: parentPath })
  const name = h("input", { class: "path", spellcheck: "false", autocomplete: "off", value: preset.name || "", autofocus: true })
  const mode = h("select", null, MODES.map(([id, label]) => h("option", { value: id }, label)))
  mode.value = preset.mode || "persistent"
  const meaning = h("small", { role: "status" })
  const ttl = h("input", { type: "number", min: 1, value: "1", "aria-label": "TTL" })
  const unit = h("select", { "aria-label": "Unit of the TTL" }, UNITS.map(([label, ms]) => h("option", { value: ms, selected: ms === 36e5 }, label)))
  const ttlField = h("fieldset", null, h("legend", null, "TTL"), h("div", { class: "row" }, ttl, unit))
  const whose = h("select", null, h("option", { value: "own" }, own.owner ? `This page's session, ${own.owner}` : "This page's session, opened now"), h("option", { value: "id" }, "Another, by its id"))
  const id = h("input", { type: "password", autocomplete: "off", spellcheck: "false" })
  const idField = field("Id of the session", id, "Whoever has it is the session. The page does not keep it.")
  const sessionField = h("div", null, field("Session", whose, "This page's lives as long as the page: closing or reloading it ends the session, and its znodes go."), idField)
  const parents = h("input", { type: "checkbox" })
  const data = h("textarea", { rows: 4, spellcheck: "false", value: preset.data || "" })
  const file = h("input", { type: "file" })
  const will = h("p", { class: "quiet", "aria-live": "polite" })
  const is = (/** @type {string} */ what) => mode.value.includes(what)

  function ask() {
    const path = wholePath(dir.value, name.value)
    return {
      path, url: app.api.url("/v1/znodes", path, { mode: mode.value, ttl: is("ttl") ? `${Math.round(Number(ttl.value) * Number(unit.value))}ms` : "", parents: parents.checked }),
      body: file.files?.[0] || data.value,
    }
  }
  function draw() {
    const { path, url, body } = ask()
    fill(meaning, MODES.find(([m]) => m === mode.value)?.[2] || "")
    ttlField.hidden = !is("ttl")
    sessionField.hidden = !is("ephemeral")
    idField.hidden = whose.value !== "id"
    data.disabled = typeof body !== "string"
    fill(will, "It will be ", shown(path + (is("sequential") ? "0000000000" : "")), is("sequential") ? ", with the next number. Its name is told when it is made." : ".")
    /** @type {Record<string, string>} */
    const headers = is("ephemeral") ? { "Holt-Session": "ID" } : {}
    box.say([curl("POST", url, typeof body !== "string" ? { headers, file: body.name } : body.length > SHOWN_LIMIT ? { headers, file: "data" } : body ? { headers, data: body } : { headers })])
    for (const e of [dir, name, ttl, id]) e.removeAttribute("aria-invalid")
  }
  /** @param {HTMLElement} e @param {string} text */
  function wrong(e, text) {
    e.setAttribute("aria-invalid", "true")
    e.focus()
    return refusal(text)
  }
  async function make() {
    const { path, url, body } = ask()
    if (!name.value && !is("sequential")) throw wrong(name, "It needs a name.")
    const no = mistake(is("sequential") ? path + "0" : path)
    if (no) throw wrong(name.value.includes("/") || !mistake(dir.value) ? name : dir, no)
    if (is("ttl") && !(Number(ttl.value) > 0)) throw wrong(ttl, "A TTL is more than 0.")
    const bytes = typeof body === "string" ? new TextEncoder().encode(body).length : body.size
    const most = (await limits(app)).data_bytes
    if (bytes > most) throw wrong(data, `The data has ${size(bytes)}; a znode holds at most ${size(most)}.`)
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/octet-stream" }
    if (is("ephemeral")) headers["Holt-Session"] = whose.value === "own" ? await own.open() : id.value.trim()
    if (is("ephemeral") && !/^[0-9a-f]{32}$/.test(headers["Holt-Session"])) throw wrong(id, "The id of a session is 32 digits and letters from a to f.")
    const made = await (await app.api.write("POST", url, { headers, body })).json()
    app.shell.toast(is("sequential") ? `Made. The server named it ${base(made.path)}.` : `${made.path} is made.`, { kind: "good" })
    if (preset.done) preset.done(made.path)
    else visit(app, made.path)
  }
  openDialog({
    title: "Create a znode", buttons: [{ label: "Create", kind: "main", run: make }],
    guard: () => (data.value !== (preset.data || "") ? "The data you typed is not saved." : ""),
    body: [h("div", { oninput: draw, onchange: draw },
      field("Parent", dir), field("Name", name, "Or a whole path that begins with /."), will,
      h("div", { class: "field" }, h("label", { class: "check" }, parents, "Make parents that are missing")),
      field("Kind", mode), meaning, ttlField, sessionField,
      field("Data", data), field("Or a file", file)), box.element],
  })
  draw()
}
