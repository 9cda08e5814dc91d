package command

import "testing"

// Once something is missing, nothing is made of the rest.
func TestReaderStaysBad(t *testing.T) {
	r := reader{b: []byte{3, 2, 1}}
	if n := r.uint64(); n != 0 || !r.bad {
		t.Errorf("eight bytes of three are %d", n)
	}
	if r.byte() != 0 || r.num() != 0 || r.str() != "" || r.bytes() != nil || r.end() == nil {
		t.Error("it goes on as if nothing were missing")
	}
}
