package web

import "testing"

func TestAModuleIsServedWithoutItsComments(t *testing.T) {
	const written = `// A module.

/**
 * f does it.
 * @param {string} s
 */
export function f(s) {
  // Why.
  const e = /** @type {any} */ (s) // beside code it stays
  /** @type {string[]} */
  const list = []
  return "/* no comment */" + e + list
}
`
	const served = `export function f(s) {
const e = (s) // beside code it stays
const list = []
return "/* no comment */" + e + list
}
`
	if got := string(slim([]byte(written))); got != served {
		t.Errorf("served:\n%s", got)
	}
}
