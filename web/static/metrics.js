// What /metrics says (the text format of Prometheus), and what two readings of it say about the time between them.

const SAMPLES_MAX = 20000 // more are not read

/** @typedef {{name: string, labels: Record<string, string>, value: number}} Sample */
/** @typedef {[le: number, count: number][]} Buckets of a histogram: how many were at most le */

const line = /^\s*([A-Za-z_:][\w:]*)\s*(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/
const label = /\s*([A-Za-z_]\w*)\s*=\s*"((?:[^"\\]|\\.)*)"\s*(?:,|$)\s*/y
const special = /** @type {Record<string, number>} */ ({ "+Inf": Infinity, Inf: Infinity, "-Inf": -Infinity, NaN })

/** parse gives the samples of a reading; what is not understood is left out. @param {string} text @returns {Sample[]} */
export function parse(text) {
  const samples = []
  for (const l of text.split("\n")) {
    if (samples.length === SAMPLES_MAX) break
    const m = line.exec(l)
    const labels = m && labelsOf(m[2] || "")
    const value = m ? (special[m[3]] ?? Number(m[3])) : 0
    if (m && labels && (m[3] in special || !Number.isNaN(value))) samples.push({ name: m[1], labels, value })
  }
  return samples
}

/** @param {string} text what is between the braces; null if that is none */
function labelsOf(text) {
  const labels = /** @type {Record<string, string>} */ ({})
  for (label.lastIndex = 0; label.lastIndex < text.length; ) {
    const m = label.exec(text)
    if (!m) return null
    labels[m[1]] = m[2].replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))
  }
  return labels
}

/** sum adds up the samples of a name; null if there are none.
 * @param {Sample[]} samples @param {string} name @param {(labels: Sample["labels"]) => boolean} [counts] */
export function sum(samples, name, counts = () => true) {
  let total = null
  for (const s of samples) if (s.name === name && counts(s.labels)) total = (total || 0) + s.value
  return total
}

/** histogram adds up the histograms of a name. @param {Sample[]} samples @param {string} name @param {(labels: Sample["labels"]) => boolean} [counts] @returns {Buckets} */
export function histogram(samples, name, counts = () => true) {
  const by = new Map()
  for (const s of samples) {
    if (s.name !== name + "_bucket" || !counts(s.labels)) continue
    const le = special[s.labels.le] ?? Number(s.labels.le)
    by.set(le, (by.get(le) || 0) + s.value)
  }
  return [...by].sort((a, b) => a[0] - b[0])
}

/** rate is by how much a counter grew in a second; null if that is not known, as when the server was started again.
 * @param {number | null} before @param {number | null} after @param {number} seconds between them */
export function rate(before, after, seconds) {
  return before === null || after === null || after < before || seconds <= 0 ? null : (after - before) / seconds
}

/** between is the histogram of what came after a reading and before another; empty if that is not known.
 * @param {Buckets} before @param {Buckets} after @returns {Buckets} */
export function between(before, after) {
  const old = new Map(before)
  const grown = after.map(([le, n]) => /** @type {Buckets[0]} */ ([le, n - (old.get(le) || 0)]))
  return before.length === 0 || grown.some(([, n]) => n < 0) ? [] : grown
}

/** quantile is the value that the part q of all were below, a straight line within its bucket; of the last bucket its lower
 * end. Null if there was nothing.
 * @param {number} q 0 to 1 @param {Buckets} buckets */
export function quantile(q, buckets) {
  const all = buckets.at(-1)?.[1] || 0
  if (!all) return null
  let [low, below] = [0, 0]
  for (const [le, n] of buckets) {
    if (n >= q * all && n > below) return le === Infinity ? low : low + (le - low) * Math.max(0, (q * all - below) / (n - below))
    ;[low, below] = [le, n]
  }
  return low
}
