import { test } from "node:test"
import assert from "node:assert/strict"
import { lines, top } from "../static/chart.js"

test("the top of a chart is a round number that is not below what it shows", () => {
  for (const [n, want] of [[0, 1], [1, 1], [1.1, 2], [3, 5], [5.5, 10], [99, 100], [100, 100], [0.0003, 0.0005]]) {
    assert.ok(Math.abs(top(n) - want) < 1e-12, `${n}: ${top(n)}`)
  }
  for (let n = 1e-6; n < 1e9; n *= 1.37) assert.ok(top(n) >= n * 0.999999 && top(n) <= n * 2.6, String(n))
})

test("a line runs from left to right, the last value at the right edge", () => {
  const [l] = lines(Array.from({ length: 60 }, (_, i) => i), 59)
  const points = l.split(" ").map((p) => p.split(",").map(Number))
  assert.deepEqual(points[0], [0, 56])
  assert.deepEqual(points.at(-1), [240, 0])
  assert.deepEqual(lines([0, 1], 1)[0].split(" ").at(-1), "240,0")
})

test("where there is no value the line is broken, and a lone value is seen", () => {
  assert.equal(lines([1, 2, null, 1, null, null, 2, 2], 2).length, 3)
  assert.equal(lines([null, null], 1).length, 0)
  const [dot] = lines([1], 1)
  assert.equal(new Set(dot.split(" ")).size, 1)
  assert.equal(dot.split(" ").length, 2)
})
