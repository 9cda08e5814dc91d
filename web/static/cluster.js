// The members, what the one that serves this page is doing, and what it allows.

import { h, fill } from "./dom.js"
import { visible } from "./path.js"
import { curl } from "./curl.js"
import { limits } from "./act.js"
import { at, count, many, size, span } from "./time.js"
import { moment } from "./stat.js"
import { poll } from "./poll.js"
import { cell, EVERY, head, quiet } from "./listing.js"
import { chart } from "./chart.js"
import { metrics, quantile, since, sum } from "./metrics.js"

// ms between two readings.
const METRICS_EVERY = 2000
const LIMITS_EVERY = 60000

/** quorum says what the cluster survives. @param {Pick<Member, "voter" | "reachable">[]} members */
export function quorum(members) {
  const voters = members.filter((m) => m.voter)
  const spare = Math.ceil(voters.length / 2) - 1
  const away = voters.filter((m) => !m.reachable).length
  const now = spare < away ? "that is too many" : `it survives the loss of ${spare - away || "no other"}`
  return `${many(voters.length, "voter")}: the cluster survives the loss of ${spare || "none"}.` + (away ? ` ${away} cannot be reached now: ${now}.` : "")
}

/** part is a card of its own: what goes wrong with it goes wrong in it alone.
 * @template T @param {string} title @param {number} ms @param {() => Promise<T>} read @param {(got: T) => any} show */
function part(title, ms, read, show) {
  return h("section", { class: "card", "aria-label": title }, h("h3", null, title), poll(ms, read, (got, body) => fill(body, show(got))).element)
}

/** @param {string} label @param {any[][]} rows the first of each is its head @param {string[]} [columns] */
function table(label, rows, columns) {
  return h("table", { "aria-label": label }, columns && head(columns), h("tbody", null, rows.map(([first, ...cells]) => h("tr", null, h("th", { scope: "row" }, first), cells.map((c) => cell(c))))))
}

/** @param {string} text */
const bad = (text) => h("strong", { class: "bad" }, text)

/** @param {Cluster} c */
function members(c) {
  const rows = c.members.map((m) => [[h("bdi", null, visible(m.id)), m.id === c.name && " (this one)"], m.leader ? "leader" : m.observer ? "observer" : !m.voter ? "joining" : m.reachable ? "follower" : "voter",
    [/^https?:/.test(m.url) && h("a", { href: new URL("/ui/#/cluster", m.url).href }, visible(m.url)), h("br"), `raft ${visible(m.raft_addr)}`],
    ...(m.reachable ? [m.ready ? "ready" : bad("catching up"), count(m.zxid) + (m.lag ? `, ${count(m.lag)} behind` : ""), [size(m.disk_free_bytes), m.disk_full && bad(" full")],
      m.snapshot_time ? [`zxid ${count(m.snapshot_zxid)}, `, moment(m.snapshot_time)] : "none yet", `${visible(m.version)}, for ${span(m.uptime_ms)}`] : [bad("cannot be reached"), "", "", "", ""])])
  return [
    c.leader ? h("p", null, "Member ", h("bdi", null, visible(c.leader)), ` leads in term ${count(c.term)}. `, quorum(c.members))
      : h("p", { class: "notice" }, h("strong", null, "There is no leader. "), "Nothing can be written, and no session expires; reads go on, but may be old. A majority of the voters elects one as soon as they reach each other: see that they run, and reach the raft addresses below."),
    table("Members", rows, ["Member", "Role", "Address", "State", "zxid", "Disk free", "Last snapshot", "Runs"]),
    quiet(`As member ${visible(c.name)} knows it, ${at(Date.now())}, at zxid ${count(c.zxid)}.`),
  ]
}

/** amount is a number as its name has it. @param {string} name @param {number} n */
const amount = (name, n) => name.includes("_bytes") ? size(n) : name.endsWith("_ms") ? span(n) : name.endsWith("time_seconds") ? moment(n * 1000) : count(n)

const told = "start_time_seconds resident_memory_bytes znodes ephemerals data_bytes sessions session_watches streams http_requests_in_flight writes_waiting raft_applied_index raft_last_index disk_free_bytes".split(" ")

/** facts are metrics by their names. @param {Sample[]} s */
const facts = (s) => table("This member", told.map((name) => [name.replace(/_(bytes|seconds)$/, "").replaceAll("_", " "), amount(name, sum(s, "holt_" + name) + sum(s, "process_" + name))]))

// Streams last as long as they are read, and the page's own looking is no load.
const counted = (/** @type {Sample["labels"]} */ l) => !/^\/(metrics|ui|readyz|livez|v1\/watch|v1\/pipeline)|events$/.test(l.route)

/** meters draws what this member does, of one reading after the other. */
function meters() {
  const perSecond = (/** @type {number} */ n) => `${count(Math.round(n * 10) / 10)}/s`
  const requests = chart("Requests", [""], perSecond)
  const latency = chart("Time to answer", ["p50", "p99"], (n) => (n < 0.001 ? `${Math.round(n * 1e6)} µs` : span(n * 1000)))
  const writes = chart("Transactions", [""], perSecond)
  let last = /** @type {Sample[]} */ ([])
  let time = 0
  return {
    element: h("div", { class: "charts" }, requests.element, latency.element, writes.element),
    /** @param {Sample[]} now */
    add(now) {
      const clock = performance.now()
      const seconds = (clock - time) / 1000
      const grown = since(last, now)
      if (last.length && !sum(grown, "process_start_time_seconds")) {
        requests.add([sum(grown, "holt_http_requests_total", counted) / seconds])
        latency.add([0.5, 0.99].map((q) => quantile(q, grown, "holt_http_request_duration_seconds", counted)))
        writes.add([sum(grown, "holt_zxid") / seconds])
      }
      last = now
      time = clock
    },
  }
}

/** @param {App} app @returns {View} */
export function clusterView(app) {
  const { api } = app
  const name = `member ${app.config.member}`
  const verbose = { query: { verbose: true } }
  const drawn = meters()
  const opened = h("div")
  const folded = h("details", { class: "card", ontoggle: () => fill(opened, folded.open && poll(LIMITS_EVERY, () => limits(app), (all, body) =>
    fill(body, table("Limits", Object.entries(all).map(([name, n]) => [h("code", null, name), amount(name, n)])))).element) }, h("summary", null, "Limits"), opened)
  app.shell.curl([api.url("/v1/cluster", undefined, verbose.query), api.url("/readyz", undefined, verbose.query), api.url("/metrics"), api.url("/v1/limits")].map((url) => curl("GET", url)))
  return {
    element: h("section", { class: "page" }, h("h2", null, "Cluster"), part("Members", EVERY, () => api.get("/v1/cluster", undefined, verbose), members), drawn.element,
      quiet(`Of ${name} alone, each two seconds; without streams and this page's reading of metrics.`),
      h("div", { class: "pair" }, part(`What ${name} does`, METRICS_EVERY, () => metrics(app), (samples) => {
        drawn.add(samples)
        return facts(samples)
      }), part(`Is ${name} ready?`, EVERY, () => api.get("/readyz", undefined, verbose).catch((err) => {
        if (err.told?.checks) return err.told
        throw err
      }), (told) => [
        h("p", null, told.ok ? "Yes: it takes requests." : bad("No: requests should not be sent to it now.")),
        table("Checks", told.checks.map((/** @type {{name: string, ok: boolean, detail: string}} */ c) => [c.name, c.ok ? "good" : bad("fails"), visible(c.detail)])),
      ])), folded),
    update() {},
    close() {},
  }
}
