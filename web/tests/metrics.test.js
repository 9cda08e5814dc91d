import { test } from "node:test"
import assert from "node:assert/strict"
import { metrics, parse, quantile, since, sum } from "../static/metrics.js"

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
  assert.equal(sum(s, "none"), 0)
})

test("what samples grew by between two readings", () => {
  const before = parse('r{route="/a"} 2\nr{route="/b"} 3\ngone 1')
  const after = parse('r{route="/a"} 12\nr{route="/b"} 3\nr{route="/new"} 4')
  assert.deepEqual(since(before, after).map((s) => [s.labels.route, s.value]), [["/a", 10], ["/b", 0], ["/new", 4]])
  assert.equal(sum(since(before, after), "r"), 14)
  assert.deepEqual(before.map((s) => s.value), [2, 3, 1], "what was read is not touched")
})

/** A histogram of two series; le of the second are others. @param {string} of */
const samples = (of) => parse(of.trim().split("\n").map((l) => l.trim()).join("\n"))

test("quantiles lie on a line within their bucket", () => {
  const s = samples(`
    h_bucket{m="x",le="2"} 90
    h_bucket{m="x",le="1"} 50
    h_bucket{m="x",le="+Inf"} 100
    h_bucket{m="x",le="4"} 100
    h_count{m="x"} 100`)
  for (const [q, want] of [[0.5, 1], [0.25, 0.5], [0.7, 1.5], [0.99, 3.8], [1, 4]]) assert.equal(quantile(q, s, "h"), want, String(q))
})

test("of the last bucket nothing but its lower end is known; of nothing there is no quantile", () => {
  assert.equal(quantile(0.99, samples('h_bucket{le="1"} 1\nh_bucket{le="+Inf"} 100'), "h"), 1)
  assert.equal(quantile(0.5, samples('h_bucket{le="1"} 0\nh_bucket{le="+Inf"} 0'), "h"), null)
  assert.equal(quantile(0.5, [], "h"), null)
})

test("histograms of several series add up, but for those that do not count", () => {
  const s = samples(`
    h_bucket{m="x",le="1"} 4
    h_bucket{m="x",le="+Inf"} 4
    h_bucket{m="y",le="1"} 0
    h_bucket{m="y",le="2"} 4
    h_bucket{m="y",le="+Inf"} 4`)
  assert.equal(quantile(0.5, s, "h", (l) => l.m === "x"), 0.5)
  assert.equal(quantile(0.5, s, "h", (l) => l.m === "y"), 1.5)
  assert.equal(quantile(0.5, s, "h"), 1)
})

test("an answer without samples is none: nothing is zero because of it", async () => {
  const app = (text) => ({ api: { ask: async () => ({ text: async () => text }) } })
  await assert.rejects(metrics(app("<!doctype html><title>Sign in</title>")), (err) => err.code === "unreachable")
  assert.equal((await metrics(app("holt_zxid 7\n")))[0].value, 7)
})
