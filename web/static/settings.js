// What the reader chose, kept in the browser; in memory where it keeps nothing.

const PREFIX = "holt."
const VALUE_LIMIT = 4096 // characters

/** @returns {Settings} */
export function settings() {
  const memory = new Map()
  return {
    get(name, otherwise = "") {
      try {
        return localStorage.getItem(PREFIX + name) ?? memory.get(name) ?? otherwise
      } catch {
        return memory.get(name) ?? otherwise
      }
    },
    set(name, value) {
      if (value.length > VALUE_LIMIT) return
      memory.set(name, value)
      try {
        localStorage.setItem(PREFIX + name, value)
      } catch {
        // Full or forbidden: it lasts as long as the page.
      }
    },
  }
}
