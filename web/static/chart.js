// Small charts of what was measured again and again. All that they show is said in words too.

import { h, fill } from "./dom.js"

const POINTS = 60
const WIDTH = 240
const HEIGHT = 56

/** lines are the corners of the lines through values, the last at the right; where there is none (null) a line ends. @param {(number | null)[]} values @param {number} most */
export function lines(values, most) {
  const all = /** @type {string[][]} */ ([[]])
  values.forEach((v, i) => {
    if (v === null) all.push([])
    else all[all.length - 1].push(`${(((i + POINTS - values.length) / (POINTS - 1)) * WIDTH).toFixed(1)},${(HEIGHT - (v / most) * HEIGHT).toFixed(1)}`)
  })
  return all.filter((l) => l.length).map((l) => (l[1] ? l : [l[0], l[0]]).join(" "))
}

/** chart draws lines, the second dashed. add() takes the next value of each, or null where there is none.
 * @param {string} title @param {string[]} names of the lines; "" if there is one @param {(n: number) => string} words how a value is written */
export function chart(title, names, words) {
  const kept = names.map(() => /** @type {(number | null)[]} */ ([]))
  const said = names.map((_, i) => h("p", { class: "quiet" }, !i && "Measuring…"))
  const svg = h("svg", { viewBox: `0 0 ${WIDTH} ${HEIGHT}`, preserveAspectRatio: "none", "aria-hidden": "true" })
  return {
    element: h("section", { class: "card chart" }, h("h3", null, title), said, svg),
    /** @param {(number | null)[]} values */
    add(values) {
      values.forEach((v, i) => {
        kept[i] = [...kept[i], v].slice(-POINTS)
        const all = kept[i].filter((n) => n !== null)
        fill(said[i], names[i] && `${i ? "┄┄" : "──"} ${names[i]}: `, v === null ? "none" : words(v), " now", all.length > 0 && `, ${words(Math.min(...all))} to ${words(Math.max(...all))} seen`)
      })
      const most = Math.max(0, ...kept.flat().filter((n) => n !== null)) || 1
      fill(svg, kept.map((k, i) => lines(k, most).map((points) => h("polyline", { points, class: i && "second" }))))
    },
  }
}
