import { h } from "./dom.js"

/** @param {App} app @param {Place} place @returns {View} */
export function eventsView(app, place) {
  void app
  return { element: h("section", null, h("h2", null, place.section)), update() {}, close() {} }
}
