// Dialogs: one thing to decide, closed by Escape, focus given back.

import { h, fill, freshId } from "./dom.js"
import { visible } from "./path.js"
import { asProblem, problemBox, sentence } from "./problems.js"

/**
 * @typedef {object} DialogButton
 * @property {string} label
 * @property {"main" | "danger" | "plain"} [kind]
 * @property {() => void | boolean | Promise<void | boolean>} run the dialog closes after it, unless it gives false or throws, which is shown
 */

/**
 * openDialog shows a dialog. The first button that is main or danger is what Enter does.
 * @param {{title: string, body: any[], buttons: DialogButton[], wide?: boolean, guard?: () => string, closed?: () => void}} d
 *   guard says what closing would lose, or ""
 */
export function openDialog(d) {
  const trouble = h("p", { class: "trouble", role: "alert" })
  const heading = h("h2", { id: freshId("dialog") }, d.title)
  /** @type {HTMLButtonElement[]} */
  const buttons = []
  let busy = false
  /** @param {DialogButton} b */
  async function press(b) {
    if (busy) return
    busy = true
    fill(trouble)
    for (const e of buttons) e.setAttribute("aria-disabled", "true")
    try {
      if ((await b.run()) !== false) close()
    } catch (err) {
      if (element.isConnected) fill(trouble, sentence(err))
      // Closed meanwhile: what came of it is told all the same.
      else if (asProblem(err).code !== "cancelled") openDialog({ title: d.title, body: [problemBox(err)], buttons: [] })
    } finally {
      busy = false
      for (const e of buttons) e.removeAttribute("aria-disabled")
    }
  }
  const first = d.buttons.find((b) => b.kind === "main" || b.kind === "danger")
  for (const b of d.buttons) {
    buttons.push(h("button", { type: b === first ? "submit" : "button", class: b.kind || "plain", onclick: b === first ? null : () => press(b) }, b.label))
  }
  const form = h("form", { method: "dialog", onsubmit: (/** @type {Event} */ e) => { e.preventDefault(); if (first) press(first) } },
    heading, h("div", { class: "dialog-body" }, d.body), trouble,
    h("div", { class: "dialog-buttons" }, buttons,
      h("button", { type: "button", class: "plain", onclick: leave }, d.buttons.length ? "Cancel" : "Close")))
  const element = h("dialog", { class: d.wide ? "wide" : null, "aria-labelledby": heading.id, oncancel: (/** @type {Event} */ e) => { e.preventDefault(); leave() }, onclose: close,
    // Of two cancels in a row a browser asks only about the first.
    onkeydown: (/** @type {KeyboardEvent} */ e) => { if (e.key === "Escape" && !e.isComposing) e.preventDefault(), leave() } }, form)
  function leave() {
    const lost = d.guard ? d.guard() : ""
    if (!lost || confirm(`${lost}\n\nClose and lose that?`)) close()
  }
  function close() {
    if (!element.isConnected) return
    element.close()
    element.remove()
    d.closed?.()
  }
  document.body.append(element)
  element.showModal()
  const focus = /** @type {HTMLElement | null} */ (element.querySelector("[autofocus]") || element.querySelector(".dialog-body :is(input, select, textarea, button)"))
  focus?.focus()
  return { element, close, trouble: (/** @type {string} */ text) => fill(trouble, visible(text)) }
}
