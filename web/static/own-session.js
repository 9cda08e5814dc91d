// The session of this page: opened when something needs it, ended with the page.

import { freshKey } from "./api.js"
import { button } from "./act.js"
import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { Problem } from "./problems.js"
import { link } from "./route.js"

const TIMEOUT = "150s" // a page behind others is woken once a minute; one that closes ends its session at once
const AGAIN = 2000 // ms after a keepalive that failed

/** @type {WeakMap<App, OwnSession>} */
const all = new WeakMap()

/** ownSession is that of the page. @param {App} app */
export function ownSession(app) {
  const s = all.get(app) || new OwnSession(app)
  all.set(app, s)
  return s
}

class OwnSession {
  /** @param {App} app */
  constructor(app) {
    this.app = app
    this.id = "" // the key to it, kept nowhere else
    this.owner = "" // its public name; "" while there is none
    this.timer = 0
    this.opening = /** @type {Promise<string> | null} */ (null)
    this.chip = button("", () => this.show())
    addEventListener("pagehide", () => {
      if (!this.id) return
      fetch(this.url(), { method: "DELETE", keepalive: true, headers: { "Idempotency-Key": freshKey() } }).catch(() => {})
      this.ended("You left the page.")
    })
  }

  url(tail = "") {
    return this.app.api.url(`/v1/sessions/${this.id}${tail}`)
  }

  /** open gives its id. @returns {Promise<string>} */
  open() {
    return this.opening ||= this.start().finally(() => { this.opening = null })
  }

  async start() {
    if (this.id) return this.id
    const { id, owner, timeout_ms } = await (await this.app.api.write("POST", this.app.api.url("/v1/sessions", undefined, { timeout: TIMEOUT }))).json()
    Object.assign(this, { id, owner })
    this.chip.textContent = `Session ${owner}`
    this.app.shell.tools.append(this.chip)
    this.next(timeout_ms / 3)
    return this.id
  }

  /** @param {number} ms */
  next(ms) {
    const id = this.id
    this.timer = window.setTimeout(async () => {
      try {
        const told = await (await this.app.api.ask("POST", this.url("/keepalive"))).json()
        if (id === this.id) this.next(told.next_keepalive_ms)
      } catch (err) {
        if (id !== this.id) return
        if (err instanceof Problem && err.code === "session_expired") this.ended(err.detail)
        else this.next(AGAIN)
      }
    }, ms)
  }

  /** @param {string} why "" if the reader wanted it */
  ended(why) {
    if (why) this.app.shell.toast(`The session of this page, ${this.owner}, is over, and its ephemeral znodes are gone. ${why}`, { kind: "bad", ms: 60000 })
    clearTimeout(this.timer)
    this.id = this.owner = ""
    this.chip.remove()
  }

  async close() {
    if (this.id) await this.app.api.write("DELETE", this.url())
    this.ended("")
  }

  show() {
    const d = openDialog({
      title: `Session ${this.owner}`, buttons: [{ label: "Close the session", kind: "danger", run: () => this.close() }],
      body: [h("p", null, "This page opened it for ephemeral znodes. Closing or reloading the page ends it, and they go with it. ",
        h("a", { href: link("sessions", this.owner), onclick: () => d.close() }, "What it holds"))],
    })
  }
}
