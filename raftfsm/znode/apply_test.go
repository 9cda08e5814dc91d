package znode

import (
	"strings"
	"testing"
)

// forest is where refusals are tried: /p (version 1) with the child c, the leaf /q (version 0).
func forest(t testing.TB) *rig {
	r := newRig(t)
	r.do(create("/p"))
	r.do(create("/p/c"))
	r.do(set("/p", "x"))
	r.do(createWith("/q", "leaf"))
	return r
}

// Which refusal comes first when several apply, where it is said to have arisen, and which znode it shows.
func TestRefusals(t *testing.T) {
	for _, tt := range []struct {
		name  string
		op    Op
		code  Code
		at    string
		shows string // the znode in the result, "" if none
	}{
		{"create of what exists", create("/q"), NodeExists, "/q", "/q"},
		{"create of the root", create("/"), NodeExists, "/", "/"},
		{"create without a parent", create("/no/way"), NoNode, "/no", ""},
		{"create without a grandparent", create("/no/way/out"), NoNode, "/no/way", ""},
		{"sequential create without a parent", numbered("/no/"), NoNode, "/no", ""},
		{"put without a parent", put("/no/way", "x"), NoNode, "/no", ""},
		{"set of what is missing", set("/no", "x"), NoNode, "/no", ""},
		{"set of what is missing, at a version", set("/no", "x", version(0)), NoNode, "/no", ""},
		{"set below what is missing", set("/no/way", "x"), NoNode, "/no/way", ""},
		{"set at another version", set("/p", "x", version(0)), BadVersion, "/p", "/p"},
		{"set at another czxid", set("/p", "x", exactly(1, 2)), BadVersion, "/p", "/p"},
		{"set at another version of the right znode", set("/p", "x", exactly(0, 1)), BadVersion, "/p", "/p"},
		{"set at none of many tags", set("/p", "x", version(0), version(2), exactly(1, 9)), BadVersion, "/p", "/p"},
		{"set at version -1 is no wildcard", set("/p", "x", version(-1)), BadVersion, "/p", "/p"},
		{"delete of the root", remove("/"), BadArguments, "/", ""},
		{"delete of the root at another version", remove("/", version(7)), BadArguments, "/", ""},
		{"delete of what is missing", remove("/no"), NoNode, "/no", ""},
		{"delete below what is missing", remove("/no/way", version(7)), NoNode, "/no/way", ""},
		{"delete of a parent", remove("/p"), NotEmpty, "/p", "/p"},
		{"delete of a parent at its version", remove("/p", version(1)), NotEmpty, "/p", "/p"},
		{"delete of a parent at another version", remove("/p", version(0)), BadVersion, "/p", "/p"},
		{"delete of a leaf at another version", remove("/q", version(1)), BadVersion, "/q", "/q"},
		{"check of what is missing", check("/no"), NoNode, "/no", ""},
		{"check of what is missing, at a version", check("/no", version(0)), NoNode, "/no", ""},
		{"check at another version", check("/p", version(2)), BadVersion, "/p", "/p"},
		{"check of absence of what exists", absent("/p/c"), NodeExists, "/p/c", "/p/c"},
		{"check of absence of the root", absent("/"), NodeExists, "/", "/"},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := forest(t)
			got := r.refuses(tt.code, tt.at, tt.op).Ops[0]
			switch {
			case tt.shows == "" && got.Node != nil:
				t.Errorf("it shows %s", got.Node.Path())
			case tt.shows != "" && (got.Node == nil || got.Node != r.tree.Get(path(tt.shows))):
				t.Errorf("it does not show %s as it is", tt.shows)
			}
			if got.Created {
				t.Error("it says that it made something")
			}
		})
	}
}

// The neighbours of the refusals above, which must be carried out.
func TestCarriedOut(t *testing.T) {
	for _, tt := range []struct {
		name string
		op   Op
		want string // path of the znode in the result, "" if none
	}{
		{"set at its version", set("/p", "y", version(1)), "/p"},
		{"set at its version and czxid", set("/p", "y", exactly(1, 1)), "/p"},
		{"set at any version", set("/p", "y"), "/p"},
		{"set where the last of many tags fits", set("/p", "y", version(0), exactly(1, 2), version(1)), "/p"},
		{"delete at its version", remove("/q", version(0)), "/q"},
		{"delete at its version and czxid", remove("/q", exactly(0, 4)), "/q"},
		{"check at its version", check("/p", exactly(1, 1)), "/p"},
		{"check of presence", check("/p/c"), "/p/c"},
		{"check of absence", absent("/no"), ""},
		{"check of absence below what is missing", absent("/no/way"), ""},
	} {
		t.Run(tt.name, func(t *testing.T) {
			got := forest(t).do(tt.op).Ops[0]
			if (got.Node == nil) != (tt.want == "") || got.Node != nil && got.Node.Path().String() != tt.want {
				t.Errorf("the result shows %v, want %s", got.Node, tt.want)
			}
			if got.Created {
				t.Error("it says that it made something")
			}
		})
	}
}

func TestCreatedIsSaid(t *testing.T) {
	r := newRig(t)
	for _, tt := range []struct {
		op   Op
		want bool
	}{
		{put("/a", "x"), true}, {put("/a", "y"), false}, {create("/b"), true}, {numbered("/c"), true}, {set("/b", ""), false},
	} {
		if got := r.do(tt.op).Ops[0].Created; got != tt.want {
			t.Errorf("%s of %s says created: %t", tt.op.Kind, tt.op.Path, got)
		}
	}
	if n := r.tree.Get(path("/a")); n.Data() != "y" || n.Version() != 1 {
		t.Errorf("two puts left %q at version %d", n.Data(), n.Version())
	}
}

func TestDeleteShowsWhatWasDeleted(t *testing.T) {
	r := forest(t)
	n := r.do(remove("/q")).Ops[0].Node
	if n == nil || n.Data() != "leaf" || r.has("/q") {
		t.Errorf("the delete shows %v", n)
	}
}

func TestDeleteOnceChildrenAreGone(t *testing.T) {
	r := forest(t)
	r.refuses(NotEmpty, "/p", remove("/p"))
	r.do(remove("/p/c"))
	r.do(remove("/p"))
	if r.has("/p") || r.tree.Len() != 2 {
		t.Errorf("%d znodes are left", r.tree.Len())
	}
}

// What is behind a znode must not keep the request it came in alive, nor change with it.
func TestDataIsCopied(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/a", strings.Repeat("x", MaxDataBytes)), createWith("/b", ""))
	a, b := r.tree.Get(path("/a")), r.tree.Get(path("/b"))
	if len(a.Data()) != MaxDataBytes || b.Data() != "" || r.tree.Bytes() != MaxDataBytes {
		t.Errorf("data of %d and %d bytes, %d together", len(a.Data()), len(b.Data()), r.tree.Bytes())
	}
	if a.Stat().DataLength != MaxDataBytes || a.Path().String() != "/a" || a.Name() != "a" {
		t.Errorf("path %s, stat %+v", a.Path(), a.Stat())
	}
}
