// Starts the page: joins the parts, and shows the view of the place in the URL.

import { Api } from "./api.js"
import { settings as makeSettings } from "./settings.js"
import { Router, link } from "./route.js"
import { makeShell } from "./shell.js"
import { asProblem, problemBox } from "./problems.js"
import { fill, h } from "./dom.js"
import { visible } from "./path.js"
import { Live } from "./live.js"
import { Store } from "./store.js"
import { stateLight } from "./statelight.js"
import { openPalette } from "./palette.js"
import { makeSelection } from "./rows.js"
import { treeView } from "./treeview.js"
import { sessionsView } from "./sessions.js"
import { watchesView } from "./watches.js"
import { eventsView } from "./events.js"
import { clusterView } from "./cluster.js"

/** @type {Record<Place["section"], (app: App, place: Place) => View>} */
const views = { tree: treeView, sessions: sessionsView, watches: watchesView, events: eventsView, cluster: clusterView }
const titles = { tree: "", sessions: "Sessions", watches: "Watches", events: "Events", cluster: "Cluster" }

const AGAIN = 3000 // ms until the page tries to start once more

/** @param {unknown} err @param {() => void} again */
const notStarted = (err, again) => fill(document.body, h("main", { class: "still" }, h("h1", null, "holt"), problemBox(err, again)))

/** configuration is what the page begins with. While it cannot be had the page says why, and asks again. @param {Api} api @returns {Promise<Config>} */
async function configuration(api) {
  let said = "", wake = () => {}
  for (;;) {
    try {
      return await api.get("/ui/config.json")
    } catch (err) {
      const { code } = asProblem(err)
      if (code !== said) notStarted(err, () => wake())
      said = code
      await new Promise((go) => {
        wake = () => go(null)
        setTimeout(wake, AGAIN)
      })
    }
  }
}

async function start() {
  const api = new Api()
  const settings = makeSettings()
  const config = await configuration(api)
  config.banner = visible(config.banner)
  const shell = makeShell(config, settings)
  const live = new Live(api, undefined, config.version)
  const app = /** @type {App} */ ({
    config, api, settings, shell, live, route: new Router(), store: new Store(api, live), selection: makeSelection(),
    guards: new Set(), readOnly: () => config.read_only || settings.get("read_only") === "yes",
  })
  api.readOnly = app.readOnly
  app.route.loss = () => [...app.guards].map((g) => g()).find(Boolean) || ""
  addEventListener("beforeunload", (e) => {
    if (app.route.loss()) e.preventDefault()
  })
  // A file that misses its field would take the place of the page.
  for (const kind of ["dragover", "drop"]) {
    addEventListener(kind, (e) => { if (/** @type {DragEvent} */ (e).dataTransfer?.types.includes("Files") && !/** @type {any} */ (e.target).closest?.("[type=file]")) e.preventDefault() })
  }
  stateLight(app, shell.tools)

  /** @type {View | null} */
  let view = null
  let section = ""
  app.route.moved = (place) => {
    try {
      if (view && section === place.section) view.update(place)
      else {
        view?.close()
        view = null
        section = place.section
        shell.at(section)
        shell.curl([])
        view = views[place.section](app, place)
        fill(shell.main, view.element)
      }
    } catch (err) {
      section = ""
      fill(shell.main, problemBox(err, () => location.reload()))
    }
    document.title = [titles[place.section] || visible(place.path || "/"), config.banner, `holt ${config.member}`].filter(Boolean).join(" · ")
  }
  app.route.moved(app.route.place)
  listenToKeys(app, shell)
}

/** Keys that work everywhere but where one types. @param {App} app @param {{help(): void}} shell */
function listenToKeys(app, shell) {
  let g = -Infinity // when g was pressed
  addEventListener("keydown", (e) => {
    if ((e.ctrlKey || e.metaKey) && e.key.toLowerCase() === "k") {
      e.preventDefault()
      openPalette(app)
      return
    }
    const target = /** @type {HTMLElement} */ (e.target)
    if (e.ctrlKey || e.metaKey || e.altKey || target.closest("input, textarea, select, dialog, [contenteditable]")) return
    if (performance.now() - g < 1500) {
      const to = /** @type {Record<string, Place["section"]>} */ ({ t: "tree", s: "sessions", w: "watches", e: "events", c: "cluster" })[e.key]
      g = -Infinity
      if (to) {
        e.preventDefault()
        e.stopImmediatePropagation()
        app.route.go(link(to, to === "tree" ? "/" : ""))
      }
    } else if (e.key === "g" && !target.closest("[role=tree]")) g = performance.now()
    else if (e.key === "?") shell.help()
    else if (e.key === "p" && !target.closest("[role=tree]")) app.live.paused ? app.live.resume() : app.live.pause()
  }, true)
}

start().catch((err) => notStarted(err, () => location.reload()))
