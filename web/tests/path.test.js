import test from "node:test"
import assert from "node:assert/strict"
import { ancestors, base, escape, isBelow, join, mistake, parent, visible } from "../static/path.js"

test("what the server refuses as a path is a mistake, and its nearest neighbour is none", () => {
  for (const [refused, accepted] of [
    ["", "/"], ["a", "/a"], ["/a/", "/a"], ["//a", "/a"], ["/a//b", "/a/b"], ["/.", "/.a"], ["/a/./b", "/a/.../b"], ["/a/..", "/a/..b"], ["/a\0b", "/a b"], ["/\x1f", "/ "],
    ["/a\x7f", "/a~"], ["/\x80", "/\xa0"], ["/\ue000", "/\ud7ff"], ["/\uf8ff", "/\uf900"], ["/\ufff0", "/\uffef"], ["/\ufffd", "/\uffef"], ["/a\uffff", "/a\u{10000}"],
    ["/\ud800", "/😀"], ["/a\udc00b", "/a\ud83d\ude00b"],
  ]) {
    assert.notEqual(mistake(refused), "", JSON.stringify(refused))
    assert.equal(mistake(accepted), "", JSON.stringify(accepted))
    assert.equal(decodeURIComponent(escape(accepted)) || "/", accepted)
  }
})

test("paths are taken apart and put together", () => {
  assert.deepEqual([parent("/"), parent("/a"), parent("/a/b")], ["/", "/", "/a"])
  assert.deepEqual([base("/"), base("/a"), base("/a/b")], ["/", "a", "b"])
  assert.deepEqual([join("/", "a"), join("/a", "b")], ["/a", "/a/b"])
  assert.deepEqual([ancestors("/"), ancestors("/a/b")], [[], ["/", "/a"]])
  assert.deepEqual([isBelow("/ab", "/a"), isBelow("/a/b", "/a"), isBelow("/a", "/a"), isBelow("/a", "/")], [false, true, true, true])
})

test("nothing hides in what is shown", () => {
  assert.equal(visible("a\u202eb\0\u200b\u{e0041}"), "a\u2039U+202E\u203ab\u2039U+0000\u203a\u2039U+200B\u203a\u2039U+E0041\u203a")
  for (let c = 0; c < 0x110000; c++) {
    const s = String.fromCodePoint(c)
    if (/\p{Cc}|\p{Bidi_Control}|\p{Default_Ignorable_Code_Point}/u.test(s) && visible(s) === s) assert.fail(c.toString(16))
  }
})
