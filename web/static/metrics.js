// What /metrics says (the text format of Prometheus), and what two readings say about the time between them.

import { Problem } from "./problems.js"

// More are not read.
const SAMPLES_MAX = 20000

const line = /^\s*([A-Za-z_:][\w:]*)\s*(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/
const label = /(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"/g

/** @param {string} s */
const number = (s) => Number(s.replace(/Inf$/, "Infinity"))

/** parse gives the samples of a reading; what is not understood is left out. @param {string} text */
export function parse(text) {
  const samples = /** @type {Sample[]} */ ([])
  for (const l of text.split("\n")) {
    const m = line.exec(l)
    if (!m || (m[3] !== "NaN" && isNaN(number(m[3])))) continue
    const labels = [...(m[2] || "").matchAll(label)].map(([, k, v]) => [k, v.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))])
    if (samples.push({ name: m[1], labels: Object.fromEntries(labels), value: number(m[3]) }) === SAMPLES_MAX) break
  }
  return samples
}

/** metrics reads those of this member. @param {App} app */
export async function metrics(app) {
  const samples = parse(await (await app.api.ask("GET", "/metrics")).text())
  if (!samples.length) throw new Problem({ code: "unreachable", detail: "Something else answered." })
  return samples
}

/** since is by how much the samples grew after an earlier reading. @param {Sample[]} before @param {Sample[]} after */
export function since(before, after) {
  const key = (/** @type {Sample} */ s) => s.name + JSON.stringify(s.labels)
  const old = new Map(before.map((s) => [key(s), s.value]))
  return after.map((s) => ({ ...s, value: s.value - (old.get(key(s)) || 0) }))
}

/** sum adds up the samples of a name. @type {OfSamples} */
export const sum = (samples, name, counts = () => true) => samples.reduce((n, s) => (s.name === name && counts(s.labels) ? n + s.value : n), 0)

/** quantile is what the part q (0 to 1) of a histogram was below, on a straight line within its bucket; of the last bucket
 * its lower end. Null if there was nothing. @type {(q: number, ...of: Parameters<OfSamples>) => number | null} */
export function quantile(q, samples, name, counts = () => true) {
  const by = new Map()
  for (const s of samples) {
    if (s.name === name + "_bucket" && counts(s.labels)) by.set(number(s.labels.le), (by.get(number(s.labels.le)) || 0) + s.value)
  }
  const want = q * by.get(Infinity)
  let [low, below] = [0, 0]
  for (const [le, n] of [...by].sort((a, b) => a[0] - b[0])) {
    if (n >= want && n > below) return le === Infinity ? low : low + (le - low) * Math.max(0, (want - below) / (n - below))
    ;[low, below] = [le, n]
  }
  return null
}
