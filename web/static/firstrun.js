// The first steps on an empty tree: each is done by a button or by its line in a terminal, and ticked when the page has
// seen it happen.

import { curl } from "./curl.js"
import { fill, h } from "./dom.js"
import { ownSession } from "./own-session.js"
import { asProblem } from "./problems.js"

const PATH = "/hello"
const ALIVE = "/hello-alive"

/** A step: what to do, the button, and the event that says that it was done; of the write, its method, headers and body.
 * @typedef {[text: string, button: string, sees: ZnodeEvent["type"], path: string, method: string, headers: Record<string, string>, data?: string]} Step
 * @type {Step[]} */
const steps = [
  [`A znode has a path, data and children. Create one at ${PATH}.`, "Create", "NodeCreated", PATH, "POST", {}, "Hello"],
  ["Change its data. Watch its row in the tree: it says “changed” as soon as the server does, whoever changed it. Try it from a terminal as well.",
    "Change", "NodeDataChanged", PATH, "PUT", {}, "Hello again"],
  ["An ephemeral znode lives as long as a session: that is how programs say that they are there. This one goes when you close the page.",
    "Create an ephemeral", "NodeCreated", ALIVE, "POST", { "Holt-Session": "ID" }, "here"],
  [`Delete ${PATH}.`, "Delete", "NodeDeleted", PATH, "DELETE", {}],
]

/** firstRun teaches by doing. @param {App} app @param {() => void} leave */
export function firstRun(app, leave) {
  let at = 0
  const unseen = new Set() // steps that were done all the same
  const { api, shell } = app
  const list = h("ol", { class: "steps" }), title = h("h2")
  const element = h("section", { class: "firstrun", "aria-label": "First steps" }, title, h("p", null, "Four steps show what holt is for. Press the buttons, or type the lines."), list,
    h("button", { type: "button", onclick: leave }, "Leave the steps"))
  /** @param {Step} s */
  const url = ([, , , path]) => api.url("/v1/znodes", path, path === ALIVE ? { mode: "ephemeral" } : {})
  /** @param {Step} s */
  async function run(s) {
    const [, , , path, method, , body] = s
    try {
      /** @type {Record<string, string>} */
      const headers = {}
      if (path === ALIVE) headers["Holt-Session"] = await ownSession(app).open()
      if (method !== "POST") headers["If-Match"] = (await api.ask("HEAD", url(s))).etag
      await api.write(method, url(s), { body, headers })
    } catch (err) {
      const { code } = asProblem(err)
      if (steps[at] !== s || (code !== "node_exists" && (code !== "no_node" || method !== "DELETE"))) return shell.problem(err)
      // It is done, and its event was lost in a reset, or waits in a pause.
      unseen.add(at++)
      draw()
    }
  }
  function draw() {
    fill(title, at ? "First steps" : "The tree is empty")
    fill(list, steps.map((s, i) => h("li", { "aria-current": i === at && "step" }, h("p", null, s[0]), i < at && h("p", { class: "good" }, unseen.has(i) ? "✓ Done." : "✓ Seen live."),
      i === at && [h("button", { type: "button", class: "main", onclick: () => run(s) }, s[1]), h("pre", { tabindex: 0, "aria-label": "With curl" }, curl(s[4], url(s), { headers: s[5], data: s[6] }))])),
    at === steps.length && h("li", null, "That is all. Ctrl+K goes to any path, and ? shows the keys."))
  }
  app.live.want("first steps", { paths: [PATH, ALIVE] })
  const stop = app.live.listen((m) => {
    if (m.kind !== "events") return
    const was = at
    const focus = list.contains(document.activeElement)
    for (const e of m.events) if (e.type === steps[at]?.[2] && e.path === steps[at][3]) at++
    if (at === was) return
    shell.announce(`Step ${at} is done.`)
    draw()
    if (focus) element.querySelector("button")?.focus()
  })
  draw()
  return { element, close() { stop(); app.live.want("first steps", null) } }
}
