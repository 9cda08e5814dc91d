// Moving and duplicating a znode with all below it, in one transaction.

import { check, curlBox, done, input, limits, mayWrite, must, shown, txn, txnUrl, unmark, visit, wait } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { isBelow, mistake, sequence } from "./path.js"
import { problemBox } from "./problems.js"
import { bytesIn, keepNumbers, parted, readTree, refusal, some, transaction } from "./subtree.js"
import { many, size } from "./time.js"

/** moveDialog asks where a znode is to be, and moves it there with all below. @type {OnPath} */
export const moveDialog = (app, path) => place(app, path, true)

/** duplicateDialog asks where a copy is to be, and makes it. @type {OnPath} */
export const duplicateDialog = (app, path) => place(app, path, false)

/** @param {App} app @param {string} path @param {boolean} moves */
function place(app, path, moves) {
  if (!mayWrite(app)) return
  const own = ownSession(app), box = curlBox(), label = moves ? "Move" : "Duplicate"
  const notes = h("div")
  const to = input(moves ? path : path + "-copy"), parents = check("Make parents that are missing")
  // What is made, once it is read.
  let lines = /** @type {TreeLine[]} */ ([])
  let reading = Promise.resolve()

  function look() {
    fill(notes, wait()) // what was counted before is past
    reading = read().catch((err) => fill(notes, problemBox(err, look)))
  }
  async function read() {
    lines = []
    const most = await limits(app)
    const tree = await readTree(app, path, { znodes: most.txn_ops / 2, bytes: most.txn_bytes })
    const { kept, lost } = parted(tree.lines, own.owner)
    if (lost.length && (moves || !kept.length)) throw refusal(`Ephemerals belong to their sessions, which alone can make them again: ${some(lost)}`)
    lines = kept
    fill(notes, h("p", null, `${many(kept.length, "znode")} with ${size(bytesIn(kept))} of data, as of zxid ${tree.zxid}. If any of it changes meanwhile, nothing is done. Versions and times begin anew.`),
      lost.length > 0 && h("p", { class: "notice" }, `${many(lost.length, "ephemeral")} of other sessions left out.`),
      kept.some((l) => sequence(l.path) >= 0) && h("p", { class: "notice" }, "Sequential names stay as they are, and the numbers go on from there."))
    draw()
  }
  const json = () => transaction(lines, path, to.value, moves, parents.box.checked)
  const ephemeral = () => lines.some((l) => l.mode === "ephemeral")
  function draw() {
    if (lines.length) box.say(curl("POST", txnUrl(app), { json: json(), headers: ephemeral() ? { "Holt-Session": "ID" } : {} }))
  }
  async function run() {
    await reading
    if (!lines.length) throw refusal("It cannot be done as it is.")
    must(to, mistake(to.value))
    must(to, (to.value === path || moves && isBelow(to.value, path)) && "It needs another path, and cannot move below itself.")
    const place = to.value // more may be typed meanwhile
    try {
      await txn(app, json().ops, ephemeral() ? own.id : "")
    } catch (err) {
      look()
      throw err
    }
    await keepNumbers(app, lines, place).catch(app.shell.problem)
    done(app, `${path} is ${moves ? "moved" : "copied"} to ${place}.`)
    if (moves) unmark(app, (p) => isBelow(p, path))
    visit(app, place)
  }
  openDialog({
    title: `${label} a znode`, buttons: [{ label, kind: "main", run }],
    body: [h("div", { oninput: draw }, h("p", null, shown(path), " with all below it"), field("To the path", to), parents.element, notes), box.element],
  })
  look()
}
