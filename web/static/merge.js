// Two changed copies of one text, put together where they do not touch.

import { diff } from "./diff.js"

/**
 * merge3 cuts three texts into hunks, in order: same in all; changed in mine, in theirs, or in both to the same; or a conflict, where both
 * changed what touches. Null: too much differs.
 * @param {string[]} base @param {string[]} mine @param {string[]} theirs @returns {Hunk[] | null}
 */
export function merge3(base, mine, theirs) {
  const [m, t] = [diff(base, mine), diff(base, theirs)]
  if (!m || !t) return null
  /** @type {Hunk[]} */
  const hunks = []
  let at = 0
  // The same place in mine and in theirs.
  let [mAt, tAt] = [0, 0]
  let [i, j] = [0, 0]
  while (i < m.length || j < t.length) {
    const start = Math.min(m[i]?.a ?? Infinity, t[j]?.a ?? Infinity)
    let end = start
    const [i0, j0] = [i, j]
    for (;;) {
      if (i < m.length && m[i].a <= end) end = Math.max(end, m[i++].aEnd)
      else if (j < t.length && t[j].a <= end) end = Math.max(end, t[j++].aEnd)
      else break
    }
    const same = base.slice(at, start)
    if (same.length) hunks.push({ kind: "same", base: same, mine: same, theirs: same })
    const mEnd = i > i0 ? m[i - 1].bEnd + end - m[i - 1].aEnd : mAt + end - at
    const tEnd = j > j0 ? t[j - 1].bEnd + end - t[j - 1].aEnd : tAt + end - at
    const hunk = { base: base.slice(start, end), mine: mine.slice(mAt + same.length, mEnd), theirs: theirs.slice(tAt + same.length, tEnd) }
    const equal = hunk.mine.length === hunk.theirs.length && hunk.mine.every((l, n) => l === hunk.theirs[n])
    hunks.push({ kind: i === i0 ? "theirs" : j === j0 ? "mine" : equal ? "both" : "conflict", ...hunk })
    ;[at, mAt, tAt] = [end, mEnd, tEnd]
  }
  const rest = base.slice(at)
  if (rest.length) hunks.push({ kind: "same", base: rest, mine: rest, theirs: rest })
  return hunks
}

/** merged is the text of hunks; choices say what is taken of each conflict, in order. @param {Hunk[]} hunks @param {Side[]} choices */
export function merged(hunks, choices) {
  let n = 0
  return hunks.flatMap((c) => {
    const take = c.kind === "conflict" ? choices[n++] : c.kind === "theirs" ? "theirs" : "mine"
    return take === "both" ? [...c.mine, ...c.theirs] : c[take]
  })
}
