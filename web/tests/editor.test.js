import test from "node:test"
import assert from "node:assert/strict"
import { Editor } from "../static/editor.js"
import { pack } from "../static/gzip.js"
import { gate, page, refused, settle, told } from "./page.js"

const stat = (version, zxid) => ({ version, mzxid: zxid, czxid: 1, cversion: 0, ephemeral_owner: "", data_length: 1, num_children: 0 })
const znode = (data, version, zxid) => ({ path: "/a", mode: "persistent", ttl_ms: 0, data, encoding: "utf8", stat: stat(version, zxid) })
/** reading is what the page read of /a in a version, in the state of a zxid. */
const reading = (data, version, zxid, made = 1) => ({ znode: znode(data, version, zxid), bytes: new TextEncoder().encode(data), tag: `"${version}.${made}"`, zxid })
/** answer is one that holds it. */
const answer = (data, version, zxid) => told(zxid, znode(data, version, zxid), { headers: { ETag: `"${version}.1"` } })

/** editing begins to edit /a, which has the data "one" in version 0. */
async function editing(t, server, saved = () => {}) {
  const p = page(t, server)
  const closed = []
  const e = new Editor(p.app, "/a", () => closed.push("closed"), saved)
  p.body.append(e.element)
  await e.start(reading("one", 0, 1))
  return { ...p, e, closed, notice: () => e.notice.textContent, title: () => e.title.textContent }
}

test("a change that comes while one decides about another is told", async (t) => {
  for (const decision of ["Take theirs", "Merge"]) {
    await t.test(decision, async (t) => {
      const p = await editing(t, () => answer("two\nx", 1, 2))
      p.e.area.value = "one\nmine"
      p.e.changed(reading("two\nx", 1, 2))
      await settle()
      p.click("Compare")
      await settle()
      if (decision === "Merge") for (const r of p.body.all().filter((e) => e.attributes.type === "radio").slice(0, 1)) r.fire("change")
      p.e.changed(reading("three", 2, 3))
      p.click(decision)
      await settle()
      // What was not changed here is replaced, and what was is compared.
      if (decision === "Merge") assert.match(p.notice(), /changed it meanwhile, at zxid 3/)
      else assert.deepEqual([p.e.area.value, p.title().slice(0, 17)], ["three", "Editing version 2"])
    })
  }
})

test("a deletion that comes while one decides is told", async (t) => {
  const p = await editing(t, () => answer("two", 1, 2))
  p.e.area.value = "mine"
  p.e.changed(reading("two", 1, 2))
  await settle()
  p.click("Compare")
  await settle()
  p.e.changed(null)
  p.click("Take theirs")
  await settle()
  assert.match(p.notice(), /It was deleted meanwhile/)
})

test("an answer of before does not say that a znode that was made again is gone", async (t) => {
  for (const which of ["of a save", "of a comparison"]) {
    await t.test(which, async (t) => {
      const { held, open } = gate()
      let again = () => {}
      const p = await editing(t, () => held, () => again())
      // The page reads it again when it is asked to.
      again = () => p.e.changed(reading("new", 0, 4, 4))
      p.e.area.value = "mine"
      if (which === "of a save") {
        p.e.review()
        p.click("Save")
      } else {
        p.e.changed(reading("two", 1, 2))
        await settle()
        p.click("Compare")
      }
      await settle()
      p.e.changed(reading("new", 0, 4, 4))
      open(refused(3, 404, "no_node"))
      await settle()
      assert.match(p.notice(), /Somebody changed it meanwhile, at zxid 4/)
    })
  }
})

test("an answer of before does not let what was heard since be forgotten", async (t) => {
  const { held, open } = gate()
  let again = () => {}
  const p = await editing(t, () => held, () => again())
  again = () => p.e.changed(reading("three", 2, 3))
  p.e.area.value = "mine"
  p.e.changed(reading("two", 1, 2))
  await settle()
  p.click("Compare")
  await settle()
  again()
  open(answer("two", 1, 2))
  await settle()
  p.click("Take theirs")
  await settle()
  assert.deepEqual([p.e.area.value, p.title().slice(0, 17)], ["three", "Editing version 2"])
})

test("a save that is answered late does not end another editing", async (t) => {
  const { held, open } = gate()
  const p = await editing(t, () => held, () => p.closed.push("read anew what is shown now"))
  p.e.area.value = "mine"
  p.e.review()
  p.click("Save")
  await settle()
  p.click("Cancel")
  p.e.stop() // as the pane does
  open(answer("mine", 1, 2))
  await settle()
  assert.deepEqual([p.closed, p.said], [[], ["Saved: version 1."]])
})

test("a save that is refused late is told, though nobody edits any more", async (t) => {
  for (const [status, code, says] of [[404, "no_node", "There is no such znode."], [412, "bad_version", "Somebody changed it meanwhile."]]) {
    await t.test(code, async (t) => {
      const { held, open } = gate()
      const p = await editing(t, (method) => (method === "PUT" ? held : answer("theirs", 1, 2)))
      p.e.area.value = "mine"
      p.e.review()
      p.click("Save")
      await settle()
      p.click("Cancel")
      p.e.stop()
      p.e.element.remove()
      open(refused(2, status, code))
      await settle()
      await new Promise((done) => setTimeout(done))
      await settle()
      assert.ok(p.text().includes(says), p.text())
      assert.ok(!p.has("Merge"), "there is nothing to merge it into")
    })
  }
})

/** file is one that is read when it is let. */
const file = (name, bytes) => ({ name, size: 5, arrayBuffer: async () => bytes })
const bytes = (text) => new TextEncoder().encode(text).buffer

test("a file in place of the text leaves said what happened meanwhile", async (t) => {
  const p = await editing(t)
  p.e.changed(null)
  p.e.chosen.files = [file("f", bytes("of a file"))]
  p.e.chosen.fire("change")
  await settle()
  assert.equal(p.e.area.value, "of a file")
  assert.ok(p.has("Create it again with this"), "or there is no way on")
})

test("the file that was chosen last counts, and one that cannot be read is told", async (t) => {
  const p = await editing(t)
  const { held, open } = gate()
  p.e.chosen.files = [file("first", held)]
  p.e.chosen.fire("change")
  p.e.chosen.files = [file("second", bytes("second"))]
  p.e.chosen.fire("change")
  await settle()
  open(bytes("first"))
  await settle()
  assert.equal(p.e.area.value, "second")
  p.e.chosen.files = [file("third", Promise.reject(new Error("it went")))]
  p.e.chosen.fire("change")
  await settle()
  assert.deepEqual(p.said, ["third cannot be read: it went"])
})

test("a change that comes while what is packed is unpacked is told", async (t) => {
  const p = page(t)
  const e = new Editor(p.app, "/a", () => {}, () => {})
  const packed = await pack(new TextEncoder().encode("long ".repeat(1e5)))
  const begun = e.start({ ...reading("", 0, 1), bytes: packed })
  e.changed(reading("two", 1, 2))
  await begun
  await settle()
  assert.deepEqual([e.area.value, e.title.textContent.slice(0, 17)], ["two", "Editing version 1"])
})

test("a znode is made again once, however often one clicks", async (t) => {
  const { held, open } = gate()
  let wrote = 0
  const p = await editing(t, (method) => (method === "PUT" ? ++wrote && held : answer("mine", 0, 5)))
  p.e.area.value = "mine"
  p.e.changed(null)
  p.click("Create it again with this")
  p.click("Create it again with this")
  await settle()
  assert.equal(wrote, 1)
  open(answer("mine", 0, 5))
  await settle()
  assert.deepEqual([p.closed, p.said], [["closed"], ["Saved: version 0."]])
})

test("who stopped editing is asked nothing about it, and told of no trouble with it", async (t) => {
  for (const [what, late] of [["an answer", () => answer("two", 1, 2)], ["a refusal", () => refused(2, 429, "throttled")]]) {
    await t.test(what, async (t) => {
      const { held, open } = gate()
      const p = await editing(t, () => held, () => p.said.push("read anew what is shown now"))
      p.e.area.value = "mine"
      p.e.changed(reading("two", 1, 2))
      await settle()
      p.click("Compare")
      await settle()
      p.e.stop()
      open(late())
      await settle()
      assert.deepEqual([p.has("Merge"), p.said], [false, []])
    })
  }
})
