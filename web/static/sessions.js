// The sessions that are alive, and what the chosen one has.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { visible } from "./path.js"
import { curl } from "./curl.js"
import { openDialog } from "./dialog.js"
import { Problem } from "./problems.js"
import { many, span } from "./time.js"
import { pathList } from "./act.js"
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

/** stale ends countdowns that are not told any more. @param {Element} within */
function stale(within) {
  for (const e of within.querySelectorAll("[data-until]")) {
    e.removeAttribute("data-until")
    e.textContent = "not known now"
  }
}

/** part is a list of what a session has, the first of it. @param {string} one @param {string} more */
function part(one, more) {
  const title = h("h4")
  const ul = h("ul", { "aria-label": more })
  /** @param {{path: string, mode?: string}[]} list */
  function show(list) {
    fill(title, many(list.length, one, more), list.length > PAGE && `, the first ${PAGE}`)
    keep(ul, list.slice(0, PAGE), (w) => `${w.mode} ${w.path}`, (w) => h("li", null, toZnode(w.path), w.mode && [" ", h("span", { class: "badge" }, w.mode)]))
  }
  return { element: h("div", null, title, ul), show }
}

/** mine marks the session of this page. @param {App} app @param {string} owner */
const mine = (app, owner) => ownSession(app).owner === owner && h("span", { class: "badge" }, "this page's")

/** @param {App} app @param {string} owner */
const urlOf = (app, owner) => app.api.url("/v1/sessions/" + encodeURIComponent(owner))

/** kill asks first. @param {App} app @param {WholeSession} s @param {() => void} done */
function kill(app, s, done) {
  const paths = s.ephemerals
  const watches = many(s.watches.length, "watch", "watches")
  openDialog({
    title: `Kill session ${s.owner}?`,
    body: [h("p", null, `${many(paths.length, "ephemeral znode")} and ${watches} go with it, in one transaction. There is no undo.`), pathList(paths), h("pre", { tabindex: 0 }, curl("DELETE", urlOf(app, s.owner)))],
    buttons: [{ label: `Kill ${s.owner}`, kind: "danger", run: async () => {
      await app.api.write("DELETE", urlOf(app, s.owner))
      app.shell.toast(`Session ${s.owner} is over.`, { kind: "good" })
      done()
    } }],
  })
}

/** detail is what one session has. @param {App} app @param {string} owner @param {() => void} ended */
function detail(app, owner, ended) {
  const left = h("strong")
  const facts = h("p")
  const ephemerals = part("ephemeral znode", "ephemeral znodes")
  const watches = part("watch", "watches")
  const parts = h("div", null, facts, h("div", { class: "pair" }, ephemerals.element, watches.element))
  const button = h("button", { type: "button", class: "danger small", hidden: true, onclick: () => last && kill(app, last, () => { now(); ended() }) }, "Kill…")
  let last = /** @type {WholeSession | null} */ (null)
  const { element, now } = poll(EVERY, () => app.api.get("/v1/sessions/" + encodeURIComponent(owner)), (/** @type {WholeSession} */ s, body) => {
    last = s
    button.hidden = app.readOnly()
    fill(facts, "Opened ", moment(s.opened), ". Its timeout is ", span(s.timeout_ms), "; without a renewal it expires in ", left, ".")
    countdown(left, s.expires_in_ms)
    ephemerals.show(s.ephemerals.map((path) => ({ path })))
    watches.show(s.watches)
    if (!parts.isConnected) fill(body, parts)
  }, (err, body) => {
    button.hidden = true
    stale(body)
    if (!(err instanceof Problem) || err.code !== "session_expired") return
    fill(body)
    if (last) ended()
    last = null
    return h("p", { class: "notice", role: "status" }, "This session is over. ", ends[err.told.reason], " Its ephemeral znodes and watches are gone.")
  })
  return h("div", { class: "card" }, h("div", { class: "row" }, h("h3", null, "Session ", h("bdi", null, visible(owner))), mine(app, owner), h("span", { class: "push" }), button, h("a", { href: link("sessions") }, "Close")), element)
}

/** @param {App} app @param {Place} place @returns {View} */
export function sessionsView(app, place) {
  const after = () => place.query.get("after") || undefined
  const url = () => app.api.url("/v1/sessions", undefined, { limit: PAGE, after: after() })
  const list = listing(app, {
    label: "Sessions, oldest first", noun: ["session", "sessions"], columns: ["Session", "Opened", "Timeout", "Expires in, if not renewed"], url, after, stale,
    rows: (body) => body.sessions, key: (s) => s.owner, shown: mark, link: (after) => link("sessions", place.path, { after }),
    renew: (row, s) => countdown(/** @type {HTMLElement} */ (row.lastElementChild), s.expires_in_ms),
    make: (/** @type {Session} */ s) => {
      const left = cell()
      countdown(left, s.expires_in_ms)
      return h("tr", null, h("th", { scope: "row" }, h("a", { href: link("sessions", s.owner, { after: after() }) }, s.owner), " ", mine(app, s.owner)), cell(moment(s.opened)), cell(span(s.timeout_ms)), left)
    },
  })
  const chosen = h("div")
  const element = h("section", { class: "page" }, h("h2", null, "Sessions"),
    quiet("A session holds ephemeral znodes and watches for a client. It ends when the client closes it, or does not renew it for its timeout."), chosen, list.element)
  function mark() {
    for (const e of /** @type {HTMLElement[]} */ ([...list.rows.children])) e.ariaCurrent = e.dataset.key === place.path ? "true" : null
  }
  function choose() {
    fill(chosen, place.path && detail(app, place.path, list.now))
    mark()
    app.shell.curl([curl("GET", url()), ...(place.path ? [curl("GET", urlOf(app, place.path))] : [])])
  }
  const timer = setInterval(() => /** @type {NodeListOf<HTMLElement>} */ (element.querySelectorAll("[data-until]")).forEach(run), 1000)
  choose()
  return {
    element,
    update(to) {
      const was = place
      place = to
      choose()
      if (was.query.get("after") !== to.query.get("after")) list.now()
    },
    close: () => clearInterval(timer),
  }
}
