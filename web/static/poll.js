// What is read again and again while it is looked at.

import { h, fill } from "./dom.js"
import { problemBox, sentence } from "./problems.js"
import { at } from "./time.js"

/** poll reads at once, and again ms later as long as its element is in the page and the page is seen. What cannot be read
 * anew says so. @type {Poll} */
export function poll(ms, read, show, lost) {
  const trouble = h("div")
  const body = h("div", { class: "scroll" })
  const element = h("div", null, trouble, body)
  let seen = 0
  // Of the newest reading; older ones do not count.
  let turn = 0
  async function now() {
    const mine = ++turn
    try {
      const got = await read()
      if (mine !== turn) return
      seen = Date.now()
      fill(trouble)
      show(got, body)
    } catch (err) {
      if (mine !== turn) return
      fill(trouble, lost?.(err, body) || (seen ? h("p", { class: "notice", role: "status" }, `Not refreshed since ${at(seen)}. ${sentence(err)}`) : problemBox(err, now)))
    }
    wait(mine)
  }
  /** @param {number} mine */
  function wait(mine) {
    setTimeout(() => {
      if (mine === turn && element.isConnected) document.hidden ? wait(mine) : now()
    }, ms)
  }
  now()
  return { element, now }
}

/** keep makes the children of an element those of a list. What has a key of before stays the same element, where it is, so
 * that focus and clicks meet it. @type {Keep} */
export function keep(parent, list, key, make, renew) {
  const keys = new Set(list.map(key))
  const before = new Map()
  for (const e of /** @type {HTMLElement[]} */ ([...parent.children])) {
    if (keys.has(e.dataset.key || "")) before.set(e.dataset.key, e)
    else e.remove()
  }
  let next = parent.firstElementChild
  for (const item of list) {
    const k = key(item)
    const e = before.get(k) || make(item)
    if (before.has(k)) renew?.(e, item)
    e.dataset.key = k
    if (e === next) next = e.nextElementSibling
    else parent.insertBefore(e, next)
  }
}
