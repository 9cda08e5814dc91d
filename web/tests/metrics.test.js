import { test } from "node:test"
import assert from "node:assert/strict"
import { between, histogram, parse, quantile, rate, sum } from "../static/metrics.js"

test("samples are read, with labels, exponents and what is no number", () => {
  const cases = [
    ["holt_zxid 42", { name: "holt_zxid", labels: {}, value: 42 }],
    ["holt_disk_free_bytes 5.671424e+10", { name: "holt_disk_free_bytes", labels: {}, value: 5.671424e10 }],
    ['a{b="c",d="e"} 1', { name: "a", labels: { b: "c", d: "e" }, value: 1 }],
    ['a{b="c",} 1 1795334410946', { name: "a", labels: { b: "c" }, value: 1 }],
    ['  a { b = "c" , d="" }\t1', { name: "a", labels: { b: "c", d: "" }, value: 1 }],
    [String.raw`a{b="q\"u\\o\nte"} 1`, { name: "a", labels: { b: 'q"u\\o\nte' }, value: 1 }],
    ['a{b="} 7"} 1', { name: "a", labels: { b: "} 7" }, value: 1 }],
    ['a{b="x,y=\\"z\\""} 1', { name: "a", labels: { b: 'x,y="z"' }, value: 1 }],
    ["a +Inf", { name: "a", labels: {}, value: Infinity }],
    ["a -Inf", { name: "a", labels: {}, value: -Infinity }],
    ["a NaN", { name: "a", labels: {}, value: NaN }],
    ["a -0.5e-3", { name: "a", labels: {}, value: -0.0005 }],
  ]
  for (const [text, sample] of cases) assert.deepEqual(parse(text), [sample], text)
})

test("what is no sample is left out, and what follows is read", () => {
  const text = ["# HELP a says 1", "# TYPE a counter", "", "a", "a one", "{b=\"c\"} 1", "b 2"].join("\n")
  assert.deepEqual(parse(text), [{ name: "b", labels: {}, value: 2 }])
})

test("a reading without end is cut", () => assert.equal(parse("a 1\n".repeat(30000)).length, 20000))

test("samples of a name add up", () => {
  const s = parse('r{route="/a"} 2\nr{route="/b"} 3\nrr 100')
  assert.equal(sum(s, "r"), 5)
  assert.equal(sum(s, "r", (l) => l.route !== "/a"), 3)
  assert.equal(sum(s, "none"), null)
})

test("a rate is not told where the counter began again", () => {
  assert.equal(rate(10, 30, 2), 10)
  assert.equal(rate(10, 10, 2), 0)
  assert.equal(rate(30, 10, 2), null)
  assert.equal(rate(null, 10, 2), null)
  assert.equal(rate(10, 30, 0), null)
})

const text = (/** @type {number} */ n) => `h_bucket{m="x",le="0.1"} ${n}\nh_bucket{m="x",le="+Inf"} ${2 * n}\nh_bucket{m="y",le="1"} ${n}\nh_bucket{m="y",le="0.1"} 0\nh_bucket{m="y",le="+Inf"} ${n}\nh_count 9`

test("histograms add up by bucket, in order", () => {
  assert.deepEqual(histogram(parse(text(4)), "h"), [[0.1, 4], [1, 4], [Infinity, 12]])
  assert.deepEqual(histogram(parse(text(4)), "h", (l) => l.m === "x"), [[0.1, 4], [Infinity, 8]])
})

test("what came between two readings", () => {
  const x = (/** @type {any} */ l) => l.m === "x"
  assert.deepEqual(between(histogram(parse(text(4)), "h", x), histogram(parse(text(5)), "h", x)), [[0.1, 1], [Infinity, 2]])
  assert.deepEqual(between(histogram(parse(text(5)), "h", x), histogram(parse(text(4)), "h", x)), [], "started again")
  assert.deepEqual(between([], histogram(parse(text(4)), "h", x)), [], "no reading before")
})

test("quantiles lie on a line within their bucket", () => {
  const b = /** @type {[number, number][]} */ ([[1, 50], [2, 90], [4, 100], [Infinity, 100]])
  assert.equal(quantile(0.5, b), 1)
  assert.equal(quantile(0.25, b), 0.5)
  assert.equal(quantile(0.7, b), 1.5)
  assert.equal(quantile(0.99, b), 3.8)
  assert.equal(quantile(1, b), 4)
  assert.equal(quantile(0.99, [[1, 1], [Infinity, 100]]), 1, "of the last bucket nothing but its lower end is known")
  assert.equal(quantile(0.5, [[1, 0], [Infinity, 0]]), null)
  assert.equal(quantile(0.5, []), null)
})
