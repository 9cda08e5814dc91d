// JSON against the browser's own parser, and what it does that the parser does not.

import assert from "node:assert/strict"
import { test } from "node:test"
import { jsonFormat, jsonMembers, jsonProblems } from "../static/json.js"

/** @param {string} text */
const parses = (text) => {
  try {
    JSON.parse(text)
    return true
  } catch {
    return false
  }
}

test("it finds errors where JSON.parse does, and nowhere else", () => {
  const good = ["1", "-0.5e+3", '"a\\u00e9\\n"', "[]", "{}", " [1, {\"a\": [null, true, false]}, \"x\"] ", '{"a":{"b":[]},"c":{}}', "[[[[]]]]"]
  for (const g of good) assert.deepEqual(jsonProblems(g), [], g)
  // Each of them with one character gone, doubled or another in its place.
  let bad = 0
  for (const g of good) {
    for (let i = 0; i <= g.length; i++) {
      for (const c of ["", ",", "{", "]", '"', ":", "0", "-", "\\", "\n", "x", ".", "\t", "e"]) {
        for (const text of [g.slice(0, i) + c + g.slice(i), g.slice(0, i) + c + g.slice(i + 1)]) {
          const found = jsonProblems(text).filter((p) => !p.message.includes("twice"))
          assert.equal(found.length === 0, parses(text), JSON.stringify(text) + JSON.stringify(found))
          if (found.length) bad++
          else assert.deepEqual(JSON.parse(jsonFormat(text)), JSON.parse(text))
        }
      }
    }
  }
  assert.ok(bad > 500)
})

test("errors have their line and column", () => {
  for (const [text, line, column, says] of /** @type {[string, number, number, RegExp][]} */ ([
    ['{\n  "a": 1,\n  b: 2\n}', 3, 3, /key/], ['["a\nb"]', 1, 2, /does not end/], ['{"a": "b', 1, 7, /does not end/], ["[1,]", 1, 4, /a value/],
    ["[1", 1, 3, /text ends/], ['{"a" 1}', 1, 6, /colon/], ["1 2", 1, 3, /nothing more/], ['["\\x"]', 1, 2, /escape/], ["", 1, 1, /a value/], ["[01]", 1, 2, /value/], ["[\u00a01]", 1, 2, /value/]])) {
    const [p] = jsonProblems(text)
    assert.deepEqual([p.line, p.column], [line, column], JSON.stringify([text, p]))
    assert.match(p.message, says)
  }
})

test("a key that is there twice is told of, in its own object only", () => {
  assert.equal(jsonProblems('{"a":{"a":1},"b":[{"a":2},{"a":3}]}').length, 0)
  const found = jsonProblems('{"a":1,\n "a":2}')
  assert.deepEqual(found.map((p) => [p.line, p.column]), [[2, 2]])
  assert.match(found[0].message, /twice/)
})

test("formatting keeps what is written: numbers, escapes, repeated keys", () => {
  assert.equal(jsonFormat('{"n":123456789012345678901234567890.10,"n":1E400,"s":"\\u0041\\/","e":[],"o":{ }}'),
    '{\n  "n": 123456789012345678901234567890.10,\n  "n": 1E400,\n  "s": "\\u0041\\/",\n  "e": [],\n  "o": {}\n}')
})

test("members are taken apart one level at a time, so many at once", () => {
  const text = '{"a": [1, {"x": "]}"}], "b" : "c,d", "e":{}}'
  const { members, next } = jsonMembers(text, true, 1, 2)
  assert.deepEqual(members.map((m) => [m.key, text.slice(m.start, m.end)]), [['"a"', '[1, {"x": "]}"}]'], ['"b"', '"c,d"']])
  assert.deepEqual(jsonMembers(text, true, next, 2).members.map((m) => text.slice(m.start, m.end)), ["{}"])
  assert.equal(jsonMembers(text, true, next, 2).next, -1)
})

test("depth and length do no harm", () => {
  const deep = "[".repeat(200000) + "]".repeat(200000)
  assert.deepEqual(jsonProblems(deep), [])
  assert.equal(jsonMembers(deep, false, 1, 10).members.length, 1)
  assert.deepEqual(jsonProblems('"' + "x".repeat(2 << 20) + '"'), [])
  assert.equal(jsonProblems(`[${"1,".repeat(300000)}1]`).length, 0)
})
