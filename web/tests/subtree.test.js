import test from "node:test"
import assert from "node:assert/strict"
import { common, compare, creates, keepNumbers, mover, ndjson, parseLines, parted, readTree, topmost, transaction } from "../static/subtree.js"

const line = (path, data = "", more = {}) => ({ path, mode: "persistent", ttl_ms: 0, created: 0, data, encoding: "utf8", ...more })
const text = (...lines) => lines.map((l) => JSON.stringify(l) + "\n").join("")
const stay = (path) => path

test("what is below another goes with it", () => {
  for (const [paths, want] of [
    [["/a", "/a/b", "/ab", "/c/d/e", "/c"], ["/a", "/ab", "/c"]],
    [["/", "/a"], ["/"]],
    [["/a", "/a"], ["/a"]],
    [["/a/b", "/a/c"], ["/a/b", "/a/c"]],
  ]) assert.deepEqual(topmost(paths), want)
})

test("what several paths are below", () => {
  for (const [paths, want] of [
    [["/a/b"], "/a/b"], [["/a/b", "/a/c"], "/a"], [["/a", "/a/c"], "/a"], [["/ab", "/a"], "/"], [["/"], "/"],
  ]) assert.equal(common(paths), want)
})

test("paths move with what they are below", () => {
  for (const [from, to, path, want] of [
    ["/a", "/x/y", "/a", "/x/y"], ["/a", "/x", "/a/b/c", "/x/b/c"], ["/a", "/", "/a", "/"], ["/a", "/", "/a/b", "/b"],
    ["/", "/x", "/", "/x"], ["/", "/x", "/a/b", "/x/a/b"], ["/", "/", "/", "/"], ["/", "/", "/a", "/a"],
  ]) assert.equal(mover(from, to)(path), want, `${path} from ${from} to ${to}`)
})

test("an export is taken apart, whatever its trees", () => {
  const lines = [line("/a", "1"), line("/a/b", "2", { created: 7 }), line("/a/b/c"), line("/a/d"), line("/x/y")]
  const withStat = lines.map((l) => ({ ...l, stat: { version: 3 } }))
  for (const file of [text(...withStat), text(...withStat).replaceAll("\n", "\r\n\n"), JSON.stringify(withStat), " " + JSON.stringify(withStat, null, 2)]) {
    assert.deepEqual(parseLines(file), { trees: [lines.slice(0, 4), lines.slice(4)], mistakes: [] })
  }
  assert.deepEqual(parseLines(text(line("/"), line("/a"))).trees, [[line("/"), line("/a")]])
  assert.deepEqual(parseLines("\n \n"), { trees: [], mistakes: [] })
})

test("each mistake has its line", () => {
  const whole = line("/a")
  for (const [bad, told] of [
    ["{oops", /no JSON object/], ["7", /no JSON object/], [JSON.stringify("text"), /no JSON object/], ["null", /no JSON object/], [JSON.stringify(line("/a/b", "?", { encoding: "base64" })), /no base64/],
    [JSON.stringify(line("/a/../b")), /\. and \.\./], [JSON.stringify(line("a")), /begins with/],
    [JSON.stringify(line("/a/b", "", { mode: "sequential" })), /mode/],
    [JSON.stringify({ ...line("/a/b"), data: undefined }), /no data/], [JSON.stringify(line("/a/b", "", { encoding: "hex" })), /no data/],
    [JSON.stringify(line("/a/b/c")), /line of \/a\/b is missing/], [JSON.stringify(line("/a")), /twice/],
  ]) {
    const { mistakes } = parseLines(text(whole) + bad + "\n" + text(line("/a/z")))
    assert.equal(mistakes.length, 1, bad)
    assert.equal(mistakes[0].line, 2, bad)
    assert.match(mistakes[0].text, told)
  }
  assert.equal(parseLines("x\n".repeat(1000)).mistakes.length, 100)
  assert.throws(() => parseLines('[{"path":'), SyntaxError)
})

test("a load is foretold", () => {
  const there = [
    line("/t"), line("/t/same", "x"), line("/t/64", "eA==", { encoding: "base64" }), line("/t/other", "x"),
    line("/t/box", "", { mode: "container" }), line("/t/brief", "x", { mode: "persistent_with_ttl", ttl_ms: 5 }),
  ]
  const file = [
    line("/f"), line("/f/same", "x"), line("/f/64", "x"), line("/f/other", "y"), line("/f/box"), line("/f/brief", "x", { mode: "persistent_with_ttl", ttl_ms: 6 }),
    line("/f/gone", "", { mode: "ephemeral" }), line("/f/gone/below"), line("/f/new", "é"),
  ]
  const kinds = (replace) => compare(file, mover("/f", "/t"), there, replace).map((r) => `${r.path} ${r.kind}`)
  const want = (other) => ["/t same", "/t/same same", "/t/64 same", `/t/other ${other}`, "/t/box conflict", "/t/brief conflict", "/t/gone skipped", "/t/gone/below skipped", "/t/new new"]
  assert.deepEqual(kinds(false), want("conflict"))
  assert.deepEqual(kinds(true), want("changed"))
  const [last] = compare(file, mover("/f", "/t"), there, false).slice(-1)
  assert.equal(last.why, "2 bytes")
  // The root is what it is, whatever kind the first line of a file has.
  assert.equal(compare([line("/f", "", { mode: "container" })], mover("/f", "/"), [line("/")], false)[0].kind, "same")
})

test("znodes are made with what they were", () => {
  assert.deepEqual(creates([line("/a", "eA==", { encoding: "base64", mode: "persistent_with_ttl", ttl_ms: 9, created: 3 })], mover("/a", "/b")),
    [{ op: "create", path: "/b", mode: "persistent_with_ttl", ttl_ms: 9, data: "eA==", encoding: "base64" }])
  assert.equal("ttl_ms" in creates([line("/a")], stay)[0], false)
})

test("a move makes all there and deletes all here, children first", () => {
  const stat = (version, czxid) => ({ stat: { version, czxid } })
  const lines = [line("/a", "1", stat(2, 10)), line("/a/b", "2", stat(0, 11)), line("/a/b/c", "", stat(5, 12))]
  const { ops } = transaction(lines, "/a", "/x/y", true, true)
  assert.deepEqual(ops.map((o) => `${o.op} ${o.path}`), ["create /x/y", "create /x/y/b", "create /x/y/b/c", "delete /a/b/c", "delete /a/b", "delete /a"])
  assert.deepEqual(ops.map((o) => o.parents), [true, undefined, undefined, undefined, undefined, undefined])
  assert.deepEqual(ops[5], { op: "delete", path: "/a", version: 2, czxid: 10 })
  const copy = transaction(lines, "/a", "/x", false, false).ops
  assert.deepEqual(copy.slice(3).map((o) => o.op), ["check", "check", "check"])
  assert.equal("parents" in copy[0], false)
})

test("ephemerals come back for their own session only", () => {
  const of = (owner) => line("/e" + owner, "", { mode: "ephemeral", stat: { ephemeral_owner: owner } })
  const lines = [line("/a"), of("s1"), of("s2")]
  assert.deepEqual(parted(lines, "s1"), { kept: [lines[0], lines[1]], lost: [lines[2]] })
  assert.deepEqual(parted(lines, ""), { kept: [lines[0]], lost: lines.slice(1) })
})

/** appOf is an app whose server gives these answers, by method and URL, and notes what it was sent. */
function appOf(answers, sent = []) {
  const answer = (method, url, ask) => {
    sent.push({ method, url, ...ask })
    return Promise.resolve({ zxid: 9, text: async () => answers[url] })
  }
  return {
    api: { url: (resource, path) => resource + path, get: async (resource, path) => answers["count " + path], ask: answer, write: answer },
  }
}

test("a tree that is too much is not read", async () => {
  const sent = []
  const app = appOf({ "count /a": { descendants: 2, bytes: 10 }, "/v1/tree/a": text(line("/a"), line("/a/b"), line("/a/c")) }, sent)
  for (const most of [{ znodes: 2 }, { bytes: 9 }]) {
    await assert.rejects(readTree(app, "/a", most), (err) => err.code === "not_here" && err.detail.includes("3 znodes"))
  }
  assert.equal(sent.length, 0)
  const { lines, zxid } = await readTree(app, "/a", { znodes: 3, bytes: 10 })
  assert.deepEqual([lines.length, zxid], [3, 9])
})

test("numbers are kept where there were any", async () => {
  const sent = []
  await keepNumbers(appOf({}, sent), [line("/a")], "/b")
  assert.equal(sent.length, 0)
  const lines = [line("/a", "", { created: 1 }), line("/a/q", "", { created: 8 }), line("/a/r")]
  await keepNumbers(appOf({}, sent), lines, "/b")
  assert.equal(`${sent[0].method} ${sent[0].url}`, "PUT /v1/tree/b")
  assert.equal(await sent[0].body.text(), await ndjson(lines.slice(0, 2)).text())
})
