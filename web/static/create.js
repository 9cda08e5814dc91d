// Making a znode.

import { check, curlBox, done, input, limits, mayWrite, must, shown, visit } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { base, join, mistake } from "./path.js"
import { size } from "./time.js"

const MODES = ["persistent", "persistent_sequential", "ephemeral", "ephemeral_sequential", "container", "persistent_with_ttl", "persistent_sequential_with_ttl"]
const UNITS = { hours: 36e5, seconds: 1e3, minutes: 6e4, days: 864e5 }

/** wholePath joins what was typed: a name that begins with / is a whole path. @param {string} dir @param {string} name */
export const wholePath = (dir, name) => name.startsWith("/") ? name : join(dir.replace(/\/+$/, "") || "/", name)

/** createDialog asks for a new znode and makes it. @param {App} app @param {string} parentPath @param {Preset} [preset] */
export function createDialog(app, parentPath, preset = {}) {
  if (!mayWrite(app)) return
  const own = ownSession(app), box = curlBox()
  const dir = input(parentPath), name = input(preset.name || "", { autofocus: true }), will = h("p", { class: "quiet" })
  const parents = check("Make parents that are missing")
  const mode = h("select", null, MODES.map((id) => h("option", { value: id, selected: id === preset.mode }, id.replaceAll("_", " "))))
  const meaning = h("p", { class: "quiet", role: "status" })
  const ttl = input("1", { type: "number", min: 0, step: "any" })
  const unit = h("select", { "aria-label": "Unit" }, Object.entries(UNITS).map(([label, ms]) => h("option", { value: ms }, label)))
  const time = h("div", { class: "row" }, field("TTL", ttl), unit)
  const whose = h("select", null, h("option", { value: "" }, `This page's session ${own.owner}`), h("option", { value: "id" }, "Another session, by its id"))
  const id = input("", { type: "password" }), other = field("Id of the session", id, "The page does not keep it.")
  const session = h("div", null, field("Session", whose, "This page's ends when the page is closed or reloaded, and the znode goes."), other)
  const data = h("textarea", { rows: 3, spellcheck: "false", value: preset.data || "" }), file = h("input", { type: "file" })
  const is = (/** @type {string} */ what) => mode.value.includes(what)

  function ask() {
    const path = wholePath(dir.value, name.value), ms = Math.round(Number(ttl.value) * Number(unit.value))
    return { path, ms, body: file.files?.[0] || data.value, url: app.api.url("/v1/znodes", path, { mode: mode.value, ttl: is("ttl") && `${ms}ms`, parents: parents.box.checked }) }
  }
  function draw() {
    const { path, url, body } = ask(), sequential = is("sequential")
    fill(meaning, is("ttl") ? "It goes when its data was not set for so long and it has no children." : is("eph") ? "It goes when its session ends, and has no children."
      : is("con") ? "It goes by itself a while after its last child: for locks and queues." : "It stays until it is deleted.",
    sequential && " The server puts a number behind the name that no child of the parent had before.")
    time.hidden = !is("ttl")
    session.hidden = !is("ephemeral")
    other.hidden = !whose.value
    data.disabled = body !== data.value
    fill(will, shown(path), sequential && " and a number, which is told when it is made")
    box.say(curl("POST", url, { ...(typeof body !== "string" ? { file: body.name } : body && { data: body }), headers: is("ephemeral") ? { "Holt-Session": "ID" } : {} }))
  }
  async function make() {
    const { path, ms, url, body } = ask(), sequential = is("sequential")
    must(name, !name.value && !sequential && "It needs a name.")
    must(mistake(dir.value) && !name.value.startsWith("/") ? dir : name, mistake(sequential ? path + "0" : path))
    must(ttl, is("ttl") && !(ms > 0) && "A TTL is more than 0.")
    must(id, is("ephemeral") && whose.value && !/^\s*\S{32}\s*$/.test(id.value) && "The id of a session has 32 characters.")
    const bytes = new Blob([body]).size, most = (await limits(app)).data_bytes
    must(data, bytes > most && `The data has ${size(bytes)}; a znode takes ${size(most)}.`)
    /** @type {Record<string, string>} */
    const headers = { "Content-Type": "application/octet-stream" }
    if (is("ephemeral")) headers["Holt-Session"] = whose.value ? id.value.trim() : await own.open()
    const made = await (await app.api.write("POST", url, { headers, body })).json()
    done(app, sequential ? `Made. The server named it ${base(made.path)}.` : `${made.path} is made.`)
    visit(app, made.path)
  }
  openDialog({
    title: "Create a znode", buttons: [{ label: "Create", kind: "main", run: make }],
    guard: () => (data.value === (preset.data || "") ? "" : "The data you typed is not saved."),
    body: [h("div", { oninput: draw }, field("Parent", dir), field("Name", name, "Or a whole path that begins with /"), will, parents.element,
      field("Kind", mode), meaning, time, session, field("Data", data), field("Or a file", file)), box.element],
  })
  draw()
}
