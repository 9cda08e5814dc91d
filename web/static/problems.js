// What can go wrong, in sentences, with what to do.

import { visible } from "./path.js"
import { h } from "./dom.js"

/** Problem is a refusal of the server, or an answer that never came. */
export class Problem extends Error {
  /** @param {Record<string, any>} told the problem+json, or one like it */
  constructor(told) {
    super(String(told.detail || told.title || told.code))
    this.code = String(told.code || "internal")
    this.status = Number(told.status || 0)
    this.detail = String(told.detail || "")
    this.path = String(told.path || "")
    this.told = told
  }
}

/** What it means and what to do, by code. */
const words = /** @type {Record<string, [string, string]>} */ ({
  bad_arguments: ["The server did not understand the request.", "Correct what it names and try again."],
  invalid_acl: ["That is no ACL.", "Correct it and try again."],
  auth_failed: ["You are signed out, or the sign-in was wrong.", "Sign in and try again."],
  no_auth: ["You may not do that here.", "Ask who owns this part of the tree."],
  cross_origin: ["The server refused a request of another site.", "Open this page at the address of the server."],
  wrong_host: ["The server does not go by this name.", "Use its own name, or add this one to HOLT_ALLOWED_HOSTS."],
  no_node: ["There is no such znode.", "It may have been deleted since you saw it."],
  no_watch: ["There is no such watch.", "It may have fired already."],
  no_route: ["The server has nothing at that address.", "It may be older than this page: reload."],
  method_not_allowed: ["The server does not do that here.", "It may be older than this page: reload."],
  node_exists: ["There is a znode of that name already.", "Choose another name, or open that one."],
  not_empty: ["The znode has children.", "Delete it with everything below it, or delete the children first."],
  no_children_for_ephemerals: ["An ephemeral znode has no children.", "Choose another parent."],
  session_expired: ["The session is over, and its ephemeral znodes are gone.", "Open a new one."],
  bad_version: ["Somebody changed it meanwhile.", "Look at what is there now, and decide again."],
  too_large: ["That is too large.", "Make it smaller, or divide it."],
  idempotency_mismatch: ["The same key came with another request.", "Try again."],
  precondition_required: ["The server takes no change without If-Match.", "Read the znode, then change it."],
  throttled: ["The server is busy.", "Wait a moment and try again."],
  internal: ["Something went wrong in the server.", "Its log says more. Try again."],
  not_implemented: ["The server cannot do that yet.", "A newer version may."],
  no_leader: ["The cluster has no leader just now, so nothing can be written.", "It elects one by itself while a majority of its members is up. Try again in a moment."],
  behind: ["This member is behind what you have seen.", "Try again in a moment."],
  shutting_down: ["This member is shutting down.", "Reload the page, or open another member."],
  outcome_unknown: ["Nobody knows yet whether that was done: the answer did not come.", "Look before you do it again."],
  quota_exceeded: ["A quota is used up.", "Delete something first."],
  disk_full: ["The disk of the cluster is full; only deletes are taken.", "Delete something, or make room."],
  unreachable: ["The server does not answer.", "Is it up, and the network? The page tries again by itself."],
  not_holt: ["Something between this page and the server refused that.", "See what it is: a proxy, or a page to sign in."],
  cancelled: ["That was stopped.", ""],
})

/** asProblem makes anything that was thrown a Problem. @param {unknown} err */
export function asProblem(err) {
  if (err instanceof Problem) return err
  console.warn("holt: ", err)
  return new Problem({ code: "page", detail: "The page made a mistake. Reload it; if it comes again, report it.", title: String(err) })
}

/** sentence says what went wrong, in one line. @param {unknown} err */
export function sentence(err) {
  const p = asProblem(err)
  const [what, todo] = words[p.code] || ["", ""]
  const detail = p.detail && p.detail !== what ? ` ${p.status ? "The server says: " : ""}${p.detail.replace(/\.?$/, ".")}` : ""
  return visible(what ? `${what}${p.code === "internal" ? "" : detail} ${todo}` : p.detail || "Something went wrong.").trim()
}

/** problemBox shows it in place of what could not be shown. @param {unknown} err @param {() => void} [again] */
export function problemBox(err, again) {
  const p = asProblem(err)
  return h("div", { class: "problem", role: "alert" },
    h("p", null, sentence(p)),
    h("p", { class: "quiet" }, p.status ? `${p.status} ` : "", h("code", null, p.code), p.path ? [" at ", h("bdi", null, visible(p.path))] : null),
    again && h("button", { type: "button", onclick: again }, "Try again"))
}
