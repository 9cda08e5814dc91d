// Loading a file of znodes, with a look first at what that would do.

import { check, curlBox, input, mayWrite, shown } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, isBelow, join, mistake, parent } from "./path.js"
import { Problem, problemBox, sentence } from "./problems.js"
import { amount, BYTES_LIMIT, compare, mover, ndjson, parseLines, readTree, refusal, ZNODES_LIMIT } from "./subtree.js"
import { count, many } from "./time.js"

const PAGE = 200 // rows of the preview
const CURL_LIMIT = 20 // lines
const PROGRESS_MS = 1500
const LOAD_MS = 600000 // that one tree may take
const KINDS = /** @type {[Fate, string][]} */ ([["new", "new"], ["changed", "changed"], ["conflict", "conflicting, kept"], ["skipped", "skipped"], ["same", "the same"]])

/** common is what all are at or below. @param {string[]} paths */
export function common(paths) {
  let at = paths[0] || "/"
  while (!paths.every((p) => isBelow(p, at))) at = parent(at)
  return at
}

/** readFile takes a file apart. @param {File} file */
async function readFile(file) {
  if (file.size > BYTES_LIMIT) throw refusal("The file is too large for the page. The curl line loads any.")
  let read
  try {
    read = parseLines(new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()))
  } catch (err) {
    throw refusal(`The file cannot be read: ${err instanceof Error ? err.message : ""}`)
  }
  if (read.mistakes.length) return read
  const n = read.trees.flat().length
  if (!n || n > ZNODES_LIMIT) throw refusal(n ? "The file has too many znodes for the page. The curl line loads any." : "The file has no lines.")
  return read
}

/** importDialog loads a file at a znode, or below it. @type {OnPath} */
export function importDialog(app, path) {
  if (!mayWrite(app)) return
  const box = curlBox()
  const file = h("input", { type: "file", onchange: choose })
  const to = input(path, { onchange: preview })
  const replace = check("Replace data that differs (else only add)", { onchange: preview })
  const view = h("div", { role: "status" })
  const stop = new AbortController()
  let trees = /** @type {TreeLine[][]} */ ([]), from = "/", turn = 0, loading = false
  let result = /** @type {any[] | null} */ (null)

  async function choose() {
    const f = file.files?.[0]
    if (!f) return
    trees = []
    fill(view, "Reading the file…")
    box.say(line(path))
    try {
      const read = await readFile(f)
      if (read.mistakes.length) {
        fill(view, h("div", { class: "problem" }, h("p", null, "The file cannot be loaded as it is:"),
          h("ul", { class: "paths" }, read.mistakes.map((m) => h("li", null, `Line ${m.line}: `, shown(m.text))))))
        return
      }
      trees = read.trees
    } catch (err) {
      return fill(view, problemBox(err))
    }
    from = common(trees.map((t) => t[0].path))
    to.value = from === "/" || isBelow(path, from) ? path : isBelow(from, path) ? from : join(path, base(from))
    await preview()
  }
  const query = () => ({ parents: true, replace: replace.box.checked })
  const line = (/** @type {string} */ at) => curl("PUT", app.api.url("/v1/tree", at, query()), { headers: { "Content-Type": "application/x-ndjson" }, file: file.files?.[0].name })
  /** foretell compares the file with what is there. */
  async function foretell() {
    const move = mover(from, to.value), all = []
    for (const t of trees) {
      const there = await readTree(app, move(t[0].path), { signal: stop.signal }).catch((err) => {
        if (err instanceof Problem && err.code === "no_node") return { lines: [] }
        throw err
      })
      all.push(compare(t, move, new Map(there.lines.map((l) => [l.path, l])), replace.box.checked))
    }
    return list(all.flat())
  }
  async function preview() {
    if (!trees.length) return
    const mine = ++turn, move = mover(from, to.value)
    box.say(...trees.slice(0, CURL_LIMIT).flatMap((t) => [...(trees[1] ? [`# of the file only the lines of ${t[0].path}:`] : []), line(move(t[0].path))]))
    try {
      if (mistake(to.value)) throw refusal(mistake(to.value))
      fill(view, "Comparing with what is there…")
      const rows = await foretell()
      if (mine === turn) fill(view, rows)
    } catch (err) {
      if (mine === turn) fill(view, problemBox(err, preview))
    }
  }
  async function load() {
    if (!trees.length || mistake(to.value)) throw refusal(mistake(to.value) || "Choose a file that can be loaded first.")
    const sum = /** @type {Loaded} */ ({ made: 0, changed: 0, same: 0, kept: 0, skipped: 0 })
    const add = (/** @type {any} */ told) => { for (const k in sum) sum[k] += told?.[k] || 0 }
    loading = true
    let at = to.value
    const tell = () => amount(app, at).then((n) => loading && d.trouble(`Loading. At ${at} ${many(n.znodes, "znode")} so far…`), () => {})
    const timer = setInterval(tell, PROGRESS_MS)
    try {
      d.trouble("Loading…")
      for (const t of trees) {
        at = mover(from, to.value)(t[0].path)
        add(await (await app.api.write("PUT", app.api.url("/v1/tree", at, query()), { body: ndjson(t), timeout: LOAD_MS, signal: stop.signal })).json())
      }
    } catch (err) {
      add(err instanceof Problem && err.told.loaded)
      await preview()
      throw refusal(`${sentence(err)} Until then: ${words(sum)} Import again to go on: what is as in the file is left alone.`)
    } finally {
      loading = false
      clearInterval(timer)
    }
    result = [h("p", null, words(sum)), h("p", null, "Looked at again, the file and the tree compare so:"), await foretell().catch((err) => problemBox(err))]
  }
  const d = openDialog({
    title: "Import", wide: true, buttons: [{ label: "Import", kind: "main", run: load }],
    guard: () => (loading ? "The import is under way. What is loaded stays." : ""),
    closed: () => {
      stop.abort()
      if (result) openDialog({ title: "Imported", wide: true, buttons: [], body: result })
    },
    body: [h("div", { ondragover: (/** @type {Event} */ e) => e.preventDefault(), ondrop: drop }, field("File", file, "An export, or a list of such lines. It can be dropped here."),
      field("To", to, "Where the first znode of the file comes to; of several trees, what is above all of them."), replace.element), view, box.element],
  })
  /** @param {DragEvent} e */
  function drop(e) {
    e.preventDefault()
    if (!e.dataTransfer?.files.length) return
    file.files = e.dataTransfer.files
    choose()
  }
}

/** words says what a load did. @param {Loaded} n */
const words = (n) => `${count(n.made)} made, ${count(n.changed)} changed, ${count(n.same)} the same, ${count(n.kept)} kept as they were, ${count(n.skipped)} skipped.`

/** list shows the rows, a kind and a page at a time. @param {ReturnType<typeof compare>} rows */
function list(rows) {
  const body = h("div", null)
  const of = (/** @type {string} */ k) => rows.filter((r) => r.kind === k)
  const buttons = KINDS.map(([k, label]) => h("button", { type: "button", class: "small", "data-kind": k, onclick: () => draw(k, 0) }, `${count(of(k).length)} ${label}`))
  /** @param {Fate} kind @param {number} at */
  function draw(kind, at) {
    const some = of(kind)
    for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.kind === kind))
    const turn = (/** @type {string} */ label, /** @type {number} */ to) => some[to] && h("button", { type: "button", class: "small", onclick: () => draw(kind, to) }, label)
    fill(body, h("ul", { class: "paths" }, some.slice(at, at + PAGE).map((r) => h("li", null, shown(r.path), " ", h("small", null, r.why)))),
      some.length > PAGE && h("div", { class: "row" }, turn("Earlier", at - PAGE), `from ${count(at + 1)} of ${count(some.length)}`, turn("Later", at + PAGE)))
  }
  draw(KINDS.find(([k]) => of(k).length)?.[0] || "new", 0)
  return h("div", null, h("div", { class: "row" }, buttons), body)
}
