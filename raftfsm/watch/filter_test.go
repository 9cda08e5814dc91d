package watch

import (
	"testing"

	"holt/raftfsm/znode"
)

// TestFilters does the same things under every filter; each is asked twice: as they happen, and out of the history.
func TestFilters(t *testing.T) {
	steps := [][]znode.Op{
		1:  {create("/a")},
		2:  {create("/ab")},
		3:  {create("/a/b")},
		4:  {create("/a/b/c"), write("/a")},
		5:  {write("/a/b/c")},
		6:  {write("/")},
		7:  {write("/ab")},
		8:  {remove("/a/b/c"), create("/a/x"), remove("/a/x")},
		9:  {remove("/a/b")},
		10: {remove("/a"), remove("/ab")},
	}
	all := func(f Filter) Filter { f.Data, f.Children = true, true; return f }
	deep := func(f Filter) Filter { f.Recursive = true; return f }
	data := func(f Filter) Filter { f.Data = true; return f }
	children := func(f Filter) Filter { f.Children = true; return f }
	a, b, ab := Filter{Paths: paths("/a")}, Filter{Paths: paths("/a/b")}, Filter{Paths: paths("/ab")}
	root, none := Filter{Paths: paths("/")}, Filter{}
	for _, c := range []struct {
		name string
		Filter
		want []string
	}{
		{"both", all(a), []string{"1: +/a", "3: */a", "4: =/a", "8: */a", "9: */a", "10: -/a"}},
		{"data", data(a), []string{"1: +/a", "4: =/a", "10: -/a"}},
		{"children", children(a), []string{"3: */a", "8: */a", "9: */a", "10: -/a"}},
		{"neither", a, nil},
		{"both below", all(deep(a)), []string{"1: +/a", "3: +/a/b", "4: +/a/b/c =/a", "5: =/a/b/c",
			"8: -/a/b/c +/a/x -/a/x", "9: -/a/b", "10: -/a"}},
		{"data below", data(deep(b)), []string{"3: +/a/b", "4: +/a/b/c", "5: =/a/b/c", "8: -/a/b/c", "9: -/a/b"}},
		{"children below", children(deep(b)), []string{"9: -/a/b"}},
		{"neither below", deep(b), nil},
		{"a sibling with the same beginning", all(deep(ab)), []string{"2: +/ab", "7: =/ab", "10: -/ab"}},
		{"the root", all(root), []string{"1: */", "2: */", "6: =/", "10: */"}},
		{"the root's data", data(root), []string{"6: =/"}},
		{"everything", all(deep(root)), []string{"1: +/a", "2: +/ab", "3: +/a/b", "4: +/a/b/c =/a", "5: =/a/b/c", "6: =/",
			"7: =/ab", "8: -/a/b/c +/a/x -/a/x", "9: -/a/b", "10: -/a -/ab"}},
		{"the zero path is the root", data(Filter{Paths: make([]znode.Path, 1)}), []string{"6: =/"}},
		{"two, in the order of events", all(Filter{Paths: paths("/ab", "/a", "/ab")}), []string{"1: +/a", "2: +/ab", "3: */a",
			"4: =/a", "7: =/ab", "8: */a", "9: */a", "10: -/a -/ab"}},
		{"one below the other, twice", data(deep(Filter{Paths: paths("/a/b", "/a", "/a", "/a/b/c")})), []string{"1: +/a", "3: +/a/b",
			"4: +/a/b/c =/a", "5: =/a/b/c", "8: -/a/b/c +/a/x -/a/x", "9: -/a/b", "10: -/a"}},
		{"what never is", all(deep(Filter{Paths: paths("/a/b/c/d", "/b")})), nil},
		{"no path", all(none), nil},
		{"a session, where none is told anything", all(Filter{Paths: paths("/a"), Session: 5}), nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			r := newRig(t)
			live := r.subscribe(c.Filter, 0)
			for i, ops := range steps[1:] {
				if z := r.then(ops...); z != znode.Zxid(i+1) {
					t.Fatalf("step %d was at zxid %d", i+1, z)
				}
			}
			if live.behind {
				t.Error("the subscription is behind")
			}
			r.want(live, c.want...)
			late := r.subscribe(c.Filter, 0)
			if !late.behind {
				t.Error("the late subscription is not behind")
			}
			r.want(late, c.want...)
			r.want(live)
			r.want(late)
		})
	}
}

// TestSessionStream: what the watches of a session fire, and its end, on the stream of that session alone.
func TestSessionStream(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	k, o := r.open(1) // 2
	k2, o2 := r.open(2)
	add := func(k *znode.SessionKey, p string, m znode.WatchMode) {
		r.doAs(k, znode.AddWatchOp(znode.MustPath(p), m))
	}
	add(k, "/a", znode.DataWatch)           // 4
	add(k, "/a", znode.PersistentRecursive) // 5
	add(k2, "/a", znode.ChildrenWatch)      // 6
	add(k2, "/b", znode.ExistsWatch)        // 7
	r.publish()
	one, two := r.subscribe(Filter{Session: o}, r.Zxid()), r.subscribe(Filter{Session: o2, Recursive: true, Paths: paths("/")}, 0)
	twice := r.subscribe(Filter{Session: o}, 3)
	if n, sessions := r.hub.Streams(); n != 3 || sessions != 2 {
		t.Errorf("%d streams of %d sessions, want 3 of 2", n, sessions)
	}

	r.doAs(k2, znode.CreateOp(znode.MustPath("/a/e"), "", znode.Ephemeral)) // 8
	r.then(write("/a"), create("/b"))                                       // 9
	r.then(write("/a"), write("/b"))                                        // 10
	r.then(znode.CloseSessionOp(*k2))                                       // 11
	r.then(znode.KillSessionOp(o))                                          // 12
	r.then(write("/a"))                                                     // 13

	want := []string{"8: +/a/e", "9: =/a", "10: =/a", "11: -/a/e(closed)", "12: !/(killed)"}
	r.want(one, want...)
	r.want(twice, want...)
	r.want(two, "8: */a", "9: +/b", "11: !/(closed)")
	late := r.subscribe(Filter{Session: o}, 0)
	r.want(late, want...)
	r.want(r.subscribe(Filter{Paths: paths("/"), Recursive: true, Data: true}, 10), "11: -/a/e(closed)", "13: =/a")
}
