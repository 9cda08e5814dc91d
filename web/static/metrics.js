// What /metrics says (the text format of Prometheus), and what two readings say about the time between them.

const SAMPLES_MAX = 20000 // more are not read

const line = /^\s*([A-Za-z_:][\w:]*)\s*(?:\{(.*)\})?\s+(\S+)(?:\s+-?\d+)?\s*$/
const label = /(\w+)\s*=\s*"((?:[^"\\]|\\.)*)"/g

/** @param {string} s */
const number = (s) => Number(s.replace(/Inf$/, "Infinity"))

/** parse gives the samples of a reading; what is not understood is left out. @param {string} text */
export function parse(text) {
  const samples = /** @type {Sample[]} */ ([])
  for (const l of text.split("\n")) {
    if (samples.length === SAMPLES_MAX) break
    const m = line.exec(l)
    if (!m || (m[3] !== "NaN" && isNaN(number(m[3])))) continue
    const labels = [...(m[2] || "").matchAll(label)].map(([, k, v]) => [k, v.replace(/\\(.)/g, (_, c) => (c === "n" ? "\n" : c))])
    samples.push({ name: m[1], labels: Object.fromEntries(labels), value: number(m[3]) })
  }
  return samples
}

/** sum adds up the samples of a name; null if there are none. @type {OfSamples<number | null>} */
export function sum(samples, name, counts = () => true) {
  let total = null
  for (const s of samples) if (s.name === name && counts(s.labels)) total = (total || 0) + s.value
  return total
}

/** histogram adds up those of a name. @type {OfSamples<Buckets>} */
export function histogram(samples, name, counts = () => true) {
  const by = new Map()
  for (const { name: n, labels, value } of samples) {
    if (n === name + "_bucket" && counts(labels)) by.set(number(labels.le), (by.get(number(labels.le)) || 0) + value)
  }
  return [...by].sort((a, b) => a[0] - b[0])
}

/** rate is by how much a counter grew in a second; null if that is not known, as when the server was started again.
 * @param {number | null} before @param {number | null} after @param {number} seconds between them */
export function rate(before, after, seconds) {
  return before === null || after === null || after < before || seconds <= 0 ? null : (after - before) / seconds
}

/** between is the histogram of what came between two readings; empty if that is not known.
 * @param {Buckets} before @param {Buckets} after @returns {Buckets} */
export function between(before, after) {
  const old = new Map(before)
  const grown = /** @type {Buckets} */ (after.map(([le, n]) => [le, n - (old.get(le) || 0)]))
  return !before.length || grown.some(([, n]) => n < 0) ? [] : grown
}

/** quantile is what the part q (0 to 1) of all were below, on a straight line within its bucket; of the last bucket its lower
 * end. Null if there was nothing. @param {number} q @param {Buckets} buckets */
export function quantile(q, buckets) {
  const want = q * (buckets.at(-1)?.[1] || 0)
  let [low, below] = [0, 0]
  for (const [le, n] of buckets) {
    if (n >= want && n > below) return le === Infinity ? low : low + (le - low) * Math.max(0, (want - below) / (n - below))
    ;[low, below] = [le, n]
  }
  return null
}
