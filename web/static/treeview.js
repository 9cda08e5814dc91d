// The section of the tree: the tree at the left, the znode that is shown at the right.

import { curl } from "./curl.js"
import { createDialog, duplicateDialog, exportSelection, importDialog, moveDialog, removeDialog } from "./doing.js"
import { fill, freshId, h } from "./dom.js"
import { firstRun } from "./firstrun.js"
import { openPalette, remember } from "./palette.js"
import { ancestors, parent, visible } from "./path.js"
import { link } from "./route.js"
import { count, many } from "./time.js"
import { Tree } from "./tree.js"
import { znodePane } from "./znode.js"

const WIDTH_MIN = 180 // px
const STEP = 16 // px of an arrow key
const sorts = /** @type {Sort["by"][]} */ (["name", "created", "modified", "version", "children", "size", "sequence"])

/** What was open when the view was left. @type {string[]} */
let before = []

/** @param {App} app @param {Place} place @returns {View} */
export function treeView(app, place) {
  const { route, selection, settings, shell, store } = app
  const path = () => route.place.path
  const tree = new Tree(app, { show, command, shaped: note, placed })
  // The lines of the znode stand with those of the tree.
  const curlOf = shell.curl
  /** @type {string[]} */
  let paneLines = []
  shell.curl = (l) => { paneLines = l; lines() }
  const pane = znodePane(app)
  /** @type {Sort} */
  let sort = { by: "name", descending: false }
  let asked = "" // a path, by the tree itself, which is there already
  let edits = "" // a path that is to be edited when it is shown
  /** The directories that do not take the order. @type {Set<string>} */
  const refused = new Set()
  /** The first steps, while they are taken; null when they are not needed. @type {ReturnType<typeof firstRun> | null | undefined} */
  let tour

  const status = h("p", { class: "status" })
  const marks = h("div", { class: "bar marks", role: "group", "aria-label": "Marked znodes" })
  const by = h("select", { "aria-label": "Sort by", onchange: () => resort({ ...sort, by: /** @type {Sort["by"]} */ (by.value) }) },
    sorts.map((value) => h("option", { value }, value[0].toUpperCase() + value.slice(1))))
  const way = button("", () => resort({ ...sort, descending: !sort.descending }))
  const writes = [button("Create", () => createDialog(app, path())), button("Import", () => importDialog(app, path()))]
  const again = button("↻", () => tree.flat.paths().forEach((p) => store.refresh(p))), goTo = button("Go to…", () => openPalette(app))
  again.ariaLabel = again.title = "Refresh"
  goTo.title = "Ctrl+K or ⌘K"
  const left = h("section", { class: "treepane", id: freshId("tree"), "aria-label": "Tree" }, h("h2", { class: "spoken" }, "Tree"),
    h("div", { class: "bar" }, by, way, writes, again, goTo), marks, tree.element, status)
  const back = button("Back to the tree", () => { element.dataset.pane = "tree"; tree.element.focus() })
  const right = h("div", { class: "znodepane" }, h("div", { class: "back" }, back), pane.element)
  const element = h("section", { class: "treeview", "data-pane": place.path === "/" ? "tree" : "znode" }, left, separator(settings, left), right)

  /** @param {string} p */
  function show(p) {
    asked = p
    element.dataset.pane = "znode"
    const query = new URLSearchParams(route.place.query)
    query.delete("open")
    for (const o of opened(p)) query.append("open", o)
    route.go(link("tree", p, query))
  }
  /** opened are the directories that a link to p has to name. @param {string} p */
  function opened(p) {
    return tree.flat.paths().filter((o) => o !== "/" && !ancestors(p).includes(o))
  }
  /** note puts what is open and sorted into the URL. */
  function note() {
    before = tree.flat.paths()
    route.note({ open: opened(path()), sort: sort.by === "name" ? "" : sort.by, desc: sort.descending ? "1" : "" })
    order()
  }
  /** @param {number} at @param {number} n @param {string} dir */
  function placed(at, n, dir) {
    const d = store.directory(dir)
    const text = `${app.live.paused ? "Paused. " : app.live.state.name !== "live" ? "Not followed just now. " : ""}Row ${count(at + 1)} of ${count(n)}. ` +
      (d?.status === "ready" ? `${visible(dir)} has ${many(d.count, "child", "children")}.` : "")
    if (status.textContent !== text) status.textContent = text
    firstSteps()
  }
  /** @param {Sort} to */
  function resort(to) {
    sort = to
    refused.clear()
    note()
    tree.resort()
  }
  /** order sorts the directories that are here. */
  function order() {
    by.value = sort.by
    way.textContent = sort.descending ? "↓" : "↑"
    way.ariaLabel = way.title = sort.descending ? "Descending" : "Ascending"
    for (const p of tree.flat.paths()) {
      const d = store.directory(p)
      if (d?.status !== "ready" || refused.has(p) || (d.sort.by === sort.by && d.sort.descending === sort.descending)) continue
      const why = store.sortBy(p, { ...sort })
      if (!why) continue
      refused.add(p)
      shell.toast(`${visible(p)} is sorted by name. ${why}`)
    }
  }
  function leave() {
    tour?.close()
    tour = null
    firstSteps()
  }
  /** firstSteps teaches on an empty tree. */
  function firstSteps() {
    const d = store.directory("/")
    if (tour === undefined && d?.status === "ready") {
      tour = d.count || app.readOnly() ? null : firstRun(app, leave)
      // Of the two a narrow screen shows one.
      if (tour && path() === "/") element.dataset.pane = "znode"
    }
    const now = tour && path() === "/" ? tour.element : pane.element
    if (right.lastChild !== now) right.lastChild?.replaceWith(now)
  }
  function lines() {
    const dir = tree.flat.isOpen(path()) ? path() : parent(path())
    curlOf([...paneLines, curl("GET", app.api.url("/v1/children", dir, { limit: 200, include: "stat" })), curl("GET", app.api.url("/v1/watch", dir), { flags: ["-N"] })])
  }
  /** offered shows what may be done now. */
  function offered() {
    const list = selection.list()
    for (const b of writes) b.hidden = app.readOnly()
    marks.hidden = !list.length
    fill(marks, `${count(list.length)} marked`, !app.readOnly() && button("Delete", () => removeDialog(app, list)), button("Export", () => exportSelection(app, list)),
      button("Clear", () => { selection.clear(); tree.element.focus() }))
  }
  /** command does what a key means, or offers all that can be done with a znode. @param {string} key @param {string} p */
  function command(key, p) {
    const all = /** @type {[string, string, () => void][]} */ ([
      ["n", "Create below", () => createDialog(app, p)], ["e", "Edit", () => { edits = p; show(p); if (p === path()) update(route.place) }], ["", "Duplicate", () => duplicateDialog(app, p)],
      ["m", "Move", () => moveDialog(app, p)], ["Delete", "Delete", () => removeDialog(app, key === "Delete" && selection.list().length ? selection.list() : [p])],
      ["x", "Export", () => exportSelection(app, [p])], ["x", selection.has(p) ? "Take the mark away" : "Mark", () => tree.mark(p)], ["x", "Copy path", () => shell.copy(p)], ["x", "Copy curl", () => shell.copy(curl("GET", app.api.url("/v1/znodes", p)))],
    ]).filter(([k], i) => k === "x" || (!app.readOnly() && (i < 2 || p !== "/")))
    if (key === "menu") menu(tree, all)
    else all.find(([k]) => k === key)?.[2]()
  }
  /** @param {Place} to */
  function update({ path, query }) {
    sort = { by: sorts.find((s) => s === query.get("sort")) || "name", descending: query.get("desc") === "1" }
    const moved = tree.shown !== path && asked !== path
    asked = ""
    tree.shown = path
    tree.open([...ancestors(path), ...query.getAll("open").filter((p) => p[0] === "/").flatMap((p) => [...ancestors(p), p])])
    if (moved) tree.reveal(path)
    remember(app, path)
    pane.show(path, query.get("tab") || "")
    if (edits === path) pane.edit()
    edits = ""
  }
  function locked() {
    if (app.readOnly() && tour) leave()
    offered()
    update(route.place)
  }
  const stops = [selection.listen(offered), store.listen(({ kind, path: p }) => {
    if (kind !== "status") return
    if (p !== "/" && store.directory(p)?.status === "gone") {
      tree.shut(p)
      shell.announce(`${visible(p)} was deleted`)
    }
    order()
  }), app.live.listen((m) => {
    if (m.kind === "state") tree.draw()
    else if (m.kind === "events") for (const e of m.events) if (e.type === "NodeDeleted" && selection.has(e.path)) selection.toggle(e.path)
  })]
  addEventListener("holt-readonly", locked)
  offered()
  if (place.path === "/" && !place.query.has("open")) tree.open(before)
  update(place)
  return {
    element, update,
    close() {
      removeEventListener("holt-readonly", locked)
      stops.forEach((stop) => stop())
      tour?.close()
      tree.close()
      pane.close()
      shell.curl = curlOf
    },
  }
}

/** @param {string} text @param {() => void} run */
function button(text, run) {
  return h("button", { type: "button", class: "small", onclick: run }, text)
}

/** separator is the bar between the panes, moved by mouse and by arrows. @param {Settings} settings @param {HTMLElement} pane */
function separator(settings, pane) {
  const bar = h("div", { role: "separator", class: "separator", tabindex: 0, "aria-orientation": "vertical", "aria-label": "Width of the tree", "aria-controls": pane.id, "aria-valuemin": WIDTH_MIN,
    onkeydown: (/** @type {KeyboardEvent} */ e) => size(width + ({ ArrowLeft: -STEP, ArrowRight: STEP }[e.key] || 0)),
    onpointerdown: (/** @type {PointerEvent} */ e) => { e.preventDefault(); bar.setPointerCapture(e.pointerId) },
    onpointermove: (/** @type {PointerEvent} */ e) => { if (bar.hasPointerCapture(e.pointerId)) size(e.clientX - pane.getBoundingClientRect().left) } })
  let width = 0
  /** @param {number} px */
  function size(px) {
    const max = Math.max(WIDTH_MIN, Math.round(innerWidth * 0.7))
    width = Math.round(Math.max(WIDTH_MIN, Math.min(px, max)))
    pane.style.setProperty("--width", width + "px")
    bar.ariaValueMax = String(max)
    bar.ariaValueNow = String(width)
    settings.set("tree_width", String(width))
  }
  size(Number(settings.get("tree_width")) || Math.min(440, innerWidth * 0.4))
  return bar
}

/** menu offers what can be done with the cursor's row. @param {Tree} tree @param {[string, string, () => void][]} items */
function menu(tree, items) {
  const buttons = items.map(([, text, run]) => h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => { box.hidePopover(); run() } }, text))
  const box = h("div", { role: "menu", class: "menu", popover: "auto", "aria-label": "Actions of " + visible(tree.cursor.path),
    ontoggle: (/** @type {ToggleEvent} */ e) => { if (e.newState === "closed") box.remove() },
    onkeydown: (/** @type {KeyboardEvent} */ e) => {
      const at = buttons.findIndex((b) => b === document.activeElement)
      const to = { ArrowDown: at + 1, ArrowUp: at - 1, Home: 0, End: -1 }[e.key]
      if (to !== undefined) buttons.at(to % buttons.length)?.focus()
      else if (e.key === "Tab") box.hidePopover()
      else return
      e.preventDefault()
    } }, buttons)
  tree.element.after(box)
  box.showPopover()
  const near = (tree.active() || tree.element).getBoundingClientRect()
  box.style.left = Math.max(4, near.right - box.offsetWidth) + "px"
  box.style.top = Math.max(4, Math.min(near.bottom, innerHeight - box.offsetHeight - 4)) + "px"
  buttons[0].focus()
}
