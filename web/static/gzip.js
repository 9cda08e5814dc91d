// What gzip packed, unpacked within a limit, and packed again.

import { textOf } from "./text.js"

const UNPACKED = 8 << 20 // bytes that are unpacked at most

/** isGzip says whether bytes begin as gzip does. @param {Bytes} b */
export function isGzip(b) {
  return b.length > 17 && b[0] === 0x1f && b[1] === 0x8b && b[2] === 8
}

/** unpack gives what is inside, and whether it is all of it. It throws an Error if the bytes are damaged. @param {Bytes} bytes @param {number} [limit] */
export async function unpack(bytes, limit = UNPACKED) {
  const parts = []
  let size = 0
  const reader = new Blob([bytes]).stream().pipeThrough(new DecompressionStream("gzip")).getReader()
  try {
    for (let r; size <= limit && !(r = await reader.read()).done; size += r.value.length) parts.push(r.value)
  } catch {
    throw new Error("The bytes begin as gzip does, but do not unpack: they are damaged or cut off.")
  }
  if (size > limit) await reader.cancel()
  return { bytes: new Uint8Array(await new Blob(parts).arrayBuffer()).subarray(0, limit), whole: size <= limit }
}

/** pack is the reverse. @param {Bytes} bytes */
export async function pack(bytes) {
  return new Uint8Array(await new Response(new Blob([bytes]).stream().pipeThrough(new CompressionStream("gzip"))).arrayBuffer())
}

/** opened is what there is to edit in bytes: what is inside if they are packed and it is all there. @param {Bytes} bytes @returns {Promise<Draft>} */
export async function opened(bytes) {
  const inside = isGzip(bytes) ? await unpack(bytes).catch(() => null) : null
  const packed = inside?.whole === true
  if (inside && packed) bytes = inside.bytes
  return { bytes, packed, text: textOf(bytes) }
}
