import assert from "node:assert/strict"
import { test } from "node:test"
import { gzipSync } from "node:zlib"
import { detect, check } from "../static/viewers.js"
import { opened, pack, unpack } from "../static/gzip.js"
import { hexLines } from "../static/hex.js"

const bytes = (/** @type {string} */ s) => new TextEncoder().encode(s)

test("kinds are told by how data begins", () => {
  for (const [text, kind] of [["", "empty"], ["hello", "text"], ["3", "text"], ['{"a":1}', "json"], ['{ "a" 1', "json"], ["[1,2]", "json"], ["[note] to self", "text"], ["{}", "json"],
    ["<?xml version='1.0'?><a/>", "xml"], ["<root>", "xml"], ["< 5", "text"], ["a: 1\nb: 2\n", "yaml"], ["---\nx", "yaml"], ["- a\n- b: 1\n", "yaml"], ["Dear all,\nnote: this\nis prose\nof lines", "text"],
    ["10.0.0.1:7070", "text"], ["a\0b", "binary"], ["\ufeff{\"a\":1}", "json"]]) assert.equal(detect(bytes(text)).kind, kind, JSON.stringify(text))
  assert.equal(detect(new Uint8Array([0xff, 0xfe, 1])).kind, "binary")
  assert.equal(detect(gzipSync("x")).kind, "gzip")
})

test("the text is that of the bytes, a byte order mark included", () => {
  assert.equal(detect(bytes("\ufeffé\r\n")).text, "\ufeffé\r\n")
})

test("what has errors is not formatted, but for repeated keys", () => {
  assert.equal(check("json", "{bad").format, undefined)
  assert.equal(check("xml", "<a>").format, undefined)
  assert.equal(check("json", '{"a":1,"a":2}').format?.('{"a":1,"a":2}'), '{\n  "a": 1,\n  "a": 2\n}')
  assert.deepEqual(check("text", "{"), { found: [], checks: "", format: undefined })
  assert.equal(check("json", " ").found.length, 0)
})

test("eight megabytes of anything do not hang a checker", () => {
  const n = 8 << 20
  for (const [a, b] of [[" ", "x"], ['"', "x"], ["[", " "], ["", "\\\""], ["<a>", "<"], ["<a ", "x='1' "], ["<!--", "-"], ["<!DOCTYPE a [", " "], ["a: '", "''"], ["a: \"", "\\\\"], ["", "- "], ["'", "x"], ["a", " "], ["a:", " "]]) {
    const text = a + b.repeat(n / b.length)
    const began = Date.now()
    for (const kind of ["json", "xml", "yaml"]) assert.ok(Array.isArray(check(kind, text).found))
    detect(bytes(text))
    assert.ok(Date.now() - began < 15000, `${a}${b}: ${Date.now() - began} ms`)
  }
})

test("gzip: what is inside, up to a limit", async () => {
  const packed = new Uint8Array(gzipSync(Buffer.alloc(1 << 20, 97)))
  assert.equal((await unpack(packed)).bytes.length, 1 << 20)
  const some = await unpack(packed, 1000)
  assert.deepEqual([some.bytes.length, some.whole], [1000, false])
  assert.equal((await unpack(packed.slice(0, 100))).whole, false)
  const broken = await opened(packed.slice(0, 100))
  assert.deepEqual([broken.bytes, broken.packed, broken.text], [packed.slice(0, 100), false, undefined])
  const again = await opened(await pack(bytes("hello")))
  assert.deepEqual([again.text, again.packed], ["hello", true])
})

test("bytes in hexadecimal", () => {
  assert.equal(hexLines(bytes("0123456789abcdef\x00z"), 0, 4096),
    "00000000  30 31 32 33 34 35 36 37  38 39 61 62 63 64 65 66  0123456789abcdef\n00000010  00 7a                                             ·z")
})
