import assert from "node:assert/strict"
import { test } from "node:test"
import { yamlProblems } from "../static/yaml.js"

const good = `# a comment
%YAML 1.2
---
name: holt
"quoted key": 'it''s'
list:
- one
- two: 2
  three: 3
-   - nested
    - deeper
nested:
  a: {x: 1, y: [2, 3], "z": "}"}
  b: [one,
    two]
  text: |
    any: thing
	tabs too
      'unclosed
  folded: >-
    more

    of it
  last: "over
    two lines"
  plain: goes on
    in the next line
  url: http://host:80/path
  it's: fine
anchor: &a
  k: v
<<: *a
same: &b {k: 1}
tagged: !!str 5
empty:
other: x # a comment 'here
...
---
name: again
`

test("what is right passes", () => {
  assert.deepEqual(yamlProblems(good.replace("\ttabs", "    tabs")), [])
  assert.deepEqual(yamlProblems("- a: 1\n  b: 2\n- a: 1\n  b: 2\n"), [])
  assert.deepEqual(yamlProblems("a:\r\n  b: 1\r\n"), [])
  assert.deepEqual(yamlProblems("a:\n- b:\n  - c\n- d\ne: 1\n"), [])
  assert.deepEqual(yamlProblems("plain text\nof two lines"), [])
})

test("what it looks for is found", () => {
  for (const [text, line, says] of /** @type {[string, number, RegExp][]} */ ([
    ["a:\n\tb: 1", 2, /tab/], ["a:\n    b: 1\n  c: 2", 3, /indentation/], ["a: 'x\nb: 1", 1, /is not closed/], ['a: "x', 1, /is not closed/], ["a: [1, 2\nb: 3", 1, /\[ is not closed/],
    ["a: {b: 1]", 1, /other kind/], ["a: 1\nb: 2\na: 3", 3, /twice/], ["x:\n  a: 1\n  a: 2", 3, /twice/], ["- a: 1\n  a: 2", 2, /twice/], ["a: 1\n  b: 2", 2, /Deeper/],
    ["{a: 1", 1, /not closed/]])) {
    const found = yamlProblems(text)
    assert.ok(found.some((p) => p.line === line && says.test(p.message)), text + JSON.stringify(found))
  }
})

test("the same key in another mapping is not repeated", () => {
  assert.deepEqual(yamlProblems("a:\n  k: 1\nb:\n  k: 2\nc:\n- k: 1\n- k: 2\n---\na: 1\n"), [])
})
