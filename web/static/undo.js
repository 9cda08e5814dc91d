// Copies of what was deleted, in memory while the page is open, and putting them back.

import { button, done, pathList, reads, txn } from "./act.js"
import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { sentence } from "./problems.js"
import { creates, keepNumbers, parted, readTree, some } from "./subtree.js"
import { ago, many } from "./time.js"

// Copies that are kept, and what is in one of them.
const UNDO_MAX = 10
export const UNDO_MOST = { znodes: 1000, bytes: 1 << 20 }
// How long a toast offers it.
const UNDO_MS = 30000

/** @type {WeakMap<App, {copies: Copy[], chip: HTMLElement}>} */
const all = new WeakMap()

/** takeCopy reads what is about to be deleted. @param {App} app @param {Doomed[]} items */
export async function takeCopy(app, items) {
  const copy = /** @type {Copy} */ ({ trees: [], zxid: 0, at: Date.now() })
  for (const i of items) {
    if (!i.below) continue
    const { lines, zxid } = await readTree(app, i.path, UNDO_MOST)
    copy.zxid = zxid
    copy.trees.push(lines)
  }
  const ops = items.filter((i) => !i.below).map((i) => ({ op: "get", path: i.path }))
  if (!ops.length) return copy
  const { zxid, results } = await reads(app, ops)
  copy.zxid = zxid
  for (const z of results) copy.trees.push([{ ...z, op: undefined, created: (z.stat.cversion + z.stat.num_children) / 2 }])
  return copy
}

/** offerUndo keeps a copy, and says what was deleted. @param {App} app @param {Copy | null} copy @param {string} text @param {boolean} [unsure] whether it was is not known yet */
export function offerUndo(app, copy, text, unsure) {
  const kind = unsure ? undefined : "good"
  if (!copy) return void done(app, text, { kind })
  const kept = all.get(app) || { copies: [], chip: button("Undo…", () => undoDialog(app)) }
  all.set(app, kept)
  kept.copies = [copy, ...kept.copies].slice(0, UNDO_MAX)
  app.shell.tools.append(kept.chip)
  copy.offer = done(app, text, { kind, ms: UNDO_MS, action: { label: "Undo", run: () => { undo(app, copy).catch(app.shell.problem) } } })
}

/** undo makes again what was deleted, in one transaction, if nothing is there. @param {App} app @param {Copy} copy */
async function undo(app, copy) {
  const own = ownSession(app), { kept, lost } = parted(copy.trees.flat(), own.owner)
  if (kept.length) await txn(app, creates(kept, (p) => p), kept.some((l) => l.mode === "ephemeral") ? own.id : "")
  copy.offer?.close()
  const state = all.get(app)
  if (state && !(state.copies = state.copies.filter((c) => c !== copy)).length) state.chip.remove()
  done(app, `${many(kept.length, "znode")} back. Versions and times begin anew.` +
    (lost.length ? ` Ephemerals are not, as only their sessions make them: ${some(lost)}` : ""))
  for (const tree of copy.trees) await keepNumbers(app, tree, tree[0].path)
}

/** undoDialog lists the copies. @param {App} app */
export function undoDialog(app) {
  const copies = all.get(app)?.copies || []
  const d = openDialog({
    title: "Undo a delete", buttons: [],
    body: [h("p", null, "Kept while the page is open."),
      copies.map((c) => h("div", { class: "card" }, h("p", null, `${many(c.trees.flat().length, "znode")} as of zxid ${c.zxid}, copied ${ago(c.at)}`), pathList(c.trees.map((t) => t[0].path)),
        button("Put back", () => undo(app, c).then(d.close, (err) => d.trouble(sentence(err))))))],
  })
}
