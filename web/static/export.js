// Trees as files.

import { pathList } from "./act.js"
import { fill, h } from "./dom.js"
import { openDialog } from "./dialog.js"
import { base, escape } from "./path.js"
import { BYTES_LIMIT, ndjson, readTree, topmost } from "./subtree.js"
import { many, size } from "./time.js"

/** exportLink is where a znode with all below it is, as a file of any size. @param {string} path */
export const exportLink = (path) => `/v1/tree${escape(path)}?include=data`

/** exportSelection saves znodes, each with all below it, in one file. @type {OnPaths} */
export function exportSelection(app, paths) {
  const tops = topmost(paths).sort()
  if (tops.length === 1) return h("a", { href: exportLink(tops[0]), download: `${base(tops[0]).replace("/", "root")}.ndjson` }).click()
  const stop = new AbortController()
  const status = h("p", { role: "status" })
  async function run() {
    let all = new Blob(), znodes = 0
    for (const path of tops) {
      fill(status, `${many(znodes, "znode")}, ${size(all.size)}, now ${path}`)
      const { lines } = await readTree(app, path, { bytes: BYTES_LIMIT - all.size, signal: stop.signal })
      all = new Blob([all, ndjson(lines)], { type: "application/x-ndjson" })
      znodes += lines.length
    }
    const a = h("a", { href: URL.createObjectURL(all), download: "marked.ndjson" })
    a.click()
    setTimeout(() => URL.revokeObjectURL(a.href), 60000)
    app.shell.toast(`${many(znodes, "znode")} exported.`, { kind: "good" })
  }
  openDialog({
    title: `Export ${tops.length} znodes`, buttons: [{ label: "Export", kind: "main", run }], closed: () => stop.abort(),
    body: [h("p", null, "Each with all below it, as lines of JSON. Each is of a zxid of its own."), pathList(tops), status],
  })
}
