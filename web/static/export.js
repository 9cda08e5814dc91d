// Trees as files.

import { fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { pathList } from "./act.js"
import { escape } from "./path.js"
import { BYTES_LIMIT, fileName, readTree, refusal, topmost } from "./subtree.js"
import { many, size } from "./time.js"

/** exportLink is a link that saves a znode with all below it, straight from the server, of any size. @param {string} path */
export function exportLink(path) {
  return h("a", { href: `/v1/tree${escape(path)}?include=data`, download: fileName(path) }, "Export")
}

/** save gives the reader a file. @param {Blob} blob @param {string} name */
function save(blob, name) {
  const a = h("a", { href: URL.createObjectURL(blob), download: name })
  a.click()
  setTimeout(() => URL.revokeObjectURL(a.href), 60000)
}

/** exportSelection saves several znodes, each with all below it, in one file. @param {App} app @param {string[]} paths */
export function exportSelection(app, paths) {
  const tops = topmost(paths).sort()
  if (tops.length === 1) return exportLink(tops[0]).click()
  const stop = new AbortController()
  const status = h("p", { role: "status" })
  async function run() {
    const parts = /** @type {Blob[]} */ ([])
    let bytes = 0, znodes = 0
    for (const path of tops) {
      fill(status, `${parts.length} of ${tops.length} read: ${many(znodes, "znode")}, ${size(bytes)}.`)
      const { lines } = await readTree(app, path, { bytes: BYTES_LIMIT - bytes, signal: stop.signal })
      const part = new Blob(lines.map((l) => JSON.stringify(l) + "\n"))
      parts.push(part)
      bytes += part.size
      znodes += lines.length
      if (bytes > BYTES_LIMIT) throw refusal(`They are more than ${size(BYTES_LIMIT)} together. Export fewer at once.`)
    }
    save(new Blob(parts, { type: "application/x-ndjson" }), "holt-marked.ndjson")
    app.shell.toast(`${many(znodes, "znode")} exported.`, { kind: "good" })
  }
  openDialog({
    title: `Export ${tops.length} znodes`, buttons: [{ label: "Export", kind: "main", run }], closed: () => stop.abort(),
    body: [h("p", null, "Each with all below it, one JSON object a line. Each is read at one zxid of its own."), pathList(tops), status],
  })
}
