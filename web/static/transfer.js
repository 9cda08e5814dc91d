// Trees to files, and back, with a look first at what that would do.

import { button, check, curlBox, done, input, mayWrite, must, pathList, shown, wait } from "./act.js"
import { curl, quote } from "./curl.js"
import { field, fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, escape, isBelow, join, mistake } from "./path.js"
import { Problem, problemBox, sentence } from "./problems.js"
import { amount, BYTES_LIMIT, common, compare, mover, ndjson, parseLines, readTree, refusal, topmost, ZNODES_LIMIT } from "./subtree.js"
import { count, many, size } from "./time.js"

// Rows of the preview.
const PAGE = 200
const PROGRESS_MS = 1500
// How long a file is held for the browser to save.
const SAVE_MS = 60000
// How long one tree may take to load.
const LOAD_MS = 600000
/** @type {Record<Fate, string>} */
const KINDS = { new: "new", changed: "changed", conflict: "conflicting, kept", skipped: "skipped", same: "the same" }

/** exportLink is where a znode with all below it is, as a file of any size. @param {string} path */
export const exportLink = (path) => `/v1/tree${escape(path)}?include=data`

/** @param {string} href @param {string} name */
const save = (href, name) => h("a", { href, download: name + ".ndjson" }).click()

/** exportSelection saves znodes, each with all below it, in one file. @type {OnPaths} */
export function exportSelection(app, paths) {
  const tops = topmost(paths).sort()
  if (tops.length === 1) return save(exportLink(tops[0]), base(tops[0]).replace("/", "root"))
  const stop = new AbortController(), status = wait("With all below, each as of a zxid of its own.")
  async function run() {
    let all = new Blob(), znodes = 0
    for (const path of tops) {
      fill(status, `${many(znodes, "znode")}, ${size(all.size)}, now `, shown(path))
      const { lines } = await readTree(app, path, { bytes: BYTES_LIMIT - all.size, signal: stop.signal })
      all = new Blob([all, ndjson(lines)], { type: "application/x-ndjson" })
      znodes += lines.length
    }
    const url = URL.createObjectURL(all)
    save(url, "marked")
    setTimeout(() => URL.revokeObjectURL(url), SAVE_MS)
    done(app, `${many(znodes, "znode")} exported.`)
  }
  openDialog({
    title: `Export ${many(tops.length, "znode")}`, buttons: [{ label: "Export", kind: "main", run }], closed: () => stop.abort(),
    body: [pathList(tops), status],
  })
}

/** readFile takes a file apart. @param {File} file */
async function readFile(file) {
  const much = "That is too much for the page. In a terminal, holt import loads any."
  if (file.size > BYTES_LIMIT) throw refusal(much)
  const { trees, mistakes } = parseLines(new TextDecoder("utf-8", { fatal: true }).decode(await file.arrayBuffer()))
  const n = trees.flat().length
  if (!mistakes.length && (!n || n > ZNODES_LIMIT)) throw refusal(n ? much : "The file has no lines.")
  return { trees, mistakes }
}

/** foretell shows what a load would do to what is there, and says which znodes of the file are there in which version.
 * @param {App} app @param {TreeLine[][]} trees @param {PathToPath} move @param {boolean} replace @param {AbortSignal} signal */
async function foretell(app, trees, move, replace, signal) {
  const all = [], state = []
  for (const t of trees) {
    const there = await readTree(app, move(t[0].path), { signal }).catch((err) => {
      if (err instanceof Problem && err.code === "no_node") return { lines: [] }
      throw err
    })
    all.push(compare(t, move, there.lines, replace))
    const paths = new Set(t.map((l) => move(l.path)))
    state.push(there.lines.filter((l) => paths.has(l.path)).map((l) => [l.path, l.stat?.czxid, l.stat?.version]))
  }
  return { rows: list(all.flat()), state: JSON.stringify([replace, state]) }
}

/** load loads trees, each at a path, and says what that did. @param {App} app @param {{tree: TreeLine[], path: string, url: string}[]} plan
 * @param {(text: string) => void} tell @param {AbortSignal} signal */
async function load(app, plan, tell, signal) {
  const sum = /** @type {Loaded} */ ({ made: 0, changed: 0, same: 0, kept: 0, skipped: 0 })
  const add = (/** @type {any} */ told) => { for (const k in sum) sum[k] += told?.[k] || 0 }
  const words = () => Object.entries(sum).map(([what, n]) => `${count(n)} ${what}`).join(", ") + ". "
  let at = "/"
  const timer = setInterval(() => amount(app, at).then((n) => tell(`Loading. At ${at} ${many(n.znodes, "znode")} so far…`), () => {}), PROGRESS_MS)
  try {
    tell("Loading…")
    for (const { tree, path, url } of plan) {
      at = path
      add(await (await app.api.write("PUT", url, { body: ndjson(tree), timeout: LOAD_MS, signal })).json())
    }
    return words()
  } catch (err) {
    add(err instanceof Problem && err.told.loaded)
    throw refusal(`${sentence(err)} Known to be loaded: ${words()}Import again to go on: what is as in the file is left alone.`)
  } finally {
    clearInterval(timer)
  }
}

/** importDialog loads a file at a znode, or below it. @type {OnPath} */
export function importDialog(app, path) {
  if (!mayWrite(app)) return
  const box = curlBox(), view = h("div", null), stop = new AbortController()
  const file = h("input", { type: "file", onchange: choose }), to = input(path), replace = check("Replace data that differs (else only add)")
  let trees = /** @type {TreeLine[][]} */ ([]), from = "/", turn = 0, loading = false
  // Of what is shown; "" while nothing is.
  let seen = ""
  let result = /** @type {any[] | null} */ (null)
  const move = (/** @type {string} */ p) => mover(from, to.value)(p)
  const url = (/** @type {TreeLine[]} */ t) => app.api.url("/v1/tree", move(t[0].path), { parents: true, replace: replace.box.checked })

  async function choose() {
    const f = file.files?.[0]
    if (!f) return
    const mine = ++turn
    trees = []
    fill(view, wait())
    try {
      const read = await readFile(f)
      if (mine !== turn) return // another was chosen
      if (read.mistakes.length) {
        return fill(view, h("div", { class: "problem" }, "The file cannot be loaded as it is:", h("ul", { class: "paths" }, read.mistakes.map((m) => h("li", null, `Line ${m.line}: `, shown(m.text))))))
      }
      trees = read.trees
    } catch (err) {
      if (mine !== turn) return
      return fill(view, problemBox(err instanceof Problem ? err : refusal(`The file cannot be read: ${err instanceof Error ? err.message : ""}`)))
    }
    from = common(trees.map((t) => t[0].path))
    to.value = from === "/" ? path : isBelow(path, from) || isBelow(from, path) ? from : join(path, base(from))
    await preview()
  }
  async function preview() {
    if (!trees.length) return
    const mine = ++turn
    seen = ""
    box.say(...trees.flatMap((t) => [...(trees[1] ? [`# of the file only the lines of ${quote(t[0].path)}:`] : []),
      curl("PUT", url(t), { headers: { "Content-Type": "application/x-ndjson" }, file: file.files?.[0].name })]))
    fill(view, wait())
    const { rows, state } = mistake(to.value) ? { rows: mistake(to.value), state: "" } : await look()
    if (mine === turn) fill(view, rows), seen = state
  }
  const look = () => foretell(app, trees, move, replace.box.checked, stop.signal).catch((err) => ({ rows: problemBox(err, preview), state: "" }))
  async function run() {
    must(file, !trees.length && "Choose a file that can be loaded first.")
    must(to, mistake(to.value))
    const looked = seen
    // What is changed in the dialog from here on is of the next time.
    const plan = trees.map((tree) => ({ tree, path: move(tree[0].path), url: url(tree) }))
    if (replace.box.checked && (!looked || (await look()).state !== looked)) {
      await preview()
      throw refusal(looked ? "What is there is not what was shown: look again before you replace it."
        : "What would be replaced could not be shown, so nothing was. In a terminal, holt import replaces it unseen.")
    }
    loading = true
    try {
      result = [h("p", null, await load(app, plan, (t) => { if (loading) d.trouble(t) }, stop.signal))]
      result.push(h("p", null, "Now the file and the tree compare so:"), (await look()).rows)
    } catch (err) {
      await preview()
      throw err
    } finally {
      loading = false
    }
  }
  const d = openDialog({
    title: "Import", wide: true, buttons: [{ label: "Import", kind: "main", run }],
    guard: () => (loading ? "The import is under way. What is loaded stays." : ""),
    closed: () => {
      stop.abort()
      if (result) openDialog({ title: "Imported", wide: true, buttons: [], body: result })
    },
    body: [field("File", file, "An export, or a list of its lines. Drop it here, or choose."),
      h("div", { onchange: preview }, field("To", to, "Where the first znode comes to; of several trees, what is above them."), replace.element), view, box.element],
  })
}

/** list shows the rows, a kind and a page at a time. @param {Foretold[]} rows */
function list(rows) {
  const body = h("div", null), of = (/** @type {string} */ k) => rows.filter((r) => r.kind === k)
  const kinds = /** @type {Fate[]} */ (Object.keys(KINDS)), buttons = kinds.map((k) => button(`${count(of(k).length)} ${KINDS[k]}`, () => draw(k, 0)))
  /** @param {Fate} kind @param {number} at */
  function draw(kind, at) {
    const some = of(kind)
    buttons.forEach((b, i) => b.setAttribute("aria-pressed", String(kinds[i] === kind)))
    const turn = (/** @type {string} */ label, /** @type {number} */ to) => some[to] && button(label, () => draw(kind, to))
    fill(body, h("ul", { class: "paths", tabindex: 0, "aria-label": KINDS[kind] }, some.slice(at, at + PAGE).map((r) => h("li", null, shown(r.path), " ", h("small", null, r.why)))),
      some.length > PAGE && h("div", { class: "row" }, turn("Earlier", at - PAGE), `from ${count(at + 1)} of ${count(some.length)}`, turn("Later", at + PAGE)))
  }
  draw(kinds.find((k) => of(k).length) || "new", 0)
  return h("div", null, h("div", { class: "row" }, buttons), body)
}
