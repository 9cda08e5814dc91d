// The three versions of a text side by side, and what to take of each.

import { h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { many } from "./time.js"
import { hunksView } from "./diff.js"
import { merge3, merged } from "./merge.js"

const words = { mine: "Changed by you", theirs: "Changed by them", both: "Changed by both, to the same" }

/** conflictDialog asks what to do when somebody changed the text while it was edited. Nothing is written here. @param {Conflict} c */
export function conflictDialog(c) {
  const [base, mine, theirs] = [c.base, c.mine, c.theirs].map((t) => t.split("\n"))
  const put = c.whole ? null : merge3(base, mine, theirs)
  /** @type {Hunk[]} */
  const hunks = put || [{ kind: "conflict", base, mine, theirs }]
  /** @type {(Side | undefined)[]} of each conflict */
  const choices = []
  const state = h("p", { role: "status" })
  const tell = () => {
    const open = choices.filter((x) => !x).length
    state.textContent = !put ? "They cannot be put together line by line: take one." : !choices.length ? "The changes do not touch: Merge keeps both." :
      open ? `${many(choices.length, "conflict")}, ${open} to decide.` : "All conflicts are decided."
  }
  const chooser = () => {
    const i = choices.push(undefined) - 1
    return h("fieldset", { class: "row" }, h("legend", null, `Conflict ${i + 1}: take`), /** @type {[Side, string][]} */ ([["mine", "Mine"], ["theirs", "Theirs"], ["both", "Both, mine first"]]).slice(0, c.whole ? 2 : 3).map(([id, text]) =>
      h("label", null, h("input", { type: "radio", name: `conflict-${i}`, onchange: () => { choices[i] = id; tell() } }), " ", text)))
  }
  let at = [0, 0, 0]
  const shown = hunks.map((k) => {
    const all = [k.base, k.mine, k.theirs]
    const signs = ["  ", k.kind === "same" || k.kind === "theirs" ? "  " : "M*", k.kind === "same" || k.kind === "mine" ? "  " : "T*"]
    const sides = all.map((lines, n) => ({ lines, at: at[n], sign: signs[n] }))
    at = at.map((x, n) => x + all[n].length)
    return { same: k.kind === "same", sides, head: k.kind === "conflict" ? chooser() : k.kind !== "same" && h("p", { class: "quiet" }, words[k.kind]) }
  })
  tell()
  const d = openDialog({
    title: "Changed by somebody else", wide: true, closed: c.closed,
    body: [h("p", null, c.about), state, h("div", { class: "sides heads" }, ["Base: what you began with", "M, mine: what you wrote", "T, theirs: what is there now"].map((t) => h("h3", null, t))),
      hunksView("Base, mine and theirs", shown)],
    buttons: [{ label: "Merge", kind: "main", run() {
      const decided = choices.flatMap((x) => x || [])
      if (decided.length === choices.length) return c.merge(merged(hunks, decided).join("\n"))
      d.trouble("Decide each conflict first.")
      return false
    } }, { label: "Take theirs", run: c.take }, { label: "Keep editing", run() {} }],
  })
}
