package httpapi

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/url"
	"reflect"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

func TestAccept(t *testing.T) {
	for accept, want := range map[string]int{
		"application/json":                                asJSON,
		"Application/JSON ; charset=utf-8":                asJSON,
		"application/json, text/plain, */*":               asJSON,
		"application/json, */*;q=0.5":                     asJSON,
		"application/json;q=0.5, */*":                     asBytes,
		"application/json;q=0":                            asBytes,
		"application/json, application/octet-stream":      asJSON,
		"application/octet-stream, application/json":      asBytes,
		"application/octet-stream;q=.2, application/json": asJSON,
		"text/html,application/xhtml+xml,*/*;q=0.8":       asBytes,
		"application/*":                                   asBytes,
		"*/*":                                             asBytes,
		"":                                                asBytes,
		",;q=,":                                           asBytes,
		"application/json;q=nonsense":                     asJSON,
	} {
		if got := negotiate(accept); got != want {
			t.Errorf("%q: %d, want %d", accept, got, want)
		}
	}
}

func TestJSONIsThatOfWire(t *testing.T) {
	m := znode.NewMachine()
	for _, c := range []struct{ path, data string }{
		{"/a", "text"}, {"/a/\"<&>\\ä🐦\u2028", "\x00\x01\x1f \"\\/\b\f\n\r\t\x7f"}, {"/b", "\xff\xfe"}, {"/c", ""}, {"/d", "\xef\xbf\xbd"},
	} {
		m.Advance(1795301423000, 1)
		res := m.Apply(&znode.Txn{Ops: []znode.Op{znode.CreateOp(znode.MustPath(c.path), c.data, znode.Persistent)}})
		n := res.Ops[0].Node
		stat := n.Stat()
		want := wire.Znode{Path: c.path, Data: c.data, Encoding: wire.UTF8, Stat: *wireStat(stat), Mode: "persistent"}
		if !utf8.ValidString(c.data) {
			want.Data, want.Encoding = base64.StdEncoding.EncodeToString([]byte(c.data)), wire.Base64
		}
		same(t, appendZnode(nil, n, &stat), &want)
		same(t, appendWritten(nil, c.path, &stat), &wire.Written{Path: c.path, Stat: *wireStat(stat)})
		same(t, (&listing{data: true, stat: true}).appendChild(nil, n),
			&wire.Child{Name: n.Name(), Stat: wireStat(stat), Data: &want.Data, Encoding: want.Encoding, Mode: "persistent"})
	}
}

func wireStat(s znode.Stat) *wire.Stat {
	return &wire.Stat{
		Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion,
		Czxid: uint64(s.Czxid), Mzxid: uint64(s.Mzxid), Pzxid: uint64(s.Pzxid), Ctime: s.Ctime, Mtime: s.Mtime,
		EphemeralOwner: s.EphemeralOwner, DataLength: s.DataLength, NumChildren: s.NumChildren,
	}
}

// same checks that b is what encoding/json writes of want: the same fields in the same order.
func same[T any](t *testing.T, b []byte, want *T) {
	t.Helper()
	d := json.NewDecoder(bytes.NewReader(b))
	d.DisallowUnknownFields()
	var got T
	if err := d.Decode(&got); err != nil || !reflect.DeepEqual(&got, want) {
		t.Errorf("%s\nis %+v (%v)\nwant %+v", b, got, err, *want)
	}
	ours, theirs := new(bytes.Buffer), new(bytes.Buffer)
	enc := json.NewEncoder(theirs)
	enc.SetEscapeHTML(false)
	if err := enc.Encode(want); err != nil {
		t.Fatal(err)
	}
	if err := json.Compact(ours, b); err != nil || ours.Len() == 0 || keys(ours.String()) != keys(theirs.String()) {
		t.Errorf("fields %s, want %s (%v)", keys(ours.String()), keys(theirs.String()), err)
	}
}

// keys are the names of all fields in their order.
func keys(s string) string {
	var out []string
	d := json.NewDecoder(strings.NewReader(s))
	for {
		token, err := d.Token()
		if err != nil {
			return strings.Join(out, " ")
		}
		if name, ok := token.(string); ok {
			out = append(out, name)
		}
	}
}

func TestNothingLiesBetweenAPrefixAndWhatIsJustBeforeIt(t *testing.T) {
	names := []string{"", "\x01", "a", "a\x01", "a\U0010FFFF", "ab", "aÿ", "az\U0010FFFF\U0010FFFF", "b", "b\x00", "é", "\U0010FFFF"}
	slices.Sort(names)
	for _, prefix := range names[1:] {
		before := justBefore(prefix)
		for _, name := range names {
			if (name > before) != (name >= prefix) {
				t.Errorf("prefix %q: %q is on the wrong side of %q", prefix, name, before)
			}
		}
	}
}

func FuzzPath(f *testing.F) {
	for _, s := range []string{"", "/", "/a", "/a%2Fb", "/a//b", "/%2e%2e/x", "/%zz", "/%C3%A4%20", "/a/", "/%00", "/\xff", "a"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, escaped string) {
		x := &exchange{path: escaped}
		p, err := x.znodePath()
		if err != nil {
			if pr, _ := problemOf(err); pr.Code != wire.BadArguments || !utf8.ValidString(pr.Path) {
				t.Fatalf("refused with %+v", pr)
			}
			return
		}
		// A path that is accepted is a URL's, and the URL made of it is the path again.
		u, err := url.Parse("http://h/v1/znodes" + escapePath(p.String()))
		if err != nil {
			t.Fatal(err)
		}
		x.path = strings.TrimPrefix(u.EscapedPath(), "/v1/znodes")
		if again, err := x.znodePath(); err != nil || again.String() != p.String() {
			t.Fatalf("%q became %q (%v)", p, again, err)
		}
		if strings.Contains(p.String(), "//") || !utf8.ValidString(p.String()) {
			t.Fatalf("path %q", p)
		}
	})
}

func FuzzPrecondition(f *testing.F) {
	for _, s := range []string{`*`, `"3.17"`, `3`, `W/"3.17", "4"`, `"a,b" , 7.7`, `"`, `,,`, `W/`, `0.0`, `-1`, `"c1.1"`, `1 2`} {
		f.Add(s)
	}
	path := znode.MustPath("/a")
	f.Fuzz(func(t *testing.T, header string) {
		tags, err := matchTags([]string{header}, path)
		if err != nil {
			if pr, _ := problemOf(err); pr.Code != wire.BadArguments {
				t.Fatalf("refused with %+v", pr)
			}
			return
		}
		if strings.TrimSpace(header) == "*" {
			return
		}
		// Whatever else was accepted: it never means "any", and each tag that may fit stands in the header as we write it.
		if len(tags) == 0 || len(tags) > znode.MaxTags {
			t.Fatalf("%d tags", len(tags))
		}
		for _, tag := range tags {
			text := fmt.Sprint(tag.Version)
			if tag.Czxid != 0 {
				text += fmt.Sprint(".", tag.Czxid)
			}
			if tag != never && !strings.Contains(header, text) {
				t.Fatalf("%q became %v", header, tags)
			}
			op := znode.SetOp(path, "", tag)
			if err := op.Validate(); err != nil {
				t.Fatal(err)
			}
		}
		named, err := noneMatch([]string{header}, "3.17", "3")
		if err != nil || named && !strings.Contains(header, "3") {
			t.Fatalf("If-None-Match %q names 3.17: %v, %v", header, named, err)
		}
	})
}
