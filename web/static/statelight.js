/** @param {App} app @param {HTMLElement} place */
export function stateLight(app, place) {
  void app, place
}
