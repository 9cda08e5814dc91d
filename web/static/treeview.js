// The section of the tree: the tree at the left, the znode that is shown at the right.

import { curl } from "./curl.js"
import { createDialog, duplicateDialog, exportSelection, importDialog, moveDialog, removeDialog } from "./doing.js"
import { fill, freshId, h } from "./dom.js"
import { firstRun } from "./firstrun.js"
import { remember } from "./palette.js"
import { ancestors, parent, visible } from "./path.js"
import { link } from "./route.js"
import { count, many } from "./time.js"
import { Tree } from "./tree.js"
import { znodePane } from "./znode.js"

const WIDTH_MIN = 180 // px
const sorts = /** @type {[Sort["by"], string][]} */ ([["name", "Name"], ["created", "Created"], ["modified", "Modified"], ["version", "Version"],
  ["children", "Children"], ["size", "Size"], ["sequence", "Sequence"]])

/** What was open when the view was left. @type {string[]} */
let left = []

/** @param {App} app @param {Place} place @returns {View} */
export function treeView(app, place) {
  /** @type {string[]} */
  let paneLines = []
  let toured = false // whether the first steps were closed, or never needed
  let path = ""
  /** @type {ReturnType<typeof firstRun> | null} */
  let tour = null
  // The lines of the znode stand with those of the tree.
  const curlOf = app.shell.curl
  app.shell.curl = (l) => { paneLines = l; lines() }
  const pane = znodePane(app)
  const tree = new Tree(app, { show, command, shaped: note, placed })
  const sort = /** @type {Sort} */ ({ by: "name", descending: false })
  /** The directories that do not take the order. @type {Set<string>} */
  const refused = new Set()

  const status = h("p", { class: "status" })
  const marks = h("div", { class: "bar marks", role: "group", "aria-label": "Marked znodes", hidden: true })
  const by = h("select", { "aria-label": "Sort by", onchange: () => resort(/** @type {Sort["by"]} */ (by.value), sort.descending) },
    sorts.map(([value, text]) => h("option", { value }, text)))
  const way = h("button", { type: "button", class: "small", onclick: () => resort(sort.by, !sort.descending) })
  const writes = [button("Create", () => createDialog(app, path)), button("Import", () => importDialog(app, path))]
  const left_ = h("section", { class: "treepane", id: freshId("tree"), "aria-label": "Tree" }, h("h2", { class: "spoken" }, "Tree"),
    h("div", { class: "bar" }, by, way, writes, button("Refresh", () => tree.flat.paths().forEach((p) => app.store.refresh(p)))), marks, tree.element, status)
  const right = h("div", { class: "znodepane" }, button("Back to the tree", () => { element.dataset.pane = "tree"; tree.element.focus() }, "small back"), pane.element)
  const bar = separator(app, left_)
  const element = h("section", { class: "treeview", "data-pane": place.path === "/" ? "tree" : "znode" }, left_, bar, right)

  /** @param {string} p */
  function show(p) {
    element.dataset.pane = "znode"
    const query = new URLSearchParams(app.route.place.query)
    query.delete("open")
    for (const o of opened(p)) query.append("open", o)
    app.route.go(link("tree", p, query))
  }
  /** opened are the directories that a link to p has to name. @param {string} p */
  function opened(p) {
    const implied = new Set(ancestors(p))
    return tree.flat.paths().filter((o) => o !== "/" && !implied.has(o))
  }
  function note() {
    left = tree.flat.paths()
    app.route.note({ open: opened(path), sort: sort.by === "name" ? "" : sort.by, desc: sort.descending ? "1" : "" })
    order()
  }
  /** @param {number} at @param {number} n @param {string} dir */
  function placed(at, n, dir) {
    const d = app.store.directory(dir)
    const text = `Row ${count(at + 1)} of ${count(n)}. ` + (d?.status === "ready" ? `${visible(dir)} has ${many(d.count, "child", "children")}.` : "")
    if (status.textContent !== text) status.textContent = text
    firstSteps()
  }
  /** @param {Sort["by"]} key @param {boolean} descending */
  function resort(key, descending) {
    sort.by = key
    sort.descending = descending
    refused.clear()
    note()
    tree.resort()
  }
  /** order sorts the directories that are here. */
  function order() {
    by.value = sort.by
    way.textContent = sort.descending ? "↓" : "↑"
    way.title = sort.descending ? "Descending" : "Ascending"
    way.setAttribute("aria-label", way.title)
    for (const p of tree.flat.paths()) {
      const d = app.store.directory(p)
      if (d?.status !== "ready" || refused.has(p) || (d.sort.by === sort.by && d.sort.descending === sort.descending)) continue
      const why = app.store.sortBy(p, { ...sort })
      if (!why) continue
      refused.add(p)
      app.shell.toast(`${visible(p)} is sorted by name. ${why}`)
    }
  }
  /** firstSteps teaches on an empty tree. */
  function firstSteps() {
    const d = app.store.directory("/")
    if (!tour && !toured && d?.status === "ready") {
      toured = d.count > 0
      if (!toured && !app.readOnly()) tour = firstRun(app, () => { toured = true; firstSteps() })
    }
    if (tour && toured) {
      tour.close()
      tour = null
    }
    const now = tour && path === "/" ? tour.element : pane.element
    if (right.lastElementChild !== now) right.lastElementChild?.replaceWith(now)
  }
  function lines() {
    const dir = tree.flat.isOpen(path) ? path : parent(path)
    curlOf([...paneLines, curl("GET", app.api.url("/v1/children", dir, { limit: 200, include: "stat" })),
      curl("GET", app.api.url("/v1/watch", dir), { flags: ["-N"] })])
  }
  function marked() {
    const list = app.selection.list()
    marks.hidden = !list.length
    fill(marks, h("span", null, `${count(list.length)} marked`), !app.readOnly() && button("Delete", () => removeDialog(app, app.selection.list())),
      button("Export", () => exportSelection(app, app.selection.list())), button("Clear", () => { app.selection.clear(); tree.element.focus() }))
  }
  function locked() {
    for (const b of writes) b.hidden = app.readOnly()
    marked()
  }
  /** @param {string} name @param {string} p */
  function command(name, p) {
    if (name === "menu") return menu(element, tree, [...(app.readOnly() ? [] : /** @type {[string, () => void][]} */ ([
      ["Create below", () => createDialog(app, p)], ["Edit", () => command("e", p)],
      ...(p === "/" ? [] : [["Duplicate", () => duplicateDialog(app, p)], ["Move", () => moveDialog(app, p)], ["Delete", () => removeDialog(app, [p])]])])),
      ["Export", () => exportSelection(app, [p])], ["Copy path", () => copy(app, p)],
      ["Copy curl", () => copy(app, curl("GET", app.api.url("/v1/znodes", p)))]])
    if (app.readOnly()) return app.shell.announce("Read-only.")
    if (name === "n") createDialog(app, p)
    else if (name === "m" && p !== "/") moveDialog(app, p)
    else if (name === "e") {
      show(p)
      setTimeout(() => edit(p, 30))
    } else if (name === "Delete") {
      const list = app.selection.list()
      if (list.length || p !== "/") removeDialog(app, list.length ? list : [p])
    }
  }
  /** edit begins as soon as the znode has been read. @param {string} p @param {number} tries */
  function edit(p, tries) {
    if (path !== p || !tries || pane.element.querySelector("textarea")) return
    pane.edit()
    setTimeout(() => edit(p, tries - 1), 100)
  }
  /** @param {Place} to */
  function update(to) {
    const moved = to.path !== path
    path = to.path
    sort.by = sorts.map(([b]) => b).find((b) => b === to.query.get("sort")) || "name"
    sort.descending = to.query.get("desc") === "1"
    tree.shown = path
    tree.open([...ancestors(path), ...to.query.getAll("open").filter((p) => p.startsWith("/")).flatMap((p) => [...ancestors(p), p])])
    note()
    if (moved) tree.reveal(path)
    remember(app, path)
    pane.show(path, to.query.get("tab") || "")
    lines()
    tree.draw()
  }
  const stops = [app.selection.listen(marked), app.store.listen((c) => {
    if (c.kind === "status") {
      if (app.store.directory(c.path)?.status === "gone" && c.path !== "/" && tree.flat.isOpen(c.path)) tree.shut(c.path, "was deleted")
      order()
    }
  })]
  addEventListener("holt-readonly", locked)
  locked()
  if (!place.query.has("open") && place.path === "/") tree.open(left)
  update(place)
  return {
    element, update,
    close() {
      removeEventListener("holt-readonly", locked)
      stops.forEach((stop) => stop())
      tour?.close()
      tree.close()
      pane.close()
      app.shell.curl = curlOf
    },
  }
}

/** @param {string} text @param {() => void} run */
function button(text, run, cls = "small") {
  return h("button", { type: "button", class: cls, onclick: run }, text)
}

/** @param {App} app @param {string} text */
async function copy(app, text) {
  try {
    await navigator.clipboard.writeText(text)
    app.shell.toast("Copied.", { ms: 2000 })
  } catch {
    app.shell.toast("The browser does not let the page copy. This is it: " + visible(text))
  }
}

/** separator is the bar between the panes, moved by mouse and by arrows. @param {App} app @param {HTMLElement} pane */
function separator(app, pane) {
  const bar = h("div", { role: "separator", class: "separator", tabindex: 0, "aria-orientation": "vertical", "aria-label": "Width of the tree", "aria-controls": pane.id,
    "aria-valuemin": WIDTH_MIN, onkeydown: (/** @type {KeyboardEvent} */ e) => {
      const step = { ArrowLeft: -16, ArrowRight: 16, Home: -1e4, End: 1e4 }[e.key]
      if (!step) return
      e.preventDefault()
      size(width + step)
    }, onpointerdown: (/** @type {PointerEvent} */ e) => { e.preventDefault(); bar.setPointerCapture(e.pointerId) },
    onpointermove: (/** @type {PointerEvent} */ e) => { if (bar.hasPointerCapture(e.pointerId)) size(e.clientX - pane.getBoundingClientRect().left) } })
  let width = 0
  /** @param {number} px */
  function size(px) {
    const max = Math.max(WIDTH_MIN, Math.round(innerWidth * 0.7))
    width = Math.round(Math.max(WIDTH_MIN, Math.min(px, max)))
    pane.style.setProperty("--width", width + "px")
    bar.setAttribute("aria-valuemax", String(max))
    bar.setAttribute("aria-valuenow", String(width))
    app.settings.set("tree_width", String(width))
  }
  size(Number(app.settings.get("tree_width")) || 400)
  return bar
}

/** menu offers what can be done with a row. @param {HTMLElement} home @param {Tree} tree @param {[string, () => void][]} items */
function menu(home, tree, items) {
  const buttons = items.map(([text, run]) => h("button", { type: "button", role: "menuitem", tabindex: -1, onclick: () => { close(); run() } }, text))
  const box = h("div", { role: "menu", class: "menu", "aria-label": "Actions of " + visible(tree.cursor.path), onkeydown: move, onfocusout: left }, buttons)
  const near = tree.box()
  home.append(box)
  box.style.left = Math.max(4, Math.min(near.right - box.offsetWidth, innerWidth - box.offsetWidth - 4)) + "px"
  box.style.top = Math.max(4, Math.min(near.bottom, innerHeight - box.offsetHeight - 4)) + "px"
  buttons[0].focus()
  /** @param {KeyboardEvent} e */
  function move(e) {
    const at = buttons.indexOf(/** @type {any} */ (document.activeElement))
    const to = { ArrowDown: at + 1, ArrowUp: at - 1 + buttons.length, Home: 0, End: buttons.length - 1 }[e.key]
    if (e.key === "Escape" || e.key === "Tab") close()
    else if (to !== undefined) buttons[to % buttons.length].focus()
    else return
    e.preventDefault()
    e.stopPropagation()
  }
  /** @param {FocusEvent} e */
  function left(e) {
    if (!box.contains(/** @type {Node | null} */ (e.relatedTarget))) box.remove()
  }
  function close() {
    tree.element.focus({ preventScroll: true })
    box.remove()
  }
}
