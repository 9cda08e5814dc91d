// Deleting znodes.

import { curlBox, limits, mayWrite, pathList, shown, tag, visit } from "./act.js"
import { curl, quote } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, isBelow, parent, visible } from "./path.js"
import { problemBox, sentence } from "./problems.js"
import { amount, refusal, topmost } from "./subtree.js"
import { count, many, size } from "./time.js"
import { offerUndo, takeCopy } from "./undo.js"

const NAME_LIMIT = 40 // characters that anybody types

/** @typedef {{path: string, stat: Stat, below: number, bytes: number}} Item */

/** look reads what is at the paths, and how much is below. @param {App} app @param {string[]} paths */
async function look(app, paths) {
  const answer = await app.api.ask("POST", app.api.url("/v1/txn"), { json: { ops: paths.map((path) => ({ op: "exists", path })) } })
  /** @type {Item[]} */
  const items = []
  for (const { path, stat } of (await answer.json()).results) {
    if (!stat) continue
    const is = stat.num_children ? await amount(app, path) : { znodes: 1, bytes: stat.data_length }
    items.push({ path, stat, below: is.znodes - 1, bytes: is.bytes })
  }
  return items
}

/** total is how many znodes they are. @param {Item[]} items */
function total(items) {
  return items.reduce((n, i) => n + 1 + i.below, 0)
}

/** one is the request that deletes one. @param {App} app @param {Item} i @returns {[string, string, {headers: Record<string, string>}]} */
function one(app, i) {
  return ["DELETE", app.api.url("/v1/znodes", i.path, { recursive: i.below > 0 }), { headers: { "If-Match": tag(i.stat) } }]
}

/** together is the transaction that deletes them all. @param {Item[]} items */
function together(items) {
  return { ops: items.map((i) => ({ op: "delete", path: i.path, version: i.stat.version, czxid: i.stat.czxid, ...(i.below && { recursive: true }) })) }
}

/** removeDialog asks whether to delete znodes with all below them, and does. @param {App} app @param {string[]} paths */
export function removeDialog(app, paths) {
  if (!mayWrite(app)) return
  const tops = topmost(paths).filter((p) => p !== "/")
  if (!tops.length) return void app.shell.toast("The root cannot be deleted.")
  const body = h("div", null, h("p", { role: "status" }, "Looking at what would go…"))
  const box = curlBox()
  const typed = h("input", { autocomplete: "off", spellcheck: "false" })
  /** @type {Item[]} */
  let items = []
  let most = { tree_delete: 0, txn_ops: 0 }
  let word = "" // to be typed

  async function draw() {
    items = await look(app, tops)
    most = /** @type {any} */ (await limits(app))
    const n = total(items), [i] = items
    const name = visible(base(i?.path || ""))
    word = items.every((x) => !x.below) ? "" : items.length === 1 && name === base(i.path) && name.length <= NAME_LIMIT ? name : String(n)
    const huge = items.find((x) => x.below + 1 > most.tree_delete)
    const owned = items.filter((x) => x.stat.ephemeral_owner)
    typed.value = ""
    fill(body,
      !items.length && h("p", null, "There is nothing there any more."),
      items.length > 0 && h("p", null, `${many(n, "znode")} with ${size(items.reduce((s, x) => s + x.bytes, 0))} of data ${n === 1 ? "goes" : "go"}:`),
      pathList(items.map((x) => x.path + (x.below ? ` and ${count(x.below)} below` : ""))),
      owned.length > 0 && h("p", { class: "notice" }, `${owned.length === 1 ? `It belongs to session ${owned[0].stat.ephemeral_owner}` : `${owned.length} belong to sessions`}, which may not expect this.`),
      items.some((x) => x.below) && h("p", { class: "notice" }, "What changes below meanwhile goes too: only the top is checked for changes."),
      items.length > 1 && n > most.tree_delete && !huge && h("p", { class: "notice" }, `More than ${count(most.tree_delete)} do not fit in one transaction: they go one after the other.`),
      huge && h("div", { class: "problem" }, h("p", null, shown(huge.path), ` has ${count(huge.below)} znodes below; one delete takes at most ${count(most.tree_delete)}. In steps, which is not atomic, a terminal does it:`),
        h("pre", { tabindex: 0 }, `holt rm -r --batch ${quote(huge.path)}`)),
      word !== "" && !huge && field(`Type ${word} to delete`, typed))
    if (huge) items = []
    box.say(items.length === 1 ? [curl(...one(app, i))] : items.length ? [curl("POST", app.api.url("/v1/txn"), { json: together(items) })] : [])
    if (word) typed.focus()
  }

  /** each deletes them one after the other. @param {(done: number) => void} tell */
  async function each(tell) {
    const done = /** @type {Item[]} */ ([]), not = /** @type {string[]} */ ([])
    for (const i of items) {
      try {
        await app.api.write(...one(app, i))
        done.push(i)
      } catch (err) {
        not.push(`${i.path}: ${sentence(err)}`)
      }
      tell(done.length + not.length)
    }
    return { done, not }
  }

  async function run() {
    if (!items.length) throw refusal("There is nothing to delete.")
    if (word && typed.value !== word) {
      typed.focus()
      throw refusal(`Type ${word} to confirm.`)
    }
    let done = items, not = /** @type {string[]} */ ([])
    const copy = await takeCopy(app, items).catch(() => null)
    try {
      if (items.length === 1) await app.api.write(...one(app, items[0]))
      else if (items.length <= most.txn_ops && total(items) <= most.tree_delete) await app.api.write("POST", app.api.url("/v1/txn"), { json: together(items) })
      else ({ done, not } = await each((n) => d.trouble(`${n} of ${items.length} …`)))
    } catch (err) {
      await draw().catch(() => {}) // what is there now
      throw err
    }
    if (copy) copy.trees = copy.trees.filter((t) => done.some((i) => i.path === t[0].path))
    for (const p of app.selection.list()) if (done.some((i) => isBelow(p, i.path))) app.selection.toggle(p)
    if (done.length) offerUndo(app, copy, `${done.length === 1 ? done[0].path : many(done.length, "znode")}${total(done) > done.length ? " and what was below" : ""} deleted.`)
    const here = app.route.place
    const gone = here.section === "tree" && done.find((i) => isBelow(here.path, i.path))
    if (gone) visit(app, parent(gone.path))
    if (!not.length) return true
    await draw()
    throw refusal(`${many(done.length, "tree")} deleted, ${not.length} not. ${not.slice(0, 5).join(" ")}`)
  }
  const d = openDialog({ title: tops.length === 1 ? "Delete a znode" : `Delete ${tops.length} znodes`, body: [body, box.element], buttons: [{ label: "Delete", kind: "danger", run }] })
  draw().catch((err) => fill(body, problemBox(err)))
}
