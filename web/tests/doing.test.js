import test from "node:test"
import assert from "node:assert/strict"
import { moveDialog, removeDialog } from "../static/doing.js"
import { gate, page, refused, settle, told } from "./page.js"

const stat = { version: 0, czxid: 1, mzxid: 1, ephemeral_owner: "", num_children: 0 }
const line = (path, data = "old", more = {}) => JSON.stringify({ path, mode: "persistent", ttl_ms: 0, data, encoding: "utf8", stat, ...more }) + "\n"
const limits = { txn_ops: 100, txn_bytes: 1e6, data_bytes: 1e6 }

/** tree answers what asks for a tree of lines. @param {URL} url */
const tree = (url, lines) => url.searchParams.has("count") ? told(5, { descendants: lines.length - 1, bytes: 3 }) : told(5, lines.join(""))

test("a move is told as it was done, whatever is typed meanwhile", async (t) => {
  const { held, open } = gate()
  const wrote = []
  const p = page(t, (method, url, { body }) => {
    if (method === "GET") return url.pathname === "/v1/limits" ? told(5, limits) : tree(url, [line("/a", "", { created: 7 })])
    wrote.push(url.pathname)
    return method === "POST" ? held : told(7, {})
  })
  moveDialog(p.app, "/a")
  await settle()
  p.control("To the path").value = "/b"
  p.click("Move")
  await settle()
  p.control("To the path").value = "/bc"
  open(told(6, { results: [] }))
  await settle()
  assert.deepEqual([wrote, p.said, p.gone], [["/v1/txn", "/v1/tree/b"], ["/a is moved to /b."], ["#/tree/b"]])
})

test("what could not be looked at may be looked at again", async (t) => {
  for (const [what, dialog, sees] of [["move", moveDialog, /1 znode with .* as of zxid 5/], ["delete", (app, path) => removeDialog(app, [path]), /1 znode with/]]) {
    await t.test(what, async (t) => {
      let busy = true
      const p = page(t, (method, url) => url.pathname === "/v1/limits" ? told(5, { ...limits, tree_delete: 10 }) : busy ? refused(5, 429, "throttled")
        : method === "POST" ? told(5, { results: [{ path: "/a", stat: { ...stat, data_length: 3 } }] }) : tree(url, [line("/a")]))
      dialog(p.app, "/a")
      await settle()
      assert.match(p.text(), /The server is busy/)
      busy = false
      p.click("Try again")
      await settle()
      assert.match(p.text(), sees)
      assert.doesNotMatch(p.text(), /The server is busy/)
    })
  }
})

test("what a delete that was refused left there is shown, or that it is not known", async (t) => {
  let busy = false
  const p = page(t, (method, url) => {
    if (method === "DELETE") return (busy = true) && refused(6, 412, "bad_version")
    if (busy) return refused(6, 429, "throttled")
    return url.pathname === "/v1/limits" ? told(5, { ...limits, tree_delete: 10 }) : told(5, { results: [{ path: "/a", stat: { ...stat, data_length: 3, cversion: 0 } }] })
  })
  removeDialog(p.app, ["/a"])
  await settle()
  assert.match(p.text(), /1 znode with/)
  p.click("Delete")
  await settle()
  assert.match(p.text(), /Somebody changed it meanwhile/)
  assert.doesNotMatch(p.text(), /1 znode with/, "that was before")
  assert.match(p.text(), /The server is busy/)
  p.click("Delete")
  await settle()
  assert.match(p.text(), /Nothing can be deleted, or not yet/)
  busy = false
  p.click("Try again")
  await settle()
  assert.match(p.text(), /1 znode with/)
})
