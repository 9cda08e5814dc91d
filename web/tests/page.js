// As much of a document as the dialogs and the editor need, for tests; and a page around them whose requests the test answers.

import { Api } from "../static/api.js"

class Element {
  constructor(tag) {
    Object.assign(this, { tag, parent: null, nodes: [], attributes: {}, heard: {}, dataset: {}, value: "", files: [], checked: false, classList: { add() {}, remove() {}, toggle() {} } })
  }
  get textContent() {
    return this.nodes.map((n) => (n instanceof Element ? n.textContent : String(n))).join("")
  }
  set textContent(text) {
    this.replaceChildren(text)
  }
  get children() {
    return this.nodes.filter((n) => n instanceof Element)
  }
  get firstElementChild() {
    return this.children[0] || null
  }
  contains(e) {
    return e === this || this.all().includes(e)
  }
  get isConnected() {
    return this === document.body || !!this.parent?.isConnected
  }
  append(...nodes) {
    for (const n of nodes) if (n instanceof Element) n.remove(), n.parent = this
    this.nodes.push(...nodes)
  }
  prepend(...nodes) {
    const old = this.nodes.splice(0)
    this.append(...nodes, ...old)
  }
  insertBefore(node, next) {
    node.remove()
    node.parent = this
    this.nodes.splice(next ? this.nodes.indexOf(next) : this.nodes.length, 0, node)
  }
  replaceChildren(...nodes) {
    for (const n of this.children) n.parent = null
    this.nodes = []
    this.append(...nodes)
  }
  remove() {
    if (this.parent) this.parent.nodes = this.parent.nodes.filter((n) => n !== this)
    this.parent = null
  }
  all() {
    return this.children.flatMap((c) => [c, ...c.all()])
  }
  addEventListener(type, fn) {
    ;(this.heard[type] ||= []).push(fn)
  }
  fire(type, more) {
    for (const fn of this.heard[type] || []) fn({ target: this, preventDefault() {}, ...more })
  }
  setAttribute(name, value) {
    this.attributes[name] = value
    if (name === "hidden") this.hidden = true
  }
  removeAttribute(name) {
    delete this.attributes[name]
  }
  querySelector() {
    return null
  }
  /** Knows [data-…] alone. */
  querySelectorAll(selector) {
    return this.all().filter((e) => selector.slice(6, -1) in e.dataset)
  }
  scrollIntoView() {}
  setSelectionRange() {}
  focus() {}
  blur() {}
  showModal() {}
  close() {}
}

/** settle lets everything happen that waits for nothing but its turn. */
export async function settle() {
  for (let i = 0; i < 50; i++) await new Promise((done) => setImmediate(done))
}

/** page is an app whose requests answer(method, url, request) answers. @param {import("node:test").TestContext} t */
export function page(t, answer) {
  const body = new Element("body")
  Object.assign(globalThis, { window: globalThis, document: { body, hidden: false, createElement: (tag) => new Element(tag), createElementNS: (_, tag) => new Element(tag), querySelector: () => null }, location: { href: "http://x/ui/", origin: "http://x" }, addEventListener() {}, confirm: () => true })
  t.mock.method(globalThis, "fetch", async (url, ask) => answer(ask.method, new URL(url, "http://x"), ask))
  const said = [], gone = [], api = new Api("http://x")
  const app = {
    api, config: { member: "n1" }, guards: new Set(), readOnly: () => false,
    shell: { toast: (text) => { said.push(text); return { close() {} } }, problem: (err) => said.push(err.message), tools: new Element("div"), curl() {} },
    settings: { get: (_, otherwise = "") => otherwise, set() {} },
    route: { go: (to) => gone.push(to), place: { section: "events", query: {} } },
    selection: { list: () => [], toggle() {} },
  }
  const named = (name, within = body) => within.all().filter((e) => ["button", "a", "li"].includes(e.tag) && e.textContent.trim() === name)
  return {
    app, said, gone, body,
    /** click presses what has a name, last in the page. */
    click(name, within) {
      const e = named(name, within).at(-1)
      if (!e) throw new Error(`there is no ${name} in: ${body.textContent}`)
      e.attributes.type === "submit" ? e.parent.parent.fire("submit") : e.fire("click")
    },
    has: (name, within) => named(name, within).length > 0,
    /** control is a control by its label. */
    control: (label) => body.all().find((e) => e.tag === "label" && e.textContent.trim() === label && e.attributes.for)?.parent.children[1] ||
      body.all().find((e) => e.tag === "label" && e.textContent.trim() === label).children[0],
    text: () => body.textContent,
  }
}

/** told is an answer of the server. */
export const told = (zxid, body, more = {}) => new Response(typeof body === "string" ? body : JSON.stringify(body), { ...more, headers: { "Holt-Zxid": String(zxid), ...more.headers } })

/** refused is one with a code. */
export const refused = (zxid, status, code) => told(zxid, { status, code, zxid }, { status })

/** gate is what holds an answer: await it.held; it.open lets it go, with an answer if there is one. */
export function gate() {
  let open = () => {}
  const held = new Promise((done) => { open = done })
  return { held, open }
}
