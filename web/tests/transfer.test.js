import test from "node:test"
import assert from "node:assert/strict"
import { importDialog } from "../static/transfer.js"
import { gate, page, refused, settle, told } from "./page.js"

const line = (path) => JSON.stringify({ path, mode: "persistent", data: "old", encoding: "utf8" }) + "\n"

/** choosing opens an import at /at and chooses a file. */
async function choosing(p, ...lines) {
  importDialog(p.app, "/at")
  await settle()
  return choose(p, async () => new TextEncoder().encode(lines.join("")).buffer)
}
async function choose(p, arrayBuffer) {
  const f = p.control("File")
  f.files = [{ name: "f.ndjson", size: 5, arrayBuffer }]
  f.fire("change")
  await settle()
}

test("an import goes where it was to go when it began", async (t) => {
  const { held, open } = gate()
  const wrote = []
  const p = page(t, (method, url) => {
    if (method === "GET") return refused(5, 404, "no_node")
    wrote.push(url.pathname + url.search)
    return wrote.length === 1 ? held : told(7, { made: 1 })
  })
  await choosing(p, line("/x/one"), line("/x/two"))
  p.control("To").value = "/to"
  p.click("Import")
  await settle()
  p.control("To").value = "/elsewhere"
  p.control("Replace data that differs (else only add)").checked = true
  open(told(6, { made: 1 }))
  await settle()
  assert.deepEqual(wrote, ["/v1/tree/to/one?parents=true", "/v1/tree/to/two?parents=true"])
})

test("nothing is replaced that could not be looked at", async (t) => {
  const wrote = []
  const p = page(t, (method, url) => {
    if (method === "GET") return refused(5, 429, "throttled")
    wrote.push(url.pathname)
    return told(6, { changed: 1 })
  })
  await choosing(p, line("/at"))
  p.control("Replace data that differs (else only add)").checked = true
  p.click("Import")
  await settle()
  assert.deepEqual(wrote, [])
  assert.match(p.text(), /could not be shown, so nothing was/)
})

test("the file that was chosen last is imported", async (t) => {
  const p = page(t, () => refused(5, 404, "no_node"))
  const { held, open } = gate()
  importDialog(p.app, "/at")
  await choose(p, () => held)
  await choose(p, async () => new TextEncoder().encode(line("/second")).buffer)
  open(new TextEncoder().encode(line("/first")).buffer)
  await settle()
  assert.match(p.text(), /\/at\/second/)
  assert.doesNotMatch(p.text(), /\/first/)
})

test("what is foretold of one file does not take the place of the mistakes of another", async (t) => {
  const { held, open } = gate()
  const p = page(t, () => held)
  await choosing(p, line("/one"))
  await choose(p, async () => new TextEncoder().encode("nothing\n").buffer)
  open(refused(5, 404, "no_node"))
  await settle()
  assert.match(p.text(), /The file cannot be loaded as it is/)
})

test("who leaves an import when it is done is told what it did", async (t) => {
  const { held, open } = gate()
  let wrote = 0
  const p = page(t, (method, _, { signal }) => {
    if (method !== "GET") return ++wrote && told(6, { made: 1 })
    if (!wrote) return refused(5, 404, "no_node")
    return new Promise((_, fail) => { signal.addEventListener("abort", () => fail(signal.reason)); held.then(fail) })
  })
  await choosing(p, line("/one"))
  p.click("Import")
  await settle()
  p.click("Cancel")
  await settle()
  open()
  assert.match(p.text() + p.said, /1 made/)
})
