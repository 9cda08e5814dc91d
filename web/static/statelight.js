// Says in the header whether what the page shows is how things are, and lets it pause.

import { h, fill } from "./dom.js"
import { count, many } from "./time.js"

const clock = new Intl.DateTimeFormat(undefined, { timeStyle: "medium" })

/** words says where the page stands. @param {LiveState} s @param {boolean} paused @param {number} waiting */
export function words(s, paused, waiting) {
  const word = {
    connecting: "Connecting", live: `Live${s.partial ? " in part" : ""} · zxid ${count(s.zxid)}`, resuming: `Resuming from zxid ${count(s.zxid)}`,
    reset: "Reset: reading again", no_leader: "No leader: reads only", offline: `Offline: as of ${clock.format(s.heard)}`, signed_out: "Signed out",
  }[s.name]
  return paused ? `Paused: ${many(waiting, "change")} waiting${s.name === "live" ? "" : `. ${word}`}` : word
}

/** @param {App} app @param {HTMLElement} place */
export function stateLight(app, place) {
  const { live, settings, shell } = app
  const text = h("span", null)
  const light = h("span", { class: "light" }, h("span", { class: "dot", "aria-hidden": "true" }), text)
  const pause = h("button", { type: "button", class: "small", onclick: () => (live.paused ? live.resume() : live.pause()) })
  const lock = h("button", { type: "button", class: "small", title: app.config.read_only ? "This server offers reading only." : "Hides what changes anything",
    "aria-disabled": app.config.read_only, onclick: toggle }, "Read-only")
  function toggle() {
    if (app.config.read_only) return
    settings.set("read_only", app.readOnly() ? "" : "yes")
    lock.setAttribute("aria-pressed", String(app.readOnly()))
    dispatchEvent(new Event("holt-readonly"))
  }
  let due = 0
  let said = ""
  function draw() {
    due = 0
    const s = live.state
    const name = live.paused ? "paused" : s.name
    fill(text, words(s, live.paused, live.waiting))
    light.dataset.state = name
    light.title = `${text.textContent}. Member ${app.config.member}, ${s.leader === "?" ? "leader not known yet" : s.leader ? `leader ${s.leader}` : "no leader"}.` +
      (s.partial ? " More is open than one stream follows: reload what matters, or close something." : "")
    if (s.name === "live" && !live.paused) delete document.body.dataset.stale
    else document.body.dataset.stale = "yes"
    fill(pause, live.paused ? "Resume" : "Pause")
    if (said && said !== name) shell.announce(text.textContent || "")
    said = name
  }
  live.listen(() => { due ||= requestAnimationFrame(draw) })
  lock.setAttribute("aria-pressed", String(app.readOnly()))
  place.append(light, pause, lock)
  draw()
}
