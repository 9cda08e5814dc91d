// The session of this page: opened when something needs it, ended with the page.

import { freshKey } from "./api.js"
import { fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { Problem } from "./problems.js"
import { link } from "./route.js"
import { many } from "./time.js"

// Browsers let a page behind others do something once a minute; one that closes ends its session at once.
const TIMEOUT = "150s"
const AGAIN = 2000 // ms after a keepalive that failed

/** @type {WeakMap<App, OwnSession>} */
const all = new WeakMap()

/** ownSession is that of the page. @param {App} app */
export function ownSession(app) {
  let s = all.get(app)
  if (!s) all.set(app, (s = new OwnSession(app)))
  return s
}

class OwnSession {
  /** @param {App} app */
  constructor(app) {
    this.app = app
    this.id = "" // the key to it: kept nowhere else
    this.owner = "" // its public name; "" while there is none
    this.timer = 0
    this.opening = /** @type {Promise<string> | undefined} */ (undefined)
    this.chip = h("button", { type: "button", class: "small", onclick: () => this.show() })
    addEventListener("pagehide", () => {
      if (!this.id) return
      fetch(app.api.url("/v1/sessions/" + this.id), { method: "DELETE", keepalive: true, headers: { "Idempotency-Key": freshKey() } }).catch(() => {})
      this.ended("It was closed when you left the page.")
    })
  }

  /** open gives its id. @returns {Promise<string>} */
  open() {
    this.opening ||= this.start().finally(() => { this.opening = undefined })
    return this.opening
  }

  async start() {
    if (this.id) return this.id
    const { id, owner, timeout_ms } = await (await this.app.api.write("POST", this.app.api.url("/v1/sessions", undefined, { timeout: TIMEOUT }))).json()
    this.id = id
    this.owner = owner
    fill(this.chip, `Session ${owner}`)
    this.chip.title = "This page has a session, which ends with it"
    this.app.shell.tools.append(this.chip)
    this.next(timeout_ms / 3)
    return this.id
  }

  /** @param {number} ms */
  next(ms) {
    clearTimeout(this.timer)
    this.timer = window.setTimeout(() => this.renew(this.id), ms)
  }

  /** @param {string} id */
  async renew(id) {
    try {
      const told = await (await this.app.api.ask("POST", this.app.api.url(`/v1/sessions/${id}/keepalive`))).json()
      if (id === this.id) this.next(told.next_keepalive_ms)
    } catch (err) {
      if (id !== this.id) return
      if (err instanceof Problem && err.code === "session_expired") this.ended(err.detail)
      else this.next(AGAIN)
    }
  }

  /** ended is for when it is over. @param {string} why "" if the reader wanted it */
  ended(why) {
    if (why) this.app.shell.toast(`The session of this page, ${this.owner}, is over, and its ephemeral znodes are gone. ${why}`, { kind: "bad", ms: 60000 })
    clearTimeout(this.timer)
    this.id = this.owner = ""
    this.chip.remove()
  }

  async close() {
    if (!this.id) return
    await this.app.api.write("DELETE", this.app.api.url("/v1/sessions/" + this.id))
    this.ended("")
  }

  show() {
    const owner = this.owner
    const held = h("p", { role: "status" })
    const d = openDialog({
      title: `Session ${owner}`,
      body: [h("p", null, "This page opened it for its ephemeral znodes. It lives as long as the page is open here: closing or reloading the page ends it. ",
        h("a", { href: link("sessions", owner), onclick: () => d.close() }, "What it holds")), held],
      buttons: [{ label: "Close the session", kind: "danger", run: () => this.close() }],
    })
    this.app.api.get("/v1/sessions/" + owner).then((s) => {
      fill(held, `It has ${many(s.ephemerals.length, "ephemeral znode")}, which ${s.ephemerals.length === 1 ? "goes" : "go"} with it.`)
    }, () => {})
  }
}
