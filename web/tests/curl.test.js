import test from "node:test"
import assert from "node:assert/strict"
import { execFileSync } from "node:child_process"
import { curl, quote } from "../static/curl.js"
import { Api } from "../static/api.js"

const hostile = [
  "plain", "", "a b", "it's", `"'\\'"`, "$(touch attacked)", "`id`", "${HOME}", "!!", "a;b&c|d>e<f", "{a,b}", "[1-3]", "*?", "~", "~root", "-rf", "--help", "@file", "#no",
  "line\nbreak", "tab\tcr\r", "\x1b[31m", "\\x41", "\\", "trailing\\", "\u202egnp.exe", "a\u00adb", "\u2060x", "\u{e0041}", "\u061c'", "é 😀 שלום", "=cmd", "%20", "a=b", "\ufeffbom'\\", "\u2028;id",
]

/** words are the arguments that a shell makes of a line. */
const words = (line) => execFileSync("bash", ["-c", `curl() { printf '%s\\0' "$@"; }; ${line}`]).toString().split("\0").slice(0, -1)

test("a shell takes what is quoted for what it was, and shows it", () => {
  assert.deepEqual(words("curl " + hostile.map(quote).join(" ")), hostile)
  for (const s of hostile) assert.match(quote(s), /^[^\p{Cc}\p{Cf}]*$/u) // nothing hides in the line
})

test("a line for curl does what the page does, whatever a znode is called", () => {
  globalThis.location = /** @type {any} */ ({ href: "http://127.0.0.1:7070/ui/#/tree" })
  for (const name of hostile.filter(Boolean)) {
    const url = new Api().url("/v1/znodes", "/" + name, { prefix: name })
    const [first, ...rest] = words(curl("PUT", url, { headers: { "If-Match": '"1.2"' }, data: name }))
    assert.equal(first, "-X")
    assert.equal(rest[0], "PUT")
    assert.doesNotMatch(rest[1], /[{}[\]]/) // curl would make several of it
    const sent = new URL(rest[1])
    assert.equal(decodeURIComponent(sent.pathname), "/v1/znodes/" + name)
    assert.equal(sent.searchParams.get("prefix"), name)
    assert.deepEqual(rest.slice(2), ["-H", 'If-Match: "1.2"', "--data-raw", name])
    assert.deepEqual(JSON.parse(words(curl("POST", "/v1/txn", { json: { ops: [name] } })).at(-1)), { ops: [name] })
  }
})
