/** Store keeps the rows of open directories. */
export class Store {
  /** @param {import("./api.js").Api} api @param {import("./live.js").Live} live */
  constructor(api, live) {
    void api, live
  }
}
