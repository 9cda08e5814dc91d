import { test } from "node:test"
import assert from "node:assert/strict"
import { lines } from "../static/chart.js"

test("a line runs from left to right, the last value at the right edge", () => {
  const [l] = lines(Array.from({ length: 60 }, (_, i) => i), 59)
  const points = l.split(" ").map((p) => p.split(",").map(Number))
  assert.deepEqual(points[0], [0, 56])
  assert.deepEqual(points.at(-1), [240, 0])
  assert.equal(lines([0, 1], 1)[0].split(" ").at(-1), "240.0,0.0")
})

test("where there is no value the line is broken, and a lone value is seen", () => {
  assert.equal(lines([1, 2, null, 1, null, null, 2, 2], 2).length, 3)
  assert.equal(lines([null, null], 1).length, 0)
  const [dot] = lines([1], 1)
  assert.equal(new Set(dot.split(" ")).size, 1)
  assert.equal(dot.split(" ").length, 2)
})
