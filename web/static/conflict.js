// The three versions of a text side by side, and what to take of each.

import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { many } from "./time.js"
import { lineBlock } from "./diff.js"
import { merge3, merged } from "./merge.js"

const ROWS = 3000 // lines shown of each
const EDGE = 3 // equal lines shown around a change

/**
 * conflictDialog asks what to do when somebody changed the text while it was edited. Nothing is written here.
 * @param {{base: string, mine: string, theirs: string, about: string, merge(text: string): void, take(): void, closed(): void}} c
 */
export function conflictDialog(c) {
  const [base, mine, theirs] = [c.base, c.mine, c.theirs].map((t) => t.split("\n"))
  const hunks = merge3(base, mine, theirs)
  /** @type {("mine" | "theirs" | "both" | undefined)[]} */
  const choices = []
  const state = h("p", { role: "status" })
  const all = hunks || [{ kind: /** @type {"conflict"} */ ("conflict"), base, mine, theirs }]
  const at = { base: 0, mine: 0, theirs: 0 }
  let left = ROWS
  const rows = all.map((hunk) => {
    const row = left > 0 ? threeOf(hunk, { ...at }) : null
    const chooser = hunk.kind === "conflict" ? choose(choices.length) : null
    if (chooser) choices.push(undefined)
    for (const of of /** @type {const} */ (["base", "mine", "theirs"])) at[of] += hunk[of].length
    left -= hunk.kind === "same" ? 2 * EDGE : Math.max(hunk.mine.length, hunk.theirs.length)
    return [row, chooser]
  })
  function tell() {
    const open = choices.filter((x) => !x).length
    state.textContent = !hunks ? "Too much differs to put them together line by line: take one of them, or both." :
      !choices.length ? "The changes do not touch: both can be kept." : open ? `${many(choices.length, "conflict")}, ${open} to decide.` : "All conflicts are decided."
  }
  /** @param {number} i of the conflict */
  function choose(i) {
    const name = `conflict-${i}`
    return h("fieldset", { class: "row" }, h("legend", null, `Conflict ${i + 1}: take`), /** @type {const} */ ([["mine", "Mine"], ["theirs", "Theirs"], ["both", "Both, mine first"]]).map(([id, text]) =>
      h("label", null, h("input", { type: "radio", name, value: id, onchange: () => { choices[i] = id; tell() } }), " ", text)))
  }
  tell()
  const d = openDialog({
    title: "Changed by somebody else", wide: true, closed: c.closed,
    body: [h("p", null, c.about), state,
      h("div", { class: "three heads" }, h("h3", null, "Base: what you began with"), h("h3", null, "Mine: what you wrote"), h("h3", null, "Theirs: what is there now")),
      h("div", { class: "diff", tabindex: 0, role: "region", "aria-label": "Base, mine and theirs" }, rows, left <= 0 && h("p", { class: "quiet" }, "… There is more than is shown."))],
    buttons: [
      { label: "Merge", kind: "main", run() {
        const decided = choices.flatMap((x) => x || [])
        if (decided.length < choices.length) {
          d.trouble("Decide each conflict first.")
          return false
        }
        c.merge(merged(all, decided).join("\n"))
        return true
      } },
      { label: "Take theirs", run: c.take },
      { label: "Keep editing", run() {} },
    ],
  })
}

/** threeOf shows a hunk of the three. @param {Hunk} hunk @param {{base: number, mine: number, theirs: number}} at */
function threeOf(hunk, at) {
  const words = { same: "", mine: "Changed by you", theirs: "Changed by them", both: "Changed by both, to the same", conflict: "Conflict" }
  if (hunk.kind !== "same") {
    const sign = (/** @type {boolean} */ changed) => (changed ? "* " : "  ")
    const k = hunk.kind
    return h("div", null, h("p", { class: "quiet" }, words[k]), h("div", { class: "three " + k },
      lineBlock("div", "  ", hunk.base.slice(0, ROWS), at.base),
      lineBlock(k === "theirs" ? "div" : "ins", sign(k !== "theirs"), hunk.mine.slice(0, ROWS), at.mine, hunk.theirs),
      lineBlock(k === "mine" ? "div" : "ins", sign(k !== "mine"), hunk.theirs.slice(0, ROWS), at.theirs, hunk.mine)))
  }
  const n = hunk.base.length
  const some = (/** @type {number} */ from, /** @type {number} */ to) => h("div", { class: "three same" },
    ["base", "mine", "theirs"].map((of) => lineBlock("div", "  ", hunk.base.slice(from, to), at[/** @type {"base"} */ (of)] + from)))
  if (n <= 2 * EDGE + 1) return some(0, n)
  return [some(0, EDGE), h("p", { class: "quiet" }, `… ${many(n - 2 * EDGE, "equal line")}`), some(n - EDGE, n)]
}
