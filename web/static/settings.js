// What the reader chose, kept in the browser; in memory where it keeps nothing.

const PREFIX = "holt."
const VALUE_LIMIT = 4096 // characters

/** @returns {Settings} */
export function settings() {
  const memory = new Map() // what the browser did not keep
  return {
    get(name, otherwise = "") {
      try {
        return memory.get(name) ?? localStorage.getItem(PREFIX + name) ?? otherwise
      } catch {
        return memory.get(name) ?? otherwise
      }
    },
    set(name, value) {
      if (value.length > VALUE_LIMIT) return
      memory.set(name, value)
      try {
        localStorage.setItem(PREFIX + name, value)
        memory.delete(name)
      } catch {
        // Full or forbidden: it lasts as long as the page.
      }
    },
  }
}
