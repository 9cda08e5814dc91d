package httpapi

import (
	"bytes"
	"encoding/json"
	"strings"
	"testing"

	"holt/httpapi/wire"
)

// treeLine is a line as an export has it, with data of so many bytes.
func treeLineOf(bytes int) string {
	return `{"path":"/big/d0001/n-0000000042","mode":"persistent","ttl_ms":0,"created":0,"stat":{"version":0,"cversion":0,"aversion":0,` +
		`"czxid":17,"mzxid":42,"pzxid":40,"ctime":1795301423000,"mtime":1795301499000,"ephemeral_owner":"","data_length":256,"num_children":0},` +
		`"data":"` + strings.Repeat("x", bytes) + `","encoding":"utf8"}`
}

// The fast way to read a line and the strict one agree on all lines that the fast one takes.
func FuzzTreeLine(f *testing.F) {
	stat := `{"path":"/a","mode":"persistent","stat":`
	for _, line := range []string{
		treeLineOf(3), `{}`, `{"path":"/a"}`, ` { "path" : "/a\n" , "mode":"container" } `, `{"path":"/a","path":"/b"}`, `{"created":-1}`,
		`{"created":01}`, `{"ttl_ms":-5}`, `{"ttl_ms":1.5}`, `{"ttl_ms":1e3}`, `{"data":null}`, `{"data":"\u0041"}`, `{"acl":[]}`, `{"data":"\ud800"}`,
		stat + `{}}`, stat + `{"czxid":-1}}`, stat + `{"version":-1}}`, stat + `{"version":1,"version":2}}`, stat + `{"colour":1}}`, stat + `[]}`,
		`{"path":"/a"}x`, `{"Path":"/a"}`, "{\"path\":\"\xff\"}",
	} {
		f.Add(line)
	}
	f.Fuzz(func(t *testing.T, text string) {
		var fast, strict wire.TreeLine
		if !scanTreeLine(text, &fast) {
			return
		}
		if err := wire.Decode(text, &strict); err != nil {
			t.Fatalf("%q is taken, and is %v", text, err)
		}
		strict.Stat = nil
		a, _ := json.Marshal(fast)
		b, _ := json.Marshal(strict)
		if !bytes.Equal(a, b) {
			t.Fatalf("%q is %s, should be %s", text, a, b)
		}
	})
}

func TestWhatAnExportHasIsReadFast(t *testing.T) {
	var line wire.TreeLine
	if !scanTreeLine(treeLineOf(10), &line) || line.Path != "/big/d0001/n-0000000042" || *line.Data != "xxxxxxxxxx" {
		t.Errorf("read %+v", line)
	}
}

func BenchmarkTreeLine(b *testing.B) {
	a, err := New(testConfig())
	if err != nil {
		b.Fatal(err)
	}
	line := treeLineOf(256)
	b.SetBytes(int64(len(line)))
	b.ReportAllocs()
	for b.Loop() {
		if _, err := a.parseTreeLine(line); err != nil {
			b.Fatal(err)
		}
	}
}
