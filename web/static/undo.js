// Copies of what was deleted, kept in memory while the page is open, and putting them back.

import { pathList } from "./act.js"
import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { sentence } from "./problems.js"
import { bytesIn, creates, keepNumbers, parted, readTree } from "./subtree.js"
import { ago, many } from "./time.js"

const UNDO_MAX = 10 // copies
const UNDO_ZNODES = 1000 // in one of them
const UNDO_BYTES = 1 << 20
const UNDO_MS = 30000 // that a toast offers it

/** @typedef {{trees: TreeLine[][], zxid: number, at: number}} Copy */

/** @type {WeakMap<App, {copies: Copy[], button: HTMLElement}>} */
const all = new WeakMap()

/** takeCopy reads what is about to be deleted. @param {App} app @param {{path: string, stat: Stat, below: number, bytes: number}[]} items
 * @returns {Promise<Copy | null>} null if it is too much to be kept */
export async function takeCopy(app, items) {
  let znodes = 0, bytes = 0
  for (const i of items) {
    znodes += 1 + i.below
    bytes += i.bytes
  }
  if (znodes > UNDO_ZNODES || bytes > UNDO_BYTES) return null
  const leaves = items.filter((i) => !i.below)
  /** @type {Copy} */
  const copy = { trees: [], zxid: 0, at: Date.now() }
  if (leaves.length) {
    const answer = await app.api.ask("POST", app.api.url("/v1/txn"), { json: { ops: leaves.map((i) => ({ op: "get", path: i.path })) } })
    copy.zxid = answer.zxid
    for (const z of (await answer.json()).results) copy.trees.push([{ ...z, op: undefined, created: (z.stat.cversion + z.stat.num_children) / 2 }])
  }
  for (const i of items) {
    if (!i.below) continue
    const { lines, zxid } = await readTree(app, i.path, { znodes: UNDO_ZNODES, bytes: UNDO_BYTES })
    copy.zxid = Math.max(copy.zxid, zxid)
    copy.trees.push(lines)
  }
  return copy
}

/** offerUndo keeps a copy, and says what was deleted. @param {App} app @param {Copy | null} copy @param {string} text */
export function offerUndo(app, copy, text) {
  if (!copy) {
    app.shell.toast(text, { kind: "good" })
    return
  }
  let kept = all.get(app)
  if (!kept) all.set(app, (kept = { copies: [], button: h("button", { type: "button", class: "small", onclick: () => undoDialog(app) }, "Undo…") }))
  kept.copies.unshift(copy)
  kept.copies.length = Math.min(kept.copies.length, UNDO_MAX)
  app.shell.tools.append(kept.button)
  app.shell.toast(text, { kind: "good", ms: UNDO_MS, action: { label: "Undo", run: () => { undo(app, copy).catch(app.shell.problem) } } })
}

/** undo makes again what was deleted: in one transaction, if nothing is there. @param {App} app @param {Copy} copy */
async function undo(app, copy) {
  const own = ownSession(app)
  const { kept, lost } = parted(copy.trees.flat(), own.owner)
  const stays = (/** @type {string} */ p) => p
  if (kept.length) await app.api.write("POST", app.api.url("/v1/txn"), { json: { ops: creates(kept, stays) }, headers: own.id ? { "Holt-Session": own.id } : {} })
  const state = all.get(app)
  if (state) {
    state.copies = state.copies.filter((c) => c !== copy)
    if (!state.copies.length) state.button.remove()
  }
  app.shell.toast(`${many(kept.length, "znode")} ${kept.length === 1 ? "is" : "are"} there again. Versions and times begin anew.` +
    (lost.length ? ` ${many(lost.length, "ephemeral znode")} cannot come back, as only their sessions make them: ${lost.slice(0, 5).map((l) => l.path).join(", ")}${lost.length > 5 ? ", …" : ""}` : ""), { kind: "good" })
  for (const tree of copy.trees) if (tree[0].mode !== "ephemeral") await keepNumbers(app, tree, tree[0].path)
}

/** undoDialog lists the copies. @param {App} app */
export function undoDialog(app) {
  const copies = all.get(app)?.copies || []
  const d = openDialog({
    title: "Undo a delete", buttons: [],
    body: [h("p", null, copies.length ? "Kept while this page is open. Versions and times begin anew, and ephemerals of other sessions stay away." : "This page has no copy of anything deleted."),
      copies.map((c) => h("div", { class: "card" },
        h("p", null, `${many(c.trees.flat().length, "znode")} of ${many(c.trees.flat().reduce((n, l) => n + bytesIn(l), 0), "byte")}, deleted ${ago(c.at)}, as of zxid ${c.zxid}`), pathList(c.trees.map((t) => t[0].path)),
        h("button", { type: "button", onclick: () => undo(app, c).then(() => d.close(), (err) => d.trouble(sentence(err))) }, "Put back")))],
  })
}
