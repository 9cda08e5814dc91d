// Copies of what was deleted, in memory while the page is open, and putting them back.

import { button, pathList, txn } from "./act.js"
import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { ownSession } from "./own-session.js"
import { sentence } from "./problems.js"
import { creates, keepNumbers, parted, readTree } from "./subtree.js"
import { ago, many } from "./time.js"

const UNDO_MAX = 10 // copies
const UNDO_MOST = { znodes: 1000, bytes: 1 << 20 } // in one of them
const UNDO_MS = 30000 // that a toast offers it

/** @type {WeakMap<App, {copies: Copy[], chip: HTMLElement}>} */
const all = new WeakMap()

/** takeCopy reads what is about to be deleted; null is too much to be kept. @param {App} app @param {Doomed[]} items */
export async function takeCopy(app, items) {
  const sum = (/** @type {(i: Doomed) => number} */ of) => items.reduce((n, i) => n + of(i), 0)
  if (sum((i) => 1 + i.below) > UNDO_MOST.znodes || sum((i) => i.bytes) > UNDO_MOST.bytes) return null
  const copy = /** @type {Copy} */ ({ trees: [], zxid: 0, at: Date.now() })
  for (const i of items) {
    if (!i.below) continue
    const { lines, zxid } = await readTree(app, i.path, UNDO_MOST)
    copy.zxid = zxid
    copy.trees.push(lines)
  }
  const ops = items.filter((i) => !i.below).map((i) => ({ op: "get", path: i.path }))
  if (!ops.length) return copy
  const answer = await txn(app, ops)
  copy.zxid = answer.zxid
  for (const z of (await answer.json()).results) copy.trees.push([{ ...z, op: undefined, created: (z.stat.cversion + z.stat.num_children) / 2 }])
  return copy
}

/** offerUndo keeps a copy, and says what was deleted. @param {App} app @param {Copy | null} copy @param {string} text */
export function offerUndo(app, copy, text) {
  if (!copy) return app.shell.toast(text + " It was too much to keep a copy of.", { kind: "good" })
  const kept = all.get(app) || { copies: [], chip: button("Undo…", () => undoDialog(app)) }
  all.set(app, kept)
  kept.copies = [copy, ...kept.copies].slice(0, UNDO_MAX)
  app.shell.tools.append(kept.chip)
  return app.shell.toast(text, { kind: "good", ms: UNDO_MS, action: { label: "Undo", run: () => { undo(app, copy).catch(app.shell.problem) } } })
}

/** undo makes again what was deleted, in one transaction, if nothing is there. @param {App} app @param {Copy} copy */
async function undo(app, copy) {
  const own = ownSession(app), { kept, lost } = parted(copy.trees.flat(), own.owner)
  if (kept.length) await txn(app, creates(kept, (p) => p), own.id)
  const state = all.get(app)
  if (state && !(state.copies = state.copies.filter((c) => c !== copy)).length) state.chip.remove()
  app.shell.toast(`${many(kept.length, "znode")} back. Versions and times begin anew.` +
    (lost.length ? ` Ephemerals are not, as only their sessions make them: ${lost.slice(0, 5).map((l) => l.path).join(", ")}${lost.length > 5 ? " …" : ""}` : ""), { kind: "good" })
  for (const tree of copy.trees) await keepNumbers(app, tree, tree[0].path)
}

/** undoDialog lists the copies. @param {App} app */
export function undoDialog(app) {
  const copies = all.get(app)?.copies || []
  const d = openDialog({
    title: "Undo a delete", buttons: [],
    body: [h("p", null, copies.length ? "Kept while the page is open. Versions and times begin anew; ephemerals of other sessions do not come back." : "The page has no copy of anything deleted."),
      copies.map((c) => h("div", { class: "card" }, h("p", null, `${many(c.trees.flat().length, "znode")} as of zxid ${c.zxid}, deleted ${ago(c.at)}`), pathList(c.trees.map((t) => t[0].path)),
        button("Put back", () => undo(app, c).then(d.close, (err) => d.trouble(sentence(err))))))],
  })
}
