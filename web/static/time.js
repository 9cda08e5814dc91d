// Times and amounts in words.

const relative = new Intl.RelativeTimeFormat("en", { numeric: "auto" })
const local = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "medium" })
const numbers = new Intl.NumberFormat("en")
const steps = /** @type {[Intl.RelativeTimeFormatUnit, number][]} */ ([
  ["second", 1e3], ["minute", 6e4], ["hour", 36e5], ["day", 864e5], ["month", 2592e6], ["year", 31536e6]])

/** ago is a time beside now, in words. @param {number} ms since the Unix epoch */
export function ago(ms, now = Date.now()) {
  const d = ms - now
  let [unit, size] = steps[0]
  for (const s of steps) if (Math.abs(d) >= s[1]) [unit, size] = s
  return relative.format(Math.round(d / size), unit)
}

/** at is a time on the reader's clock. @param {number} ms */
export function at(ms) {
  return local.format(ms)
}

/** span is a length of time: 1.5 s, 3 min, 2 h 5 min. @param {number} ms */
export function span(ms) {
  if (ms < 1000) return `${Math.round(ms)} ms`
  if (ms < 6e4) return `${Math.round(ms / 100) / 10} s`
  const m = Math.round(ms / 6e4)
  if (m < 60) return `${m} min`
  if (m < 2880) return `${Math.floor(m / 60)} h` + (m % 60 ? ` ${m % 60} min` : "")
  return `${Math.round(m / 1440)} days`
}

/** count is a number with separators. @param {number} n */
export function count(n) {
  return numbers.format(n)
}

/** many is "1 child" or "2 children". @param {number} n @param {string} one @param {string} [more] */
export function many(n, one, more = one + "s") {
  return `${count(n)} ${n === 1 ? one : more}`
}

/** size is an amount of bytes. @param {number} n */
export function size(n) {
  for (const [unit, step] of /** @type {[string, number][]} */ ([["GiB", 2 ** 30], ["MiB", 2 ** 20], ["KiB", 2 ** 10]])) {
    if (n >= step) return `${Math.round((n / step) * 10) / 10} ${unit}`
  }
  return many(n, "byte")
}
