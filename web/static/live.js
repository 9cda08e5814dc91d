/** Live follows what is open. */
export class Live {
  /** @param {import("./api.js").Api} api */
  constructor(api) {
    this.api = api
    this.paused = false
    this.waiting = 0
    /** @type {LiveState} */
    this.state = { name: "connecting", zxid: 0, leader: "", partial: false }
  }
  /** @param {string} owner @param {Wish | null} wish */
  want(owner, wish) {
    void owner, wish
  }
  /** @param {(m: LiveMessage) => void} fn @returns {() => void} */
  listen(fn) {
    void fn
    return () => {}
  }
  pause() {}
  resume() {}
}
