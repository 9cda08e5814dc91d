// Deleting znodes.

import { curlBox, input, limits, mayWrite, must, pathList, shown, reads, txnUrl, unmark, visit, wait } from "./act.js"
import { curl, quote } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, isBelow, parent, visible } from "./path.js"
import { asProblem, problemBox, sentence } from "./problems.js"
import { amount, refusal, topmost } from "./subtree.js"
import { count, many, size } from "./time.js"
import { offerUndo, takeCopy, UNDO_MOST } from "./undo.js"

// Characters that anybody types.
const NAME_LIMIT = 40

/** look reads what is at the paths, and how much is below. @param {App} app @param {string[]} paths */
async function look(app, paths) {
  const items = /** @type {Doomed[]} */ ([])
  for (const { path, stat } of (await reads(app, paths.map((path) => ({ op: "exists", path })))).results) {
    if (!stat) continue
    const is = stat.num_children ? await amount(app, path) : { znodes: 1, bytes: stat.data_length }
    items.push({ path, stat, below: is.znodes - 1, bytes: is.bytes })
  }
  return items
}

/** total is how many znodes they are. @param {Doomed[]} items */
const total = (items) => items.reduce((n, i) => n + 1 + i.below, 0)

/** request deletes them all: one by itself, several in a transaction. @param {App} app @param {Doomed[]} items @returns {[string, string, any]} */
function request(app, items) {
  const [{ path, below, stat }] = items
  if (items.length === 1) return ["DELETE", app.api.url("/v1/znodes", path, { recursive: below > 0 }), { headers: { "If-Match": `"${stat.version}.${stat.czxid}"` } }]
  return ["POST", txnUrl(app), { json: { ops: items.map((i) => ({ op: "delete", path: i.path, version: i.stat.version, czxid: i.stat.czxid, ...(i.below && { recursive: true }) })) } }]
}

/** deleteAll deletes batch by batch, each whole or not at all, and goes on where one is refused, while the dialog is open.
 * @param {App} app @param {Doomed[][]} batches @param {ReturnType<typeof openDialog>} d */
async function deleteAll(app, batches, d) {
  const gone = /** @type {Doomed[]} */ ([]), unknown = /** @type {Doomed[]} */ ([]), refused = []
  for (const [i, some] of batches.entries()) {
    if (!d.element.isConnected) break
    if (i) d.trouble(`${i} of ${batches.length} …`)
    try {
      await app.api.write(...request(app, some))
      gone.push(...some)
    } catch (err) {
      refused.push({ path: some[0].path, err })
      const { code } = asProblem(err)
      if (code === "outcome_unknown") unknown.push(...some)
      // Nor would the others get through.
      if (code === "outcome_unknown" || code === "no_leader") break
    }
  }
  return { gone, unknown, refused }
}

/** removeDialog asks whether to delete znodes with all below them, and does. @type {OnPaths} */
export function removeDialog(app, paths) {
  if (!mayWrite(app)) return
  const tops = topmost(paths)
  if (tops.includes("/")) return void app.shell.toast("The root cannot be deleted.")
  const body = h("div", null, wait())
  const box = curlBox(), typed = input("")
  let items = /** @type {Doomed[]} */ ([]), word = "", fits = true, small = true

  /** again shows what is there now. */
  function again() {
    items = []
    return draw().catch((err) => fill(body, problemBox(err, again)))
  }
  async function draw() {
    items = await look(app, tops)
    const most = await limits(app), n = total(items), bytes = items.reduce((s, x) => s + x.bytes, 0), name = base(items[0]?.path || "")
    const huge = items.find((x) => x.below >= most.tree_delete), owned = items.filter((x) => x.stat.ephemeral_owner)
    fits = n <= most.tree_delete && items.length <= most.txn_ops
    small = n <= UNDO_MOST.znodes && bytes <= UNDO_MOST.bytes
    word = n === items.length ? "" : items.length === 1 && name === visible(name) && name.length <= NAME_LIMIT ? name : String(n)
    typed.value = ""
    const notes = [
      owned.length > 0 && `Ephemeral, of session ${owned[0].stat.ephemeral_owner}${owned.length > 1 ? " and others" : ""}, which may not expect this.`,
      word && "What changes below meanwhile goes too: only the top is checked.",
      !small && "Too much to be undone.",
      !fits && !huge && "Too much for one transaction: they go one after the other.",
    ]
    fill(body, h("p", null, n ? `${many(n, "znode")} with ${size(bytes)} of data:` : "Nothing is there any more."),
      pathList(items.map((x) => x.path + (x.below ? ` and ${count(x.below)} below` : ""))), notes.map((t) => t && h("p", { class: "notice" }, t)),
      huge ? h("div", { class: "problem" }, shown(huge.path), ` is too much: one delete takes ${count(most.tree_delete)} znodes. A terminal does it in steps, which is not atomic: `,
        h("code", null, `holt rm -r --batch ${quote(huge.path)}`)) : word && field(`Type ${word} to delete`, typed))
    if (huge) items = []
    box.say(...(items.length ? [curl(...request(app, items))] : []))
    if (word) typed.focus()
  }

  async function run() {
    if (!items.length) throw refusal("Nothing can be deleted, or not yet.")
    must(typed, typed.value !== word && `Type ${word} to confirm.`)
    const all = items
    const copy = small ? await takeCopy(app, all).catch(async (err) => { await again(); throw err }) : null
    const { gone, unknown, refused } = await deleteAll(app, fits ? [all] : all.map((i) => [i]), d)
    const of = (/** @type {Doomed[]} */ some) => copy && { ...copy, trees: copy.trees.filter((t) => some.find((i) => i.path === t[0].path)) }
    const went = (/** @type {string} */ p) => gone.find((i) => isBelow(p, i.path))
    unmark(app, went)
    if (unknown.length) offerUndo(app, of(unknown), `Nobody knows yet whether ${unknown.length === 1 ? unknown[0].path : many(unknown.length, "znode")} went.`, true)
    if (gone.length) offerUndo(app, of(gone), `${gone.length === 1 ? gone[0].path : many(gone.length, "znode")}${total(gone) > gone.length ? " and all below" : ""} deleted.`)
    const here = app.route.place.section === "tree" && went(app.route.place.path)
    if (here) visit(app, parent(here.path))
    if (!refused.length) return
    await again()
    throw fits ? refused[0].err : refusal(`${gone.length} of ${all.length} deleted. ${refused.slice(0, 5).map((r) => `${r.path}: ${sentence(r.err)}`).join(" ")}`)
  }
  const d = openDialog({ title: tops[1] ? `Delete ${tops.length} znodes` : "Delete a znode", body: [body, box.element], buttons: [{ label: "Delete", kind: "danger", run }] })
  again()
}
