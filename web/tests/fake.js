// A server of streams and children for tests, in place of fetch; and a clock that is moved by hand.

/** settle lets everything happen that is due without time passing. */
export async function settle() {
  for (let i = 0; i < 20; i++) await new Promise((done) => setImmediate(done))
}

/** cluster is an answer to /v1/cluster. @param {string} leader */
export function cluster(leader) {
  return Response.json({ leader }, { headers: { "Holt-Zxid": "0" } })
}

/** One request for a stream. */
class Connection {
  /** @param {AbortSignal} signal */
  constructor(signal) {
    this.ended = false
    this.body = new ReadableStream({ start: (c) => { this.control = c } })
    signal.addEventListener("abort", () => this.fail())
  }
  send(text) {
    if (!this.ended) this.control.enqueue(new TextEncoder().encode(text))
  }
  open(zxid, leader = "n1") {
    this.send(`event: open\nid: ${zxid}\ndata: {"zxid":${zxid},"leader":"${leader}"}\n\n`)
  }
  message(zxid, ...events) {
    this.send(`id: ${zxid}\ndata: ${JSON.stringify({ zxid, events })}\n\n`)
  }
  end() {
    if (!this.ended) this.control.close()
    this.ended = true
  }
  fail() {
    if (!this.ended) this.control.error(new Error("broken"))
    this.ended = true
  }
}

/** Streams answers requests for /v1/watch; others go to answer. Timers are mocked: advance moves them. */
export class Streams {
  /** @param {import("node:test").TestContext} t */
  constructor(t) {
    this.t = t
    this.urls = []
    this.status = 200
    this.last = null
    /** @type {(url: URL) => Response | Promise<Response>} */
    this.answer = () => cluster("n1")
    t.mock.timers.enable({ apis: ["setTimeout", "setInterval", "Date"], now: 1e12 })
    t.mock.method(globalThis, "fetch", async (url, { signal }) => {
      if (!url.startsWith("/v1/watch")) return this.answer(new URL(url, "http://x"))
      this.urls.push(url)
      if (this.status !== 200) return new Response("", { status: this.status })
      this.last = new Connection(signal)
      return new Response(this.last.body)
    })
  }
  /** @param {number} ms in steps of at most 50 */
  async advance(ms) {
    for (; ms > 0; ms -= 50) {
      this.t.mock.timers.tick(Math.min(50, ms))
      await settle()
    }
  }
}
