// Moving and duplicating a znode with all below it, in one transaction.

import { curlBox, limits, mayWrite, shown, visit } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { isBelow, mistake, sequence } from "./path.js"
import { problemBox } from "./problems.js"
import { amount, bytesIn, creates, keepNumbers, mover, numbered, parted, readTree, refusal } from "./subtree.js"
import { count, many, size } from "./time.js"

/** transaction makes the lines again at another place, and deletes them here, children first, or checks that they are as they were
 * read. A child that was made meanwhile lets its parent's delete fail.
 * @param {TreeLine[]} lines @param {string} from @param {string} to @param {boolean} moves @param {boolean} parents */
export function transaction(lines, from, to, moves, parents) {
  const made = /** @type {Record<string, any>[]} */ (creates(lines, mover(from, to)))
  if (parents && made.length) made[0].parents = true
  const was = lines.map(({ path, stat }) => ({ op: moves ? "delete" : "check", path, version: stat?.version, czxid: stat?.czxid }))
  return { ops: [...made, ...was.reverse()] }
}

/** moveDialog asks where a znode is to be, and moves it there with all below. @param {App} app @param {string} path */
export function moveDialog(app, path) {
  place(app, path, true)
}

/** duplicateDialog asks where a copy is to be, and makes it. @param {App} app @param {string} path */
export function duplicateDialog(app, path) {
  place(app, path, false)
}

/** @param {App} app @param {string} path @param {boolean} moves */
function place(app, path, moves) {
  if (!mayWrite(app)) return
  if (path === "/") return void app.shell.toast(`The root cannot be ${moves ? "moved" : "duplicated"}.`)
  const own = ownSession(app)
  const box = curlBox()
  const notes = h("div", null, h("p", { role: "status" }, "Looking at what is there…"))
  const to = h("input", { class: "path", spellcheck: "false", autocomplete: "off", value: path + (moves ? "" : "-copy") })
  const parents = h("input", { type: "checkbox" })
  /** @type {TreeLine[] | null} */
  let lines = null // what is made, once it is read

  async function look() {
    lines = null
    const [most, is] = await Promise.all([limits(app), amount(app, path)])
    if (2 * is.znodes > most.txn_ops || is.bytes > most.txn_bytes) {
      throw refusal(`There are ${many(is.znodes, "znode")} of ${size(is.bytes)}. One transaction takes ${count(most.txn_ops / 2)} of ${size(most.txn_bytes)}, and ${moves ? "to move in several could leave half of it behind" : "a copy made in several could be of no one state"}. Export it and import the file${moves ? ", then delete it" : ""}.`)
    }
    const read = await readTree(app, path)
    const { kept, lost } = parted(read.lines, own.owner)
    if (lost.length && moves) {
      throw refusal(`Ephemeral znodes belong to their sessions, which alone can make them again: ${lost.slice(0, 5).map((l) => l.path).join(", ")}. Wait until they are gone, or move what is beside them.`)
    }
    if (!kept.length) throw refusal("It is ephemeral: only its session can make it again.")
    lines = kept
    fill(notes, h("p", null, `${many(kept.length, "znode")} of ${size(kept.reduce((n, l) => n + bytesIn(l), 0))}, as of zxid ${read.zxid}. If anything of it changes before you are done, nothing is done.`),
      lost.length > 0 && h("p", { class: "notice" }, `${many(lost.length, "ephemeral znode")} of other sessions ${lost.length === 1 ? "is" : "are"} left out.`),
      (kept.some((l) => sequence(l.path) >= 0) || numbered(kept).length > 0) && h("p", { class: "notice" }, "Sequential names stay as they are, and the numbers go on from there."),
      h("p", { class: "quiet" }, "Versions, times and zxids begin anew."))
    draw()
  }
  const json = () => transaction(lines || [], path, to.value, moves, parents.checked)
  function draw() {
    to.removeAttribute("aria-invalid")
    if (lines) box.say([curl("POST", app.api.url("/v1/txn"), { json: json(), headers: session() })])
  }
  /** @returns {Record<string, string>} */
  function session() {
    return lines?.some((l) => l.mode === "ephemeral") ? { "Holt-Session": "ID" } : {}
  }
  async function run() {
    if (!lines) throw refusal("It cannot be done as it is.")
    const no = mistake(to.value) || (isBelow(to.value, path) && moves ? "A znode cannot move to itself or below itself." : to.value === path ? "A copy needs a path of its own." : "")
    if (no) {
      to.setAttribute("aria-invalid", "true")
      to.focus()
      throw refusal(no)
    }
    try {
      await app.api.write("POST", app.api.url("/v1/txn"), { json: json(), headers: session()["Holt-Session"] ? { "Holt-Session": own.id } : {}, timeout: 60000 })
    } catch (err) {
      look().catch((worse) => fill(notes, problemBox(worse)))
      throw err
    }
    await keepNumbers(app, lines, to.value).catch(app.shell.problem)
    app.shell.toast(`${path} is ${moves ? "moved" : "copied"} to ${to.value}.`, { kind: "good" })
    if (moves) for (const p of app.selection.list()) if (isBelow(p, path)) app.selection.toggle(p)
    visit(app, to.value)
  }
  openDialog({
    title: moves ? "Move a znode" : "Duplicate a znode", buttons: [{ label: moves ? "Move" : "Duplicate", kind: "main", run }],
    body: [h("div", { oninput: draw }, h("p", null, shown(path), " with all below it."), field("To the path", to),
      h("div", { class: "field" }, h("label", { class: "check" }, parents, "Make parents that are missing")), notes), box.element],
  })
  look().catch((err) => fill(notes, problemBox(err)))
}
