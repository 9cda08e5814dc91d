/** @param {App} app */
export function openPalette(app) {
  void app
}
