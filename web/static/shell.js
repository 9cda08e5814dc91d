// What stands around every view: banner, header, sections, the curl line, toasts, help.

import { h, fill } from "./dom.js"
import { link } from "./route.js"
import { visible } from "./path.js"
import { sentence } from "./problems.js"
import { openDialog } from "./dialog.js"

const TOASTS = 4 // at once; the oldest goes
const TOAST_MS = 8000

const sections = /** @type {[Place["section"], string][]} */ ([
  ["tree", "Tree"], ["sessions", "Sessions"], ["watches", "Watches"], ["events", "Events"], ["cluster", "Cluster"]])

/** Keys, as the help shows them. */
const keys = [
  ["Ctrl+K or ⌘K", "Go to a path"], ["?", "This help"], ["g, then t s w e c", "Outside the tree: tree, sessions, watches, events, cluster"], ["p", "Outside the tree: pause or resume the live view"],
  ["↑ ↓", "Move in the tree"], ["→ ←", "Open, close; to the child, to the parent"], ["Home End", "First, last row"],
  ["a letter", "The next row that begins with it; e, m and n do something else"], ["*", "Open all on this level"], ["Enter", "Show the znode"],
  ["Space", "Mark for doing something to several"], ["Shift+F10", "All that can be done with it"], ["n", "Create below"], ["e", "Edit the data; Ctrl+S saves"], ["m", "Move"], ["Delete", "Delete"],
]

/** makeShell builds the frame and puts it into the page. @param {Config} config @param {Settings} settings @returns {Shell & {at(s: string): void, help(): void}} */
export function makeShell(config, settings) {
  const main = h("main", { id: "main", tabindex: -1 })
  const tools = h("div", { class: "tools" })
  const links = sections.map(([id, text]) => h("a", { href: link(id), "data-section": id }, text))
  const spoken = h("div", { class: "spoken", "aria-live": "polite", role: "status" })
  const toasts = h("div", { class: "toasts", role: "log", "aria-label": "Messages", "aria-live": "polite" })
  const lines = h("pre", { tabindex: 0, "aria-label": "The same with curl" })
  const copyButton = h("button", { type: "button", class: "small", onclick: () => copy(lines.textContent || "") }, "Copy")
  const footer = h("details", { class: "curl", open: settings.get("curl", innerWidth > 720 ? "open" : "") === "open", ontoggle: () => settings.set("curl", footer.open ? "open" : "closed") },
    h("summary", null, "The same with curl"), h("div", null, lines, copyButton))
  const banner = config.banner ? h("aside", { class: `banner ${config.banner_colour}`, "aria-label": "This cluster" }, config.banner) : null

  /** @type {Shell["toast"]} */
  function toast(text, options = {}) {
    const element = h("div", { class: `toast ${options.kind || ""}` }, h("span", null, text),
      options.action && h("button", { type: "button", class: "small", onclick: () => { close(); options.action?.run() } }, options.action.label),
      h("button", { type: "button", class: "bare", "aria-label": "Dismiss", onclick: close }, "×"))
    toasts.append(element)
    while (toasts.childElementCount > TOASTS) toasts.firstElementChild?.remove()
    let timer = setTimeout(close, options.ms || TOAST_MS)
    for (const comes of ["pointerenter", "focusin"]) element.addEventListener(comes, () => clearTimeout(timer))
    for (const goes of ["pointerleave", "focusout"]) {
      element.addEventListener(goes, () => {
        clearTimeout(timer)
        timer = setTimeout(close, TOAST_MS)
      })
    }
    function close() {
      clearTimeout(timer)
      element.remove()
    }
    return { close }
  }
  /** @type {Shell["copy"]} */
  async function copy(text) {
    try {
      await navigator.clipboard.writeText(text) // there is none where the page came without TLS from another machine
      toast("Copied.", { ms: 5000 })
    } catch {
      toast("The browser does not let the page copy this: " + visible(text), { ms: 3 * TOAST_MS })
    }
  }
  function help() {
    openDialog({ title: "Keys", buttons: [], body: [h("table", null, h("tbody", null, keys.map(([k, what]) =>
      h("tr", null, h("th", { scope: "row" }, h("kbd", null, k)), h("td", null, what)))))] })
  }
  function showScheme() {
    const scheme = settings.get("scheme")
    if (scheme) document.documentElement.dataset.scheme = scheme
    else delete document.documentElement.dataset.scheme
    schemeButton.textContent = { light: "Light", dark: "Dark" }[scheme] || "Auto"
    schemeButton.setAttribute("aria-label", `Colours: ${schemeButton.textContent}`)
  }
  const schemeButton = h("button", { type: "button", class: "small", title: "Colours: automatic, light or dark",
    onclick: () => { settings.set("scheme", { "": "light", light: "dark" }[settings.get("scheme")] || ""); showScheme() } })
  showScheme()

  fill(document.body,
    h("a", { class: "skip", href: "#main", onclick: (/** @type {Event} */ e) => { e.preventDefault(); main.focus() } }, "To the content"),
    banner,
    h("header", null,
      h("h1", null, h("a", { href: link("tree", "/") }, "holt"), " ", h("span", { class: "member", title: `holt ${config.version}` }, config.member)),
      h("nav", { "aria-label": "Sections" }, links),
      tools, h("div", { class: "tools" }, schemeButton, h("button", { type: "button", class: "small", "aria-label": "Keys and help", onclick: help }, "?"))),
    main, h("footer", null, footer), toasts, spoken)

  return {
    main, tools, toast, help, copy,
    curl(list) {
      const text = list.join("\n")
      if (lines.textContent !== text) lines.textContent = text
    },
    announce(text) {
      spoken.textContent = spoken.textContent === text ? text + "\u00a0" : text
    },
    problem(err) {
      toast(sentence(err), { kind: "bad", ms: 3 * TOAST_MS })
    },
    at(section) {
      for (const a of links) {
        if (a.dataset.section === section) a.setAttribute("aria-current", "page")
        else a.removeAttribute("aria-current")
      }
    },
  }
}
