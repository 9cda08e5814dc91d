// Small charts of what was measured again and again. All that they show is said in words too.

import { h, fill } from "./dom.js"

const POINTS = 60
const [WIDTH, HEIGHT] = [240, 56]

/** top is a round number that is not below n. @param {number} n */
export function top(n) {
  if (!(n > 0)) return 1
  const step = 10 ** Math.floor(Math.log10(n))
  return step * ([1, 2, 5].find((k) => k * step >= n * (1 - 1e-9)) || 10)
}

/** lines are the corners of the lines through values; where there is none (null) a line ends. @param {(number | null)[]} values the last is at the right @param {number} most */
export function lines(values, most) {
  const all = /** @type {string[][]} */ ([[]])
  values.forEach((v, i) => {
    if (v === null) all.push([])
    else all[all.length - 1].push(`${round(((i + POINTS - values.length) / (POINTS - 1)) * WIDTH)},${round(HEIGHT - (v / most) * HEIGHT)}`)
  })
  return all.filter((l) => l.length > 0).map((l) => (l.length === 1 ? [l[0], l[0]] : l).join(" "))
}

/** @param {number} n */
const round = (n) => Math.round(n * 10) / 10

/**
 * chart draws one or two lines, the second dashed. add() takes the next value of each, or null where there is none.
 * @param {string} title
 * @param {string[]} names of the lines; "" if there is one
 * @param {(n: number) => string} words how a value is written
 */
export function chart(title, names, words) {
  const kept = names.map(() => /** @type {(number | null)[]} */ ([]))
  const said = names.map(() => h("span"))
  const scale = h("small", { "aria-hidden": "true" })
  const svg = h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })
  const element = h("figure", { class: "card chart" }, h("figcaption", null, h("strong", null, title),
    names.map((name, i) => h("span", { class: "quiet" }, name && `${i ? "╌╌" : "──"} ${name}: `, said[i]))), scale, svg)
  return {
    element,
    /** @param {(number | null)[]} values */
    add(values) {
      values.forEach((v, i) => {
        kept[i].push(v)
        if (kept[i].length > POINTS) kept[i].shift()
        const all = kept[i].filter((n) => n !== null)
        said[i].textContent = `${v === null ? "no value" : words(v)} now` + (all.length ? `, ${words(Math.min(...all))} to ${words(Math.max(...all))} seen` : "")
      })
      const most = top(Math.max(0, ...kept.flat().filter((n) => n !== null)))
      scale.textContent = words(most)
      fill(svg, kept.map((k, i) => lines(k, most).map((points) => h("polyline", { points, class: i ? "second" : "first" }))))
    },
  }
}
