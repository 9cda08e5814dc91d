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
	const served = `export function f(s){
const e=(s)// beside code it stays
const list=[]
return"/* no comment */"+e+list
}
`
	if got := string(slim([]byte(written))); got != served {
		t.Errorf("served:\n%s", got)
	}
}

func TestSpacesAreLeftOutWhereNothingNeedsThem(t *testing.T) {
	for written, served := range map[string]string{
		`if (a && b) return [c, -1, "d , e"]`:  `if(a&&b)return[c,-1,"d , e"]`,
		`a + +b - -c`:                          `a+ +b- -c`,
		`const { x, y } = p ? q : 'it\'s, so'`: `const{x,y}=p?q:'it\'s, so'`,
		`x = y / 2 + 1`:                        `x=y / 2+1`,
		`s = s.replace(/ , /g, " ") + 1`:       `s=s.replace(/ , /g, " ") + 1`,
		"f(`a , b`, `${c + d} , e`) + 1":       "f(`a , b`, `${c + d} , e`)+1",
		`async (e) => { new X("\\", e) }`:      `async(e)=>{new X("\\",e)}`,
	} {
		if got := string(slim([]byte(written))); got != served {
			t.Errorf("%s is served as %s", written, got)
		}
	}
}
