// The sessions that are alive, and what the chosen one has.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { visible } from "./path.js"
import { curl } from "./curl.js"
import { openDialog } from "./dialog.js"
import { Problem, problemBox } from "./problems.js"
import { count, many, span } from "./time.js"
import { moment } from "./stat.js"
import { keep, poll } from "./poll.js"
import { EVERY, listing, PAGE } from "./listing.js"
import { ownSession } from "./own-session.js"

/** @typedef {{owner: string, timeout_ms: number, expires_in_ms: number | null, opened: number}} Session */
/** @typedef {Session & {ephemerals: string[], watches: {path: string, mode: string}[]}} Whole */

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
  const until = e.dataset.until
  const left = Number(until) - performance.now()
  const text = !until ? "unknown: no leader says" : left > 0 ? span(Math.ceil(left / 1000) * 1000) : "any moment"
  if (e.textContent !== text) e.textContent = text
}

/** lose ends a countdown that is not told any more. @param {Element} e */
function lose(e) {
  e.removeAttribute("data-until")
  e.textContent = "not known now"
}

/** paged shows so many of a list, and more when asked.
 * @template T @param {(item: T) => string} key @param {(item: T) => HTMLElement} make @param {string} label */
function paged(key, make, label) {
  const ul = h("ul", { "aria-label": label })
  const more = h("button", { type: "button", class: "small", onclick: () => { shown += PAGE; show() } })
  let shown = PAGE
  /** @type {T[]} */
  let all = []
  const show = () => {
    keep(ul, all.slice(0, shown), key, make)
    more.hidden = all.length <= shown
    more.textContent = `Show more: ${many(all.length - shown, "is", "are")} left`
  }
  return { element: h("div", null, ul, more), set(/** @type {T[]} */ list) { all = list; show() } }
}

/** @param {string} path */
const toZnode = (path) => h("a", { href: link("tree", path) }, h("bdi", { class: "mono" }, visible(path)))

/** mine marks the session of this page. @param {App} app @param {string} owner */
const mine = (app, owner) => ownSession(app).owner === owner && h("span", { class: "badge" }, "this page's")

/** detail is what one session has. @param {App} app @param {string} owner @param {() => void} ended */
function detail(app, owner, ended) {
  const url = app.api.url("/v1/sessions/" + encodeURIComponent(owner))
  const left = h("strong", { class: "left" })
  const facts = h("p")
  const note = h("div")
  const ephemeralsHead = h("h4")
  const watchesHead = h("h4")
  const ephemerals = paged((/** @type {string} */ p) => p, (p) => h("li", null, toZnode(p)), "Ephemeral znodes")
  const watches = paged((/** @type {Whole["watches"][0]} */ w) => `${w.mode} ${w.path}`, (w) => h("li", null, toZnode(w.path), " ", h("span", { class: "badge" }, w.mode)), "Watches")
  const kill = h("button", { type: "button", class: "danger small", onclick: ask, hidden: true }, "Kill…")
  const body = h("div", { hidden: true }, facts, h("div", { class: "pair" }, h("div", null, ephemeralsHead, ephemerals.element), h("div", null, watchesHead, watches.element)))
  const element = h("section", { class: "card", "aria-label": `Session ${visible(owner)}` },
    h("div", { class: "row" }, h("h3", null, "Session ", h("bdi", null, visible(owner))), mine(app, owner), h("span", { class: "push" }), kill,
      h("a", { href: link("sessions") }, "Close")), note, body)
  /** @type {Whole | null} */
  let last = null

  function ask() {
    const s = last
    if (!s) return
    const named = s.ephemerals.slice(0, 10)
    openDialog({
      title: `Kill session ${s.owner}?`,
      body: [
        h("p", null, s.ephemerals.length ? `${many(s.ephemerals.length, "ephemeral znode")} and ${many(s.watches.length, "watch", "watches")} go with it, in one transaction. There is no undo.`
          : `It has no ephemeral znodes; ${many(s.watches.length, "watch", "watches")} go with it. There is no undo.`),
        named.length > 0 && h("pre", null, named.map(visible).join("\n"), s.ephemerals.length > named.length ? `\n… and ${count(s.ephemerals.length - named.length)} more` : ""),
        h("p", null, "Whoever holds it is told 410 session_expired at its next request."),
        h("pre", null, curl("DELETE", url)),
      ],
      buttons: [{ label: `Kill ${s.owner}`, kind: "danger", run: async () => {
        await app.api.write("DELETE", url)
        app.shell.toast(`Session ${s.owner} is over.`, { kind: "good" })
        reading.now()
        ended()
      } }],
    })
  }
  const reading = poll(EVERY, async (signal) => (await app.api.ask("GET", url, { signal })).json(), (/** @type {Whole} */ s) => {
    last = s
    fill(note)
    body.hidden = false
    kill.hidden = app.readOnly()
    fill(facts, "Opened ", moment(s.opened), ". Its timeout is ", span(s.timeout_ms), "; without a renewal it expires in ", left, ".")
    countdown(left, s.expires_in_ms)
    ephemeralsHead.textContent = `${many(s.ephemerals.length, "ephemeral znode")}`
    watchesHead.textContent = `${many(s.watches.length, "watch", "watches")}`
    ephemerals.set(s.ephemerals)
    watches.set(s.watches)
  }, (err) => {
    kill.hidden = true
    lose(left)
    if (err instanceof Problem && err.code === "session_expired") {
      body.hidden = true
      fill(note, h("p", { class: "notice", role: "status" }, "This session is over. ", ends[String(err.told.reason)] || "", last ? ` ${many(last.ephemerals.length, "ephemeral znode")} went with it.` : " Its ephemeral znodes and watches are gone."))
      if (last) ended()
      last = null
    } else fill(note, problemBox(err, reading.now), last && h("p", { class: "notice" }, "What follows is from before that."))
  })
  return { element, left, stop: reading.stop }
}

/** @param {App} app @param {Place} place @returns {View} */
export function sessionsView(app, place) {
  const after = () => place.query.get("after") || undefined
  const url = () => app.api.url("/v1/sessions", undefined, { limit: PAGE, after: after() })
  const list = listing(app, {
    label: "Sessions, oldest first", noun: ["session", "sessions"], columns: ["Session", "Opened", "Timeout", "Expires in, if not renewed"], url,
    rows: (body) => /** @type {Session[]} */ (body.sessions), key: (s) => s.owner, make: makeRow,
    renew: (row, s) => countdown(/** @type {HTMLElement} */ (row.lastElementChild), s.expires_in_ms),
    link: (after) => link("sessions", place.path, { after }), later: () => Boolean(after()), shown: mark,
    stale: (body) => body.querySelectorAll("[data-until]").forEach(lose),
  })
  const chosen = h("div")
  const element = h("section", { class: "page" }, h("h2", null, "Sessions"),
    h("p", { class: "quiet" }, "A session holds ephemeral znodes and watches for a client. It ends when the client closes it, or does not renew it for its timeout."),
    chosen, list.element)
  /** @type {ReturnType<typeof detail> | null} */
  let open = null
  /** @param {Session} s */
  function makeRow(s) {
    const left = h("td")
    countdown(left, s.expires_in_ms)
    return h("tr", null, h("th", { scope: "row" }, h("a", { href: link("sessions", s.owner, { after: after() }) }, s.owner), " ", mine(app, s.owner)),
      h("td", null, moment(s.opened)), h("td", null, span(s.timeout_ms)), left)
  }
  function mark() {
    for (const e of /** @type {HTMLElement[]} */ ([...list.body.children])) {
      if (e.dataset.key === place.path) e.setAttribute("aria-current", "true")
      else e.removeAttribute("aria-current")
    }
  }
  function choose() {
    open?.stop()
    open = place.path ? detail(app, place.path, list.now) : null
    fill(chosen, open?.element)
    mark()
    app.shell.curl([curl("GET", url()), ...(place.path ? [curl("GET", app.api.url("/v1/sessions/" + encodeURIComponent(place.path)))] : [])])
  }
  const timer = setInterval(() => {
    for (const e of element.querySelectorAll("[data-until]")) run(/** @type {HTMLElement} */ (e))
  }, 1000)
  choose()
  return {
    element,
    update(to) {
      const [was, page] = [place.path, after()]
      place = to
      if (was !== to.path || page !== after()) choose()
      if (page !== after()) list.now()
    },
    close() {
      clearInterval(timer)
      list.stop()
      open?.stop()
    },
  }
}
