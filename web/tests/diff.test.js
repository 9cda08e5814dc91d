// Diff and merge against naive twins, on texts of few lines that repeat, where mistakes show.

import assert from "node:assert/strict"
import { test } from "node:test"
import { diff } from "../static/diff.js"
import { merge3, merged } from "../static/merge.js"

/** chance is a small generator of its own seed. @param {number} seed */
function chance(seed) {
  let x = seed
  return (/** @type {number} */ n) => {
    x = (Math.imul(x, 1664525) + 1013904223) >>> 0
    return Math.floor((x / 2 ** 32) * n)
  }
}

/** @param {(n: number) => number} rand @param {number} n */
const text = (rand, n) => Array.from({ length: rand(n) }, () => "abcde"[rand(5)])

/** @param {string[]} a @param {string[]} b @param {Change[]} changes */
function apply(a, b, changes) {
  const out = []
  let at = 0
  for (const c of changes) {
    out.push(...a.slice(at, c.a), ...b.slice(c.b, c.bEnd))
    at = c.aEnd
  }
  return [...out, ...a.slice(at)]
}

/** longest is the length of the longest common subsequence, by the table. @param {string[]} a @param {string[]} b */
function longest(a, b) {
  const t = Array.from({ length: a.length + 1 }, () => new Array(b.length + 1).fill(0))
  for (let i = 1; i <= a.length; i++) for (let j = 1; j <= b.length; j++) t[i][j] = a[i - 1] === b[j - 1] ? t[i - 1][j - 1] + 1 : Math.max(t[i - 1][j], t[i][j - 1])
  return t[a.length][b.length]
}

test("the changes make b of a, and there are no fewer ways", () => {
  const rand = chance(1)
  for (let n = 0; n < 3000; n++) {
    const [a, b] = [text(rand, 14), text(rand, 14)]
    const changes = diff(a, b)
    assert.ok(changes)
    assert.deepEqual(apply(a, b, changes), b)
    const edits = changes.reduce((sum, c) => sum + c.aEnd - c.a + c.bEnd - c.b, 0)
    assert.equal(edits, a.length + b.length - 2 * longest(a, b), `${a} to ${b}`)
    for (let i = 1; i < changes.length; i++) {
      assert.ok(changes[i].a > changes[i - 1].aEnd && changes[i].b > changes[i - 1].bEnd, "equal lines between two changes")
      assert.deepEqual(a.slice(changes[i - 1].aEnd, changes[i].a), b.slice(changes[i - 1].bEnd, changes[i].b))
    }
  }
})

test("what is too different is said to be", () => {
  const lines = (/** @type {string} */ s, /** @type {number} */ n) => Array.from({ length: n }, (_, i) => s + i)
  assert.equal(diff(lines("a", 1500), lines("b", 1500)), null)
  assert.equal(diff(lines("a", 20001), ["x", ...lines("b", 3)]), null)
  const long = lines("a", 19000)
  assert.equal(diff(long, long.with(7, "x").with(18000, "y"))?.length, 2)
})

test("edits that do not touch are all in the merged text", () => {
  const rand = chance(2)
  for (let n = 0; n < 2000; n++) {
    const base = Array.from({ length: 20 }, (_, i) => "line " + i)
    const [mine, theirs, both] = [[...base], [...base], [...base]]
    // Every third line at most is changed, by one of the two.
    for (let i = rand(3); i < 20; i += 3 + rand(4)) {
      const who = rand(2) ? mine : theirs
      const line = `changed ${i} ${who === mine}`
      who[i] = both[i] = line
    }
    const hunks = merge3(base, mine, theirs)
    assert.ok(hunks?.every((c) => c.kind !== "conflict"))
    assert.deepEqual(merged(hunks, []), both)
  }
})

test("hunks hold all of the three texts, and conflicts give either", () => {
  const rand = chance(3)
  let conflicts = 0
  for (let n = 0; n < 3000; n++) {
    const [base, mine, theirs] = [text(rand, 10), text(rand, 10), text(rand, 10)]
    const hunks = merge3(base, mine, theirs)
    assert.ok(hunks)
    for (const [of, whole] of /** @type {["base" | "mine" | "theirs", string[]][]} */ ([["base", base], ["mine", mine], ["theirs", theirs]])) {
      assert.deepEqual(hunks.flatMap((c) => c[of]), whole)
    }
    for (const c of hunks) {
      if (c.kind === "same") assert.ok(String(c.base) === String(c.mine) && String(c.base) === String(c.theirs))
      if (c.kind === "mine") assert.deepEqual(c.base, c.theirs)
      if (c.kind === "theirs") assert.deepEqual(c.base, c.mine)
      if (c.kind === "both") assert.deepEqual(c.mine, c.theirs)
      if (c.kind === "conflict") conflicts++
    }
  }
  assert.ok(conflicts > 100)
})

test("a copy that did not change takes the other; equal changes are no conflict", () => {
  const rand = chance(4)
  for (let n = 0; n < 1000; n++) {
    const [base, other] = [text(rand, 12), text(rand, 12)]
    assert.deepEqual(merged(merge3(base, base, other) || [], []), other)
    assert.deepEqual(merged(merge3(base, other, base) || [], []), other)
    const same = merge3(base, other, other)
    assert.ok(same?.every((c) => c.kind !== "conflict"))
    assert.deepEqual(merged(same, []), other)
  }
})

test("of a conflict one takes mine, theirs or both", () => {
  const hunks = merge3(["a", "b", "c"], ["a", "x", "c"], ["a", "y", "c"])
  assert.deepEqual(hunks?.map((c) => c.kind), ["same", "conflict", "same"])
  for (const [choice, want] of /** @type {["mine" | "theirs" | "both", string][]} */ ([["mine", "axc"], ["theirs", "ayc"], ["both", "axyc"]])) {
    assert.equal(merged(hunks || [], [choice]).join(""), want)
  }
})
