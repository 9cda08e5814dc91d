import test from "node:test"
import assert from "node:assert/strict"
import { wholePath } from "../static/create.js"

test("a name is below its parent, or a whole path", () => {
  for (const [dir, name, want] of [
    ["/", "a", "/a"], ["/a", "b", "/a/b"], ["/a/", "b/c", "/a/b/c"], ["/a", "/b", "/b"], ["", "a", "/a"], ["/a", "", "/a/"],
  ]) assert.equal(wholePath(dir, name), want)
})
