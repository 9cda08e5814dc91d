// What gzip packed, unpacked within a limit, and packed again.

import { textOf } from "./text.js"

// Bytes that are unpacked at most.
const UNPACKED = 8 << 20
// Bytes unpacked in one go: a thousand times as many may come of them.
const FEED = 1024

/** isGzip says whether bytes begin as gzip does. @param {Bytes} b */
export function isGzip(b) {
  return b.length > 17 && b[0] === 0x1f && b[1] === 0x8b && b[2] === 8
}

/** unpack gives what is inside, and whether it is all of it: not beyond a limit, and not behind damage. @param {Bytes} bytes @param {number} [limit] */
export async function unpack(bytes, limit = UNPACKED) {
  const parts = []
  let whole = false
  let at = 0
  /** @param {ReadableStreamDefaultController<Bytes>} c */
  const pull = (c) => at < bytes.length ? c.enqueue(bytes.subarray(at, (at += FEED))) : c.close()
  const reader = new ReadableStream({ pull }).pipeThrough(new DecompressionStream("gzip")).getReader()
  try {
    for (let size = 0; size <= limit && !whole; ) {
      const { value, done } = await reader.read()
      whole = done
      if (value) size += parts[parts.push(value) - 1].length
    }
    if (!whole) await reader.cancel()
  } catch {
    // Damaged: what came before stands.
  }
  return { bytes: new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(0, limit), whole }
}

/** pack is the reverse. @param {Bytes} bytes */
export async function pack(bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer())
}

/** opened is what there is to edit in bytes: what is inside if they are packed and it is all there. @param {Bytes} bytes @returns {Promise<Draft>} */
export async function opened(bytes) {
  const inside = isGzip(bytes) && (await unpack(bytes))
  if (inside && inside.whole) return { bytes: inside.bytes, packed: true, text: textOf(inside.bytes) }
  return { bytes, packed: false, text: textOf(bytes) }
}
