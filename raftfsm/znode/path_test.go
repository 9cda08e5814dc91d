package znode

import (
	"errors"
	"strings"
	"testing"
)

// levels is a path of n names.
func levels(n int) string { return strings.Repeat("/x", n) }

// long is a path of one name, n bytes in all.
func long(n int) string { return "/" + strings.Repeat("x", n-1) }

// Each refusal stands beside its nearest neighbour that is accepted.
func TestParsePath(t *testing.T) {
	for _, tt := range []struct{ name, refused, accepted string }{
		{"nothing", "", "/"},
		{"relative", "a", "/a"},
		{"relative with a slash", "a/b", "/a/b"},
		{"trailing slash", "/a/", "/a"},
		{"two slashes alone", "//", "/"},
		{"empty name first", "//a", "/a"},
		{"empty name within", "/a//b", "/a/b"},
		{"dot", "/.", "/.a"},
		{"dot within", "/a/./b", "/a/.../b"},
		{"dot dot", "/a/..", "/a/..b"},
		{"dot dot first", "/../a", "/b../a"},
		{"NUL", "/a\x00b", "/a b"},
		{"U+0001", "/\x01", "/ "},
		{"U+001F", "/a\x1f", "/a\x20"},
		{"U+007F", "/a\x7f", "/a~"},
		{"U+0080", "/a\u0080", "/a\u00a0"},
		{"U+009F", "/a\u009f", "/a\u00a0"},
		{"a lone surrogate", "/\xed\xa0\x80", "/\ud7ff"},
		{"private use, first", "/\ue000", "/\ud7ff"},
		{"private use, last", "/\uf8ff", "/\uf900"},
		{"U+FFF0", "/\ufff0", "/\uffef"},
		{"U+FFFD written out", "/\ufffd", "/\uffef"},
		{"U+FFFE", "/\ufffe", "/\U00010000"},
		{"U+FFFF", "/a\uffff", "/a\U00010000"},
		{"a lone continuation byte", "/a\x80", "/aé"},
		{"a rune cut short", "/a\xf0\x9f\x98", "/a😀"},
		{"an overlong slash", "/a\xc0\xafb", "/a/b"},
		{"4,097 bytes", long(4097), long(4096)},
		{"4,097 bytes of two-byte runes", "/" + strings.Repeat("é", 2048), "/" + strings.Repeat("é", 2047) + "x"},
		{"129 levels", levels(129), levels(128)},
		{"holt", "/holt", "/holts"},
		{"below holt", "/holt/a", "/a/holt"},
		{"holt in another case is another name", "/holt", "/Holt"},
		{"what ZooKeeper reserves is ordinary", "/zookeeper/", "/zookeeper"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			if p, err := ParsePath(tt.refused); err == nil {
				t.Errorf("%.40q was accepted as %.40q", tt.refused, p)
			} else if pe := (*PathError)(nil); !errors.As(err, &pe) || pe.Path != tt.refused || pe.Reason == "" {
				t.Errorf("the error %v does not say which path and why", err)
			}
			if p, err := ParsePath(tt.accepted); err != nil || p.String() != tt.accepted {
				t.Errorf("%.40q was refused: %v", tt.accepted, err)
			}
		})
	}
}

func TestPathErrorIsShort(t *testing.T) {
	_, err := ParsePath(long(100_000))
	if err == nil || len(err.Error()) > 400 {
		t.Errorf("an error about a long path is itself long: %.500v", err)
	}
}

func TestPathParts(t *testing.T) {
	for _, tt := range []struct {
		path, parent, name string
		depth              int
	}{
		{"/", "/", "", 0},
		{"/a", "/", "a", 1},
		{"/a/b", "/a", "b", 2},
		{"/a/b.c/d e", "/a/b.c", "d e", 3},
		{"/é/😀", "/é", "😀", 2},
	} {
		p := path(tt.path)
		if p.Parent().String() != tt.parent || p.Name() != tt.name || p.Depth() != tt.depth {
			t.Errorf("%s: parent %s, name %q, depth %d; want %s, %q, %d",
				p, p.Parent(), p.Name(), p.Depth(), tt.parent, tt.name, tt.depth)
		}
		if !p.IsRoot() && p.Parent().Child(p.Name()) != p {
			t.Errorf("%s is not the child of its parent by its name", p)
		}
		if p.IsRoot() != (tt.path == "/") {
			t.Errorf("IsRoot of %s is %t", p, p.IsRoot())
		}
	}
}

func TestZeroPathIsTheRoot(t *testing.T) {
	var p Path
	if !p.IsRoot() || p.String() != "/" || p.Parent().String() != "/" || p.Name() != "" || p.Depth() != 0 {
		t.Errorf("the zero path is %q", p)
	}
	if got := p.Child("a").String(); got != "/a" {
		t.Errorf("a child of the zero path is %s, want /a", got)
	}
}

// A prefix is judged with its number: it may end in a slash or in dots, and leaves room for the widest number.
func TestParsePrefix(t *testing.T) {
	for _, tt := range []struct{ in, parent, first string }{
		{"/", "/", "/0000000000"},
		{"/a", "/", "/a0000000000"},
		{"/a/", "/a", "/a/0000000000"},
		{"/a/n-", "/a", "/a/n-0000000000"},
		{"/a/.", "/a", "/a/.0000000000"},
		{"/a/..", "/a", "/a/..0000000000"},
		{"/holt", "/", "/holt0000000000"},
		{long(4076), "/", long(4076) + "0000000000"},
		{levels(127) + "/", levels(127), levels(127) + "/0000000000"},
	} {
		p, err := ParsePrefix(tt.in)
		if err != nil {
			t.Errorf("prefix %.40q was refused: %v", tt.in, err)
			continue
		}
		if p.String() != tt.in || p.Parent().String() != tt.parent || p.Numbered(0).String() != tt.first {
			t.Errorf("prefix %.40q: parent %.40q, first name %.60q", p, p.Parent(), p.Numbered(0))
		}
		if _, err := ParsePath(p.Numbered(1<<64 - 1).String()); err != nil {
			t.Errorf("prefix %.40q has no room for the widest number: %v", tt.in, err)
		}
	}
	for _, in := range []string{
		"", "a", "//", "/a//", "/./", "/../a", "/holt/", "/holt/a", "/a\x00", "/a\xe2\x82", "/\ue000", long(4077), levels(128) + "/",
	} {
		if p, err := ParsePrefix(in); err == nil {
			t.Errorf("prefix %.40q was accepted as %.40q", in, p)
		}
	}
}

func TestMustPathPanics(t *testing.T) {
	defer func() {
		if recover() == nil {
			t.Error("a path that cannot be did not panic")
		}
	}()
	MustPath("no")
}

// A path that is accepted stays accepted, and so do its parent and the path put together again from its parts.
func FuzzParsePath(f *testing.F) {
	for _, s := range []string{"/", "/a/b", "/a//b", "/..", "/é/😀", "/holt", "/a\x00", "\xff", levels(129)} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		if p, err := ParsePrefix(s); err == nil {
			if _, err := ParsePath(p.Numbered(7).String()); err != nil {
				t.Errorf("prefix %q was accepted, its seventh path is not: %v", s, err)
			}
		}
		p, err := ParsePath(s)
		if err != nil {
			return
		}
		if again, err := ParsePath(p.String()); err != nil || again != p || p.String() != s {
			t.Fatalf("%q reads as %q, and that as %q, %v", s, p, again, err)
		}
		if p.IsRoot() {
			return
		}
		if _, err := ParsePath(p.Parent().String()); err != nil {
			t.Errorf("%q was accepted, its parent is not: %v", s, err)
		}
		if strings.Contains(p.Name(), "/") || p.Name() == "" {
			t.Errorf("the name of %q is %q", s, p.Name())
		}
		if p.Parent().Child(p.Name()) != p || p.Parent().Depth() != p.Depth()-1 || p.Depth() > MaxPathDepth {
			t.Errorf("%q is not a child of its parent %q", s, p.Parent())
		}
	})
}
