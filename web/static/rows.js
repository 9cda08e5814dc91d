/** @returns {Selection_} */
export function makeSelection() {
  return { list: () => [], has: () => false, toggle() {}, clear() {}, listen: () => () => {} }
}
