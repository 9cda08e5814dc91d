// The session of this page: opened when something needs it, ended with the page.

import { freshKey } from "./api.js"
import { button } from "./act.js"
import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { Problem } from "./problems.js"
import { link } from "./route.js"

// A page behind others is woken once a minute; one that closes ends its session at once.
const TIMEOUT = "150s"
// ms after a keepalive that failed.
const AGAIN = 2000

/** @type {WeakMap<App, ReturnType<typeof make>>} */
const all = new WeakMap()

/** ownSession is that of the page. @param {App} app */
export function ownSession(app) {
  const s = all.get(app) || make(app)
  all.set(app, s)
  return s
}

/** @param {App} app */
function make(app) {
  // The key to it, kept nowhere else, and its public name; "" while there is none.
  const s = { id: "", owner: "", open }
  const chip = button("", show)
  const url = (tail = "", id = s.id) => app.api.url(`/v1/sessions/${id}${tail}`)
  let timer = 0
  let opening = /** @type {Promise<void> | null} */ (null)

  /** open gives its id, of a new one if it is over. */
  async function open() {
    if (s.id) await renew()
    if (!s.id) await (opening ||= start().finally(() => { opening = null }))
    return s.id
  }
  async function start() {
    const { id, owner, timeout_ms } = await (await app.api.write("POST", app.api.url("/v1/sessions", undefined, { timeout: TIMEOUT }))).json()
    Object.assign(s, { id, owner })
    app.shell.tools.append(chip)
    next(timeout_ms / 3)
  }
  /** next renews it in a while. @param {number} ms */
  function next(ms, trouble = "") {
    chip.textContent = `Session ${s.owner}${trouble}`
    clearTimeout(timer)
    timer = window.setTimeout(renew, ms)
  }
  async function renew() {
    const id = s.id
    try {
      const told = await (await app.api.ask("POST", url("/keepalive"))).json()
      if (id === s.id) next(told.next_keepalive_ms)
    } catch (err) {
      if (id !== s.id) return
      if (err instanceof Problem && err.code === "session_expired") ended(err.detail)
      else next(AGAIN, ": not renewed")
    }
  }
  /** @param {string} why "" if the reader wanted it */
  function ended(why) {
    if (why) app.shell.toast(`The session of this page, ${s.owner}, is over, and its ephemeral znodes are gone. ${why}`, { kind: "bad", ms: 60000 })
    clearTimeout(timer)
    s.id = s.owner = ""
    chip.remove()
  }
  function show() {
    const { id, owner } = s
    async function close() {
      await app.api.write("DELETE", url("", id))
      if (id === s.id) ended("") // another may have been opened since
    }
    const d = openDialog({
      title: `Session ${owner}`, buttons: app.readOnly() ? [] : [{ label: "Close the session", kind: "danger", run: close }],
      body: [h("p", null, "Closing or reloading the page ends it, and its ephemeral znodes go. ", h("a", { href: link("sessions", owner), onclick: () => d.close() }, "What it holds"))],
    })
  }
  addEventListener("pagehide", () => {
    if (!s.id) return
    fetch(url(), { method: "DELETE", keepalive: true, headers: { "Idempotency-Key": freshKey() } }).catch(() => {})
    ended("You left the page.")
  })
  return s
}
