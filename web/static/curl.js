// The command line that does the same.

import { visible } from "./path.js"

/** quote makes an argument for a POSIX shell; what one cannot see is written as $'…' of bash and zsh. @param {string} s */
export function quote(s) {
  if (/^[\w./:=@%+,-]+$/.test(s)) return s
  if (visible(s) === s) return `'${s.replaceAll("'", `'\\''`)}'`
  let out = ""
  for (const b of new TextEncoder().encode(s)) {
    const c = String.fromCharCode(b)
    out += c === "'" || c === "\\" ? "\\" + c : b < 32 || b > 126 ? "\\x" + b.toString(16).padStart(2, "0") : c
  }
  return `$'${out}'`
}

/** curl is the line: curl("PUT", api.url(…), {headers: {"If-Match": tag}, data: "text"}). json is sent as --json, file as
 * the name of a file.
 * @param {string} method @param {string} url
 * @param {{headers?: Record<string, string>, data?: string, json?: unknown, file?: string, flags?: string[]}} [more] */
export function curl(method, url, more = {}) {
  const words = ["curl", ...(more.flags || [])]
  const sends = more.data !== undefined || more.json !== undefined || more.file !== undefined
  if (method === "HEAD") words.push("-I")
  else if (method !== "GET" && !(method === "POST" && sends)) words.push("-X", method)
  words.push(quote(new URL(url, location.href).href))
  for (const [k, v] of Object.entries(more.headers || {})) words.push("-H", quote(`${k}: ${v}`))
  if (more.json !== undefined) words.push("--json", quote(JSON.stringify(more.json)))
  if (more.data !== undefined) words.push("--data-raw", quote(more.data))
  if (more.file !== undefined) words.push("--data-binary", quote("@" + more.file))
  return words.join(" ")
}
