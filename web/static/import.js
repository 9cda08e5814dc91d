// Loading a file of znodes, with a look first at what that would do.

import { curlBox, mayWrite, shown } from "./act.js"
import { curl } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, isBelow, join, mistake, parent } from "./path.js"
import { Problem, problemBox, sentence } from "./problems.js"
import { amount, BYTES_LIMIT, compare, mover, ndjson, parseLines, readTree, refusal, ZNODES_LIMIT } from "./subtree.js"
import { count, many, size } from "./time.js"

const PAGE = 200 // rows of the preview
const PROGRESS_MS = 1500
const LOAD_MS = 600000 // that one tree may take

const KINDS = /** @type {[Fate, string][]} */ ([["new", "new"], ["changed", "changed"], ["conflict", "conflicting, kept as they are"], ["skipped", "skipped"], ["same", "the same"]])

/** common is what all are at or below. @param {string[]} paths */
export function common(paths) {
  let at = paths[0] || "/"
  while (!paths.every((p) => isBelow(p, at))) at = parent(at)
  return at
}

/** importDialog loads a file at a znode, or below it. @param {App} app @param {string} path */
export function importDialog(app, path) {
  if (!mayWrite(app)) return
  const box = curlBox()
  const file = h("input", { type: "file", accept: ".ndjson,.jsonl,.json", onchange: choose })
  const to = h("input", { class: "path", spellcheck: "false", autocomplete: "off", value: path, onchange: preview })
  const replace = h("input", { type: "checkbox", onchange: preview })
  const view = h("div", { role: "status" })
  const stop = new AbortController()
  let trees = /** @type {TreeLine[][]} */ ([]), from = "", name = "", turn = 0, loading = false
  let result = /** @type {HTMLElement | null} */ (null)

  async function choose() {
    const f = file.files?.[0]
    if (!f) return
    name = f.name
    trees = []
    try {
      if (f.size > BYTES_LIMIT) throw refusal(`The file has ${size(f.size)}; the page takes ${size(BYTES_LIMIT)}. A terminal loads any: see the line below.`)
      fill(view, "Reading the file…")
      const text = new TextDecoder("utf-8", { fatal: true }).decode(await f.arrayBuffer().catch(() => { throw refusal("The file cannot be read.") }))
      const read = parseLines(text)
      if (read.mistakes.length) {
        fill(view, h("div", { class: "problem" }, h("p", null, "The file cannot be loaded as it is. Correct these lines:"),
          h("ul", { class: "paths" }, read.mistakes.map((m) => h("li", null, `Line ${m.line}: `, shown(m.text))))))
        return
      }
      if (read.trees.flat().length > ZNODES_LIMIT) throw refusal(`The file has more than ${many(ZNODES_LIMIT, "znode")}. A terminal loads any: see the line below.`)
      trees = read.trees
    } catch (err) {
      fill(view, problemBox(err instanceof TypeError ? refusal("The file is no text in UTF-8.") : err))
      box.say([line(path)])
      return
    }
    if (!trees.length) return fill(view, "The file has no lines.")
    from = common(trees.map((t) => t[0].path))
    to.value = trees.length > 1 || from === path || from === "/" ? (isBelow(from, path) ? from : path) : join(path, base(from))
    await preview()
  }
  /** @param {string} at */
  function line(at) {
    return curl("PUT", app.api.url("/v1/tree", at, { parents: true, replace: replace.checked }), { headers: { "Content-Type": "application/x-ndjson" }, file: name })
  }
  /** foretell compares the file with what is there. */
  async function foretell() {
    const move = mover(from, to.value)
    const all = []
    for (const t of trees) {
      const there = await readTree(app, move(t[0].path), { signal: stop.signal }).catch((err) => {
        if (err instanceof Problem && err.code === "no_node") return { lines: [] }
        throw err
      })
      for (const row of compare(t, move, new Map(there.lines.map((l) => [l.path, l])), replace.checked)) all.push(row)
    }
    return all
  }
  async function preview() {
    if (!trees.length) return
    const mine = ++turn
    const no = mistake(to.value)
    to.setAttribute("aria-invalid", String(Boolean(no)))
    if (no) return fill(view, problemBox(refusal(no)))
    fill(view, "Comparing with what is there…")
    const move = mover(from, to.value)
    box.say(trees.map((t) => line(move(t[0].path))).slice(0, 20))
    try {
      const rows = await foretell()
      if (mine === turn) fill(view, list(rows))
    } catch (err) {
      if (mine === turn) fill(view, problemBox(err, preview))
    }
  }
  async function load() {
    if (!trees.length) throw refusal("Choose a file that can be loaded first.")
    if (mistake(to.value)) throw refusal(mistake(to.value))
    const move = mover(from, to.value)
    const sum = /** @type {Record<string, number>} */ ({ made: 0, changed: 0, same: 0, kept: 0, skipped: 0 })
    const add = (/** @type {any} */ told) => { for (const k in sum) sum[k] += told?.[k] || 0 }
    loading = true
    try {
      for (const [i, t] of trees.entries()) {
        const at = move(t[0].path)
        const told = () => `Loading ${trees.length > 1 ? `tree ${i + 1} of ${trees.length}, ` : ""}${many(t.length, "line")}`
        d.trouble(`${told()}…`)
        const timer = setInterval(() => amount(app, at).then((n) => loading && d.trouble(`${told()}: ${many(n.znodes, "znode")} there…`), () => {}), PROGRESS_MS)
        try {
          add(await (await app.api.write("PUT", app.api.url("/v1/tree", at, { parents: true, replace: replace.checked }), { body: ndjson(t), timeout: LOAD_MS, signal: stop.signal })).json())
        } catch (err) {
          add(err instanceof Problem && err.told.loaded)
          throw err
        } finally {
          clearInterval(timer)
        }
      }
    } catch (err) {
      await preview()
      d.trouble("")
      throw refusal(`${sentence(err)} Until then: ${words(sum)}. Import again to go on: what is as in the file is left alone.`)
    } finally {
      loading = false
    }
    result = h("div", null, h("p", null, `${words(sum)}.`))
    const rows = await foretell().catch((err) => void result?.append(problemBox(err)))
    if (rows) result.append(h("p", null, "Looked at again, this is how the file and the tree compare now:"), list(rows))
    app.shell.announce("Imported.")
  }
  const d = openDialog({
    title: "Import", wide: true, buttons: [{ label: "Import", kind: "main", run: load }],
    guard: () => (loading ? "The import is under way. What is loaded already stays." : ""),
    closed: () => {
      stop.abort()
      if (result) openDialog({ title: "Imported", wide: true, buttons: [], body: [result] })
    },
    body: [h("div", { class: "drop", ondragover: (/** @type {Event} */ e) => e.preventDefault(), ondrop: drop },
      field("File", file, "An export: one JSON object a line, or a list of them. Or drop it here.")),
      field("It comes to", to, "The first znode of the file; if it has several trees, what they are all below."),
      h("div", { class: "field" }, h("label", { class: "check" }, replace, "Replace the data of what differs (else only add)")), view, box.element],
  })
  /** @param {DragEvent} e */
  function drop(e) {
    e.preventDefault()
    if (!e.dataTransfer?.files.length) return
    file.files = e.dataTransfer.files
    choose()
  }
}

/** words says what a load did. @param {Record<string, number>} n */
function words(n) {
  return `${count(n.made)} made, ${count(n.changed)} changed, ${count(n.same)} the same, ${count(n.kept)} kept as they were, ${count(n.skipped)} skipped`
}

/** list shows the rows, a kind and a page at a time. @param {ReturnType<typeof compare>} rows */
function list(rows) {
  const body = h("div", null)
  const by = new Map(KINDS.map(([k]) => [k, rows.filter((r) => r.kind === k)]))
  let kind = KINDS.find(([k]) => by.get(k)?.length)?.[0] || "new", page = 0
  const buttons = KINDS.map(([k, label]) => h("button", { type: "button", class: "small", "data-kind": k, onclick: () => { kind = k; page = 0; draw() } }, `${count(by.get(k)?.length || 0)} ${label}`))
  function draw() {
    const some = by.get(kind) || []
    for (const b of buttons) b.setAttribute("aria-pressed", String(b.dataset.kind === kind))
    fill(body, h("ul", { class: "paths" }, some.slice(page * PAGE, (page + 1) * PAGE).map((r) => h("li", null, shown(r.path), r.why && h("small", null, " ", r.why)))),
      some.length > PAGE && h("div", { class: "row" },
        h("button", { type: "button", class: "small", disabled: page === 0, onclick: () => { page--; draw() } }, "Earlier"),
        `${count(page * PAGE + 1)} to ${count(Math.min(some.length, (page + 1) * PAGE))} of ${count(some.length)}`,
        h("button", { type: "button", class: "small", disabled: (page + 1) * PAGE >= some.length, onclick: () => { page++; draw() } }, "Later")))
  }
  draw()
  return h("div", null, h("div", { class: "row" }, buttons), body)
}
