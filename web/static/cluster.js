// The members, what the one that serves this page is doing, and what it allows.

import { h, fill } from "./dom.js"
import { visible } from "./path.js"
import { curl } from "./curl.js"
import { Problem, problemBox, sentence } from "./problems.js"
import { at, count, many, size, span } from "./time.js"
import { moment } from "./stat.js"
import { poll } from "./poll.js"
import { chart } from "./chart.js"
import { between, histogram, parse, quantile, rate, sum } from "./metrics.js"

const MEMBERS_EVERY = 5000 // ms
const METRICS_EVERY = 2000

/** What of a member others tell is only there with verbose, and of newer servers.
 * @typedef {{id: string, raft_addr: string, url: string, voter: boolean, leader: boolean, reachable?: boolean, zxid?: number, lag?: number,
 *   disk_free_bytes?: number, data_bytes?: number, sessions?: number, streams?: number, version?: string, uptime_ms?: number,
 *   last_snapshot_zxid?: number, snapshot_time?: number}} Member
 * @typedef {{name: string, leader: string, term: number, zxid: number, members: Member[]}} Cluster */

/** quorum says what the cluster survives. @param {Member[]} members */
export function quorum(members) {
  const voters = members.filter((m) => m.voter)
  const majority = Math.floor(voters.length / 2) + 1
  const spare = voters.length - majority
  const away = voters.filter((m) => m.reachable === false).length
  const said = `${many(voters.length, "voter")}: the cluster survives the loss of ${spare || "none"}.`
  if (!away) return said
  const left = spare - away
  return `${said} ${count(away)} cannot be reached now: ${left < 0 ? "that is too many" : `it survives the loss of ${left ? `${left} more` : "no other"}`}.`
}

/** part is a card that is read again and again; what goes wrong with it goes wrong in it alone.
 * @template T @param {string} title @param {number} ms @param {(signal: AbortSignal) => Promise<T>} read @param {(got: T) => any} show */
function part(title, ms, read, show) {
  const trouble = h("div")
  const body = h("div", { class: "scroll" })
  const element = h("section", { class: "card", "aria-label": title }, h("h3", null, title), trouble, body)
  let seen = 0
  const reading = poll(ms, read, (got) => {
    seen = Date.now()
    fill(trouble)
    fill(body, show(got))
  }, (err) => {
    fill(trouble, seen ? h("p", { class: "notice" }, `Not refreshed since ${at(seen)}. ${sentence(err)}`) : problemBox(err, reading.now))
  }, element)
  return { element, stop: reading.stop }
}

/** @param {string} label @param {string[]} columns @param {any[][]} rows the first of each is its head */
function table(label, columns, rows) {
  return h("table", { "aria-label": label }, columns.length > 0 && h("thead", null, h("tr", null, columns.map((c) => h("th", { scope: "col" }, c)))),
    h("tbody", null, rows.map(([head, ...cells]) => h("tr", null, h("th", { scope: "row" }, head), cells.map((c) => h("td", null, c))))))
}

/** @param {Cluster} c */
function showMembers(c) {
  const told = c.members.some((m) => m.reachable !== undefined)
  const rows = c.members.map((m) => {
    const role = m.leader ? "leader" : m.voter ? "follower" : "non-voter"
    const page = /^https?:/.test(m.url) ? h("a", { href: new URL("/ui/#/cluster", m.url).href }, visible(m.url)) : "not known yet"
    const row = [[h("bdi", null, visible(m.id)), m.id === c.name && " (this one)"], role, page, h("code", null, visible(m.raft_addr))]
    if (!told) return row
    if (!m.reachable) return [...row, h("strong", { class: "bad" }, "cannot be reached"), "", "", "", "", ""]
    return [...row, "reached", `${count(m.zxid || 0)}${m.lag ? `, ${count(m.lag)} behind` : ""}`, size(m.disk_free_bytes || 0), m.last_snapshot_zxid ? `zxid ${count(m.last_snapshot_zxid)}` : "none",
      m.version || "", span(m.uptime_ms || 0)]
  })
  const voters = c.members.filter((m) => m.voter).length
  return [
    c.leader ? h("p", null, h("bdi", null, visible(c.leader)), ` leads in term ${count(c.term)}. `, quorum(c.members))
      : h("div", { class: "notice" }, h("p", null, h("strong", null, "There is no leader. "), "Nothing can be written, and no session expires; each member still answers reads from its own state, which may be old."),
        h("p", null, `The cluster elects one by itself as soon as ${Math.floor(voters / 2) + 1} of its ${many(voters, "voter")} reach each other. Look whether they run, and whether each reaches the raft addresses below.`)),
    table("Members", ["Member", "Role", "Address", "Raft address", ...(told ? ["State", "zxid", "Disk free", "Snapshot", "Version", "Up for"] : [])], rows),
    h("p", { class: "quiet" }, `As ${visible(c.name)} knows it, ${at(Date.now())}, at zxid ${count(c.zxid)}.`),
  ]
}

/** facts of this member. @param {import("./metrics.js").Sample[]} s */
function facts(s) {
  const n = (/** @type {string} */ name) => sum(s, name)
  /** @param {string} label @param {string} name @param {(n: number) => any} words */
  const fact = (label, name, words) => [label, n(name) === null ? "not told" : words(n(name) || 0)]
  return table("This member", [], [
    ["Version", visible(s.find((x) => x.name === "holt_build_info")?.labels.version || "not told")],
    fact("Started", "process_start_time_seconds", (v) => moment(v * 1000)), fact("Memory", "process_resident_memory_bytes", size),
    fact("Disk free", "holt_disk_free_bytes", (v) => [size(v), n("holt_disk_full") ? h("strong", { class: "bad" }, " full: only deletes are taken") : ""]),
    fact("Znodes", "holt_znodes", (v) => `${count(v)}, ${count(n("holt_ephemerals") || 0)} of them ephemeral`), fact("Data", "holt_data_bytes", size),
    fact("Sessions", "holt_sessions", (v) => `${count(v)}, with ${many(n("holt_session_watches") || 0, "watch", "watches")}`),
    fact("Streams and long polls", "holt_streams", count), fact("Requests in work", "holt_http_requests_in_flight", count), fact("Writes waiting", "holt_writes_waiting", count),
    fact("Log applied", "holt_raft_applied_index", (v) => `index ${count(v)} of ${count(n("holt_raft_last_index") || 0)}`),
  ])
}

// Streams last as long as they are read, and the page's own looking is no load.
const counted = (/** @type {Record<string, string>} */ l) => !/^\/(metrics|ui|readyz|livez|v1\/watch|v1\/pipeline)|events$/.test(l.route || "")

/** meters draws what this member does, of one reading after the other. */
function meters() {
  const requests = chart("Requests a second", [""], (n) => `${count(Math.round(n * 10) / 10)}/s`)
  const latency = chart("Time to answer", ["half within (p50)", "99 % within (p99)"], (n) => (n < 0.001 ? `${Math.round(n * 1e6)} µs` : n < 0.1 ? `${Math.round(n * 1e4) / 10} ms` : span(n * 1000)))
  const zxids = chart("Transactions a second", [""], (n) => `${count(Math.round(n * 10) / 10)}/s`)
  /** @type {{time: number, requests: number | null, took: import("./metrics.js").Buckets, zxid: number | null} | null} */
  let last = null
  return {
    element: h("div", { class: "charts" }, requests.element, latency.element, zxids.element),
    /** @param {import("./metrics.js").Sample[]} s */
    add(s) {
      const now = { time: performance.now(), requests: sum(s, "holt_http_requests_total", counted), took: histogram(s, "holt_http_request_duration_seconds", counted), zxid: sum(s, "holt_zxid") }
      if (last) {
        const seconds = (now.time - last.time) / 1000
        const took = between(last.took, now.took)
        requests.add([rate(last.requests, now.requests, seconds)])
        latency.add([quantile(0.5, took), quantile(0.99, took)])
        zxids.add([rate(last.zxid, now.zxid, seconds)])
      }
      last = now
    },
  }
}

/** @param {App} app @param {Place} place @returns {View} */
export function clusterView(app, place) {
  void place
  const { api } = app
  const json = async (/** @type {string} */ url, /** @type {AbortSignal} */ signal) => (await api.ask("GET", url, { signal })).json()
  let verbose = true
  const members = part("Members", MEMBERS_EVERY, async (signal) => {
    try {
      return await json(api.url("/v1/cluster", undefined, { verbose }), signal)
    } catch (err) {
      if (!(err instanceof Problem && err.code === "bad_arguments")) throw err
      verbose = false // a server that does not know the word
      return json(api.url("/v1/cluster"), signal)
    }
  }, showMembers)
  const ready = part("Is this member ready?", MEMBERS_EVERY, async (signal) => {
    try {
      return await json(api.url("/readyz", undefined, { verbose: true }), signal)
    } catch (err) {
      if (err instanceof Problem && err.told.checks) return err.told // it is not, and says why
      throw err
    }
  }, (/** @type {{ok?: boolean, checks: {name: string, ok: boolean, detail: string}[]}} */ told) => [
    h("p", null, told.ok ? `Yes: ${app.config.member} takes requests.` : h("strong", { class: "bad" }, `No: requests should not be sent to ${app.config.member} now.`)),
    table("Checks", [], told.checks.map((c) => [c.name, c.ok ? "good" : h("strong", { class: "bad" }, "fails"), visible(c.detail)])),
  ])
  const drawn = meters()
  const member = part(`What ${app.config.member} does`, METRICS_EVERY, async (signal) => parse(await (await api.ask("GET", api.url("/metrics"), { signal })).text()), (samples) => {
    drawn.add(samples)
    return facts(samples)
  })
  const limits = h("div")
  const folded = h("details", { class: "card", ontoggle: async () => {
    if (!folded.open) return
    try {
      const all = Object.entries(await api.get("/v1/limits"))
      fill(limits, table("Limits", [], all.map(([name, n]) => [h("code", null, name), name.endsWith("_ms") ? span(n) : name.endsWith("_bytes") ? size(n) : count(n)])))
    } catch (err) {
      fill(limits, problemBox(err))
    }
  } }, h("summary", null, "Limits"), limits)
  const element = h("section", { class: "page" }, h("h2", null, "Cluster"), members.element, drawn.element,
    h("p", { class: "quiet" }, `Of ${app.config.member} alone, the last two minutes while you look; without streams and without this page's reading of metrics.`),
    h("div", { class: "pair" }, member.element, ready.element), folded)
  app.shell.curl([curl("GET", api.url("/v1/cluster", undefined, { verbose: true })), curl("GET", api.url("/readyz", undefined, { verbose: true })), curl("GET", api.url("/metrics")), curl("GET", api.url("/v1/limits"))])
  return {
    element,
    update() {},
    close() {
      for (const p of [members, ready, member]) p.stop()
    },
  }
}
