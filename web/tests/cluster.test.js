import { test } from "node:test"
import assert from "node:assert/strict"
import { quorum } from "../static/cluster.js"

const members = (/** @type {string} */ of) => [...of].map((c) => ({ voter: c !== "n", reachable: c !== "x" }))

test("what the cluster survives is said in words", () => {
  const cases = [
    ["v", "1 voter: the cluster survives the loss of none."],
    ["vv", "2 voters: the cluster survives the loss of none."],
    ["vvv", "3 voters: the cluster survives the loss of 1."],
    ["vvvn", "3 voters: the cluster survives the loss of 1."],
    ["vvvvv", "5 voters: the cluster survives the loss of 2."],
    ["vvx", "3 voters: the cluster survives the loss of 1. 1 cannot be reached now: it survives the loss of no other."],
    ["vxx", "3 voters: the cluster survives the loss of 1. 2 cannot be reached now: that is too many."],
    ["vvvvx", "5 voters: the cluster survives the loss of 2. 1 cannot be reached now: it survives the loss of 1."],
  ]
  for (const [of, want] of cases) assert.equal(quorum(members(of)), want, of)
})
