// Makes elements. Text is only ever text: nothing here parses markup.

const SVG = "http://www.w3.org/2000/svg"
const svgTags = new Set(["svg", "path", "polyline", "line", "rect", "circle", "g", "title"])

/**
 * h makes an element: h("button", {class: "go", onclick: f, "aria-label": "Go", disabled: no}, "text", child, …).
 * Of props, on… are listeners, true is an empty attribute; false, null and undefined are none. Children that are
 * null, undefined or false are left out.
 * @template {string} T
 * @param {T} tag
 * @param {Record<string, any> | null} [props]
 * @param {...any} children
 * @returns {T extends keyof HTMLElementTagNameMap ? HTMLElementTagNameMap[T] : HTMLElement}
 */
export function h(tag, props, ...children) {
  const e = /** @type {any} */ (svgTags.has(tag) ? document.createElementNS(SVG, tag) : document.createElement(tag))
  for (const [name, value] of Object.entries(props || {})) {
    if (value === false || value === null || value === undefined) continue
    if (name.startsWith("on")) e.addEventListener(name.slice(2), value)
    else if (name === "value" || name === "checked" || name === "indeterminate") e[name] = value
    else e.setAttribute(name, value === true ? "" : String(value))
  }
  e.append(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false))
  return e
}

/**
 * fill replaces what is in an element.
 * @param {Element} e
 * @param {...any} children
 */
export function fill(e, ...children) {
  e.replaceChildren(...children.flat(Infinity).filter((c) => c !== null && c !== undefined && c !== false))
}

let ids = 0
/** freshId is an id that no other element has. */
export function freshId(what = "x") {
  return `${what}-${++ids}`
}

/**
 * field is a label with its control below.
 * @param {string} label
 * @param {HTMLElement} control
 * @param {string} [hint]
 */
export function field(label, control, hint) {
  control.id ||= freshId("field")
  const note = hint ? h("small", { id: control.id + "-hint" }, hint) : null
  if (note) control.setAttribute("aria-describedby", note.id)
  return h("div", { class: "field" }, h("label", { for: control.id }, label), control, note)
}

/**
 * tabs is a row of tabs by the WAI-ARIA pattern; one panel, whose content the caller changes.
 * @param {string} label
 * @param {{id: string, text: string}[]} list
 * @param {string} chosen
 * @param {(id: string) => void} choose
 */
export function tabs(label, list, chosen, choose) {
  const panel = h("div", { role: "tabpanel", class: "panel", id: freshId("panel"), tabindex: 0 })
  const buttons = list.map((t) =>
    h("button", { role: "tab", type: "button", id: freshId("tab"), "data-tab": t.id, "aria-controls": panel.id,
      onclick: () => pick(t.id) }, t.text))
  const bar = h("div", { role: "tablist", "aria-label": label, class: "tabs", onkeydown: move }, buttons)
  /** @param {KeyboardEvent} e */
  function move(e) {
    const at = buttons.indexOf(/** @type {any} */ (e.target))
    const to = { ArrowRight: at + 1, ArrowLeft: at - 1, Home: 0, End: buttons.length - 1 }[e.key]
    if (to === undefined) return
    e.preventDefault()
    const b = buttons[(to + buttons.length) % buttons.length]
    b.focus()
    pick(b.dataset.tab || "")
  }
  /** @param {string} id */
  function mark(id) {
    for (const b of buttons) {
      const is = b.dataset.tab === id
      b.setAttribute("aria-selected", String(is))
      b.tabIndex = is ? 0 : -1
      if (is) panel.setAttribute("aria-labelledby", b.id)
    }
  }
  /** @param {string} id */
  function pick(id) {
    mark(id)
    choose(id)
  }
  mark(chosen)
  return { bar, panel, mark }
}
