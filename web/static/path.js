// Paths of znodes: taking apart, putting together, and showing what is in them.

/** @param {string} path */
export function parent(path) {
  const i = path.lastIndexOf("/")
  return i <= 0 ? "/" : path.slice(0, i)
}

/** @param {string} path */
export function base(path) {
  return path === "/" ? "/" : path.slice(path.lastIndexOf("/") + 1)
}

/** @param {string} dir @param {string} name */
export function join(dir, name) {
  return dir === "/" ? "/" + name : dir + "/" + name
}

/** ancestors are those of a path, the root first, without itself. @param {string} path */
export function ancestors(path) {
  const all = []
  for (let p = path; p !== "/"; ) all.unshift((p = parent(p)))
  return all
}

/** isBelow says whether path is dir or below it. @param {string} path @param {string} dir */
export function isBelow(path, dir) {
  return path === dir || path.startsWith(dir === "/" ? "/" : dir + "/")
}

/** escape makes a path part of a URL: "/" + segments, each percent-encoded; the root is "". @param {string} path */
export function escape(path) {
  return path === "/" ? "" : path.split("/").map(encodeURIComponent).join("/")
}

/** mistake says what is wrong with a path that somebody typed, or "". The server has the last word. @param {string} path */
export function mistake(path) {
  if (!path.startsWith("/")) return "A path begins with /."
  if (path !== "/" && path.endsWith("/")) return "A path does not end in /."
  const names = path === "/" ? [] : path.slice(1).split("/")
  if (names.includes("")) return "Between two / there is a name."
  if (names.includes(".") || names.includes("..")) return ". and .. are no names."
  if (/[\0-\x1f\x7f-\x9f\ue000-\uf8ff\ufff0-\uffff\p{Cs}]/u.test(path)) return "The path holds a character that names may not have."
  return ""
}

// What is not seen, or changes how its neighbours are seen.
const hidden = /[\p{Cc}\p{Default_Ignorable_Code_Point}\p{Bidi_Control}\u2028\u2029\ufff9-\ufffb]/gu

/** visible is text with whatever hides in it spelled out. @param {string} text */
export function visible(text) {
  return text.replace(hidden, (c) => `\u2039U+${/** @type {number} */ (c.codePointAt(0)).toString(16).toUpperCase().padStart(4, "0")}\u203a`)
}

/** sequence is the number at the end of a sequential znode's name, or -1. @param {string} name */
export function sequence(name) {
  const m = /(\d{10,19})$/.exec(name)
  return m ? Number(m[1]) : -1
}
