// The first steps on an empty tree: each is done by a button or by its line in a terminal, and ticked when the page has
// seen it happen.

import { curl } from "./curl.js"
import { fill, h } from "./dom.js"
import { ownSession } from "./own-session.js"

const PATH = "/hello"
const ALIVE = "/hello-alive"

/** @typedef {{text: string, button: string, sees: ZnodeEvent["type"], path: string, line: () => string, run: () => Promise<unknown>}} Step */

/** firstRun teaches by doing. @param {App} app @param {() => void} leave */
export function firstRun(app, leave) {
  const url = (/** @type {string} */ path, query = {}) => app.api.url("/v1/znodes", path, query)
  const now = () => `It is ${new Date().toLocaleTimeString("en-GB")}.`
  /** @param {string} path */
  async function change(path) {
    const { etag } = await app.api.ask("HEAD", url(path))
    return app.api.write("PUT", url(path), { body: now(), headers: { "If-Match": etag } })
  }
  /** @type {Step[]} */
  const steps = [
    { text: `A znode has a path, data and children. Create one at ${PATH}.`, button: "Create", sees: "NodeCreated", path: PATH,
      line: () => curl("POST", url(PATH), { data: "Hello" }), run: () => app.api.write("POST", url(PATH), { body: "Hello" }) },
    { text: "Change its data. Watch its row in the tree: it says “changed” as soon as the server does, whoever changed it. Try it from a terminal as well.", button: "Change",
      sees: "NodeDataChanged", path: PATH, line: () => curl("PUT", url(PATH), { data: now() }), run: () => change(PATH) },
    { text: "An ephemeral znode lives as long as a session: that is how programs say that they are there. Create one in a session of this page. It goes when you close the page.", button: "Create an ephemeral",
      sees: "NodeCreated", path: ALIVE, line: () => curl("POST", url(ALIVE, { mode: "ephemeral" }), { headers: { "Holt-Session": "ID" }, data: "here" }),
      run: async () => app.api.write("POST", url(ALIVE, { mode: "ephemeral" }), { body: "here", headers: { "Holt-Session": await ownSession(app).open() } }) },
    { text: `Delete ${PATH}.`, button: "Delete", sees: "NodeDeleted", path: PATH, line: () => curl("DELETE", url(PATH)),
      run: async () => app.api.write("DELETE", url(PATH), { headers: { "If-Match": (await app.api.ask("HEAD", url(PATH))).etag } }) },
  ]
  let at = 0
  const list = h("ol", { class: "steps" })
  const element = h("section", { class: "firstrun" }, h("h2", null, "The tree is empty"), h("p", null, "Four steps show what holt is for. Press the buttons, or type the lines."), list,
    h("button", { type: "button", onclick: leave }, "Leave the steps"))
  /** @param {Step} s */
  async function run(s) {
    try {
      await s.run()
    } catch (err) {
      app.shell.problem(err)
    }
  }
  function draw() {
    const focus = list.contains(document.activeElement)
    fill(list, steps.map((s, i) => h("li", { "aria-current": i === at ? "step" : null, class: i < at ? "done" : null }, h("p", null, s.text),
      i < at ? h("p", { class: "good" }, "✓ Seen live.") : i === at && [h("button", { type: "button", class: "main", onclick: () => run(s) }, s.button), h("pre", { tabindex: 0, "aria-label": "With curl" }, s.line())])),
      at === steps.length && h("li", { class: "done" }, h("p", null, "That is all. Ctrl+K goes to any path, and ? shows the keys.")))
    if (focus) list.querySelector("button")?.focus()
  }
  const stop = app.live.listen((m) => {
    if (m.kind !== "events") return
    const before = at
    for (const e of m.events) if (e.type === steps[at]?.sees && e.path === steps[at].path) at++
    if (at === before) return
    app.shell.announce(at < steps.length ? `Step ${at} is done.` : "All steps are done.")
    draw()
  })
  draw()
  return { element, close: stop }
}
