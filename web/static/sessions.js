// The sessions that are alive, and what the chosen one has.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { curl } from "./curl.js"
import { openDialog } from "./dialog.js"
import { many, span } from "./time.js"
import { pathList, shown } from "./act.js"
import { moment } from "./stat.js"
import { keep, poll } from "./poll.js"
import { cell, EVERY, listing, PAGE, quiet, toZnode } from "./listing.js"
import { ownSession } from "./own-session.js"

const ends = /** @type {Record<string, string>} */ ({
  expired: "It expired: nobody renewed it for as long as its timeout.",
  closed: "Whoever held it closed it.",
  killed: "An operator killed it.",
  unknown: "It ended long ago, or there never was one of that name.",
})

/** countdown is what a session has left, running on until it is told anew. @param {HTMLElement} e @param {number | null} ms */
function countdown(e, ms) {
  e.dataset.until = ms === null ? "" : String(performance.now() + ms)
  run(e)
}

/** @param {HTMLElement} e of countdown */
function run(e) {
  const left = Number(e.dataset.until) - performance.now()
  e.textContent = !e.dataset.until ? "unknown: no leader says" : left > 0 ? span(Math.ceil(left / 1000) * 1000) : "any moment"
}

/** @param {HTMLElement} within @returns {NodeListOf<HTMLElement>} */
const countdowns = (within) => within.querySelectorAll("[data-until]")

/** stale ends countdowns that are not told any more. @param {HTMLElement} within */
function stale(within) {
  for (const e of countdowns(within)) {
    delete e.dataset.until
    e.textContent = "not known now"
  }
}

/** part is a list of what a session has, the first of it. @param {string} one @param {string} more */
function part(one, more) {
  const title = h("h4")
  const ul = h("ul", { "aria-label": more })
  return { element: h("div", null, title, ul), show: (/** @type {{path: string, mode?: string}[]} */ list) => {
    fill(title, many(list.length, one, more), list.length > PAGE && `, the first ${PAGE}`)
    keep(ul, list.slice(0, PAGE), (w) => `${w.mode} ${w.path}`, (w) => h("li", null, toZnode(w.path), " ", w.mode))
  } }
}

/** mine marks the session of this page. @param {App} app @param {string} owner */
const mine = (app, owner) => ownSession(app).owner === owner && h("span", { class: "badge" }, "this page's")

/** @param {App} app @param {string} owner */
const urlOf = (app, owner) => app.api.url("/v1/sessions/" + encodeURIComponent(owner))

/** detail is what one session has. @param {App} app @param {string} owner @param {() => void} ended */
function detail(app, owner, ended) {
  const url = urlOf(app, owner)
  const left = h("strong")
  const facts = h("p")
  const ephemerals = part("ephemeral znode", "ephemeral znodes")
  const watches = part("watch", "watches")
  let last = /** @type {WholeSession | null} */ (null)
  const button = h("button", { type: "button", class: "danger small", hidden: true, onclick: () => last && !app.readOnly() && openDialog({
    title: `Kill session ${owner}?`,
    body: [h("p", null, `${many(last.ephemerals.length, "ephemeral znode")} and ${many(last.watches.length, "watch", "watches")} go with it, in one transaction. There is no undo.`),
      pathList(last.ephemerals), h("pre", { tabindex: 0 }, curl("DELETE", url))],
    buttons: [{ label: `Kill ${owner}`, kind: "danger", run: async () => {
      await app.api.write("DELETE", url)
      app.shell.toast(`Session ${owner} is over.`, { kind: "good" })
      now()
    } }],
  }) }, "Kill…")
  const { element, now } = poll(EVERY, async () => (await app.api.ask("GET", url)).json(), (/** @type {WholeSession} */ s, body) => {
    if (!last) fill(body, facts, h("div", { class: "pair" }, ephemerals.element, watches.element))
    last = s
    button.hidden = app.readOnly()
    fill(facts, "Opened ", moment(s.opened), ". Its timeout is ", span(s.timeout_ms), "; without a renewal it expires in ", left, ".")
    countdown(left, s.expires_in_ms)
    ephemerals.show(s.ephemerals.map((path) => ({ path })))
    watches.show(s.watches)
  }, (err, body) => {
    button.hidden = true
    stale(body)
    if (err.code !== "session_expired") return
    if (last) ended()
    last = null
    fill(body)
    return h("p", { class: "notice", role: "status" }, "This session is over. ", ends[err.told.reason], " Its ephemeral znodes and watches are gone.")
  })
  return h("div", { class: "card" }, h("div", { class: "row" }, h("h3", null, "Session ", shown(owner)), mine(app, owner), h("span", { class: "push" }), button, h("a", { href: link("sessions") }, "Close")), element)
}

/** @param {App} app @param {Place} place @returns {View} */
export function sessionsView(app, place) {
  const after = () => place.query.get("after") || undefined
  const url = () => app.api.url("/v1/sessions", undefined, { limit: PAGE, after: after() })
  const make = () => listing(app, {
    label: "Sessions, oldest first", noun: ["session", "sessions"], columns: ["Session", "Opened", "Timeout", "Expires in, if not renewed"], url, after, stale,
    rows: (body) => body.sessions, key: (s) => s.owner, link: (after) => link("sessions", place.path, { after }),
    renew: (row, s) => countdown(/** @type {HTMLElement} */ (row.lastElementChild), s.expires_in_ms),
    make: (/** @type {Session} */ s) => {
      const left = cell()
      countdown(left, s.expires_in_ms)
      return h("tr", null, h("th", { scope: "row" }, h("a", { href: link("sessions", s.owner, { after: after() }) }, s.owner), " ", mine(app, s.owner)), cell(moment(s.opened)), cell(span(s.timeout_ms)), left)
    },
  })
  let list = make()
  const chosen = h("div"), page = h("div", null, list.element)
  const element = h("section", { class: "page" }, h("h2", null, "Sessions"),
    quiet("A session holds ephemeral znodes and watches for a client, until it is closed or not renewed for its timeout."), chosen, page)
  function choose() {
    fill(chosen, place.path && detail(app, place.path, () => list.now()))
    app.shell.curl([url(), ...(place.path ? [urlOf(app, place.path)] : [])].map((u) => curl("GET", u)))
  }
  const timer = setInterval(() => countdowns(element).forEach(run), 1000)
  choose()
  return {
    element,
    update(to) {
      const was = place
      place = to
      choose()
      // What is there is of another page.
      if (was.query.get("after") !== to.query.get("after")) fill(page, (list = make()).element)
    },
    close: () => clearInterval(timer),
  }
}
