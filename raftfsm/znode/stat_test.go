package znode

import "testing"

// Every field of a znode's stat and of its parent's, step by step.
func TestStat(t *testing.T) {
	r := newRig(t)
	r.wantStat("/", Stat{})

	made := r.at(1000).do(createWith("/a", "one"))
	a := Stat{Czxid: 1, Mzxid: 1, Pzxid: 1, Ctime: 1000, Mtime: 1000, DataLength: 3}
	r.wantStat("/a", a)
	if got := made.Ops[0].Node.Stat(); got != a {
		t.Errorf("the create answered the stat %+v", got)
	}
	root := Stat{Pzxid: 1, Cversion: 1, NumChildren: 1}
	r.wantStat("/", root)

	t.Log("a child changes pzxid, cversion and the number of children, and nothing else")
	r.at(2000).do(create("/a/b"))
	a.Pzxid, a.Cversion, a.NumChildren = 2, 1, 1
	r.wantStat("/a", a)
	r.wantStat("/", root)
	r.wantStat("/a/b", Stat{Czxid: 2, Mzxid: 2, Pzxid: 2, Ctime: 2000, Mtime: 2000})

	t.Log("a grandchild changes nothing")
	r.at(3000).do(create("/a/b/c"))
	r.wantStat("/a", a)

	t.Log("a set changes mzxid, mtime, version and length")
	r.at(4000).do(set("/a", "three"))
	a.Mzxid, a.Mtime, a.Version, a.DataLength = 4, 4000, 1, 5
	r.wantStat("/a", a)
	r.wantStat("/", root)

	t.Log("a set of equal data counts")
	r.at(5000).do(set("/a", "three"))
	a.Mzxid, a.Mtime, a.Version = 5, 5000, 2
	r.wantStat("/a", a)

	t.Log("a put of a znode that exists is a set")
	r.at(6000).do(put("/a", ""))
	a.Mzxid, a.Mtime, a.Version, a.DataLength = 6, 6000, 3, 0
	r.wantStat("/a", a)

	t.Log("deletes of children count in cversion and pzxid of the parent alone")
	r.at(7000).do(remove("/a/b/c"))
	r.wantStat("/a", a)
	r.do(remove("/a/b"))
	a.Pzxid, a.Cversion, a.NumChildren = 8, 2, 0
	r.wantStat("/a", a)
	r.wantStat("/", root)
}

func TestStatOfManyChildren(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/p", "x"))
	for i := range int64(10) {
		r.do(numbered("/p/"))
		r.wantStat("/p", Stat{Czxid: 1, Mzxid: 1, Pzxid: Zxid(i + 2), Cversion: i + 1, NumChildren: i + 1, DataLength: 1})
	}
	r.do(remove("/p/0000000003"))
	r.wantStat("/p", Stat{Czxid: 1, Mzxid: 1, Pzxid: 12, Cversion: 11, NumChildren: 9, DataLength: 1})
}

func TestStatOfTheRoot(t *testing.T) {
	r := newRig(t)
	r.at(50).do(set("/", "motto"))
	r.wantStat("/", Stat{Mzxid: 1, Mtime: 50, Version: 1, DataLength: 5})
	r.at(60).do(put("/", "m"))
	r.wantStat("/", Stat{Mzxid: 2, Mtime: 60, Version: 2, DataLength: 1})
	if res := r.do(put("/", "")); res.Ops[0].Created {
		t.Error("a put of the root says that it made the root")
	}
}

func TestMadeAgainStartsAgain(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	r.do(set("/a", "x"))
	r.do(remove("/a"))
	r.at(9).do(create("/a"))
	r.wantStat("/a", Stat{Czxid: 4, Mzxid: 4, Pzxid: 4, Ctime: 9, Mtime: 9})
}

func TestTimeNeverGoesBack(t *testing.T) {
	r := newRig(t)
	r.at(100).do(create("/a"))
	r.at(40).do(create("/b"))
	if s := r.stat("/b"); s.Ctime != 100 || r.State().Time != 100 {
		t.Errorf("the time of the tree went back to %d", s.Ctime)
	}
	r.at(200).try(remove("/not/there"))
	if now := r.State().Time; now != 100 {
		t.Errorf("a refused transaction moved the time of the state to %d", now)
	}
}

// Only what changes something has a zxid of its own.
func TestZxid(t *testing.T) {
	r := newRig(t)
	for _, tt := range []struct {
		name string
		ops  []Op
		want Zxid
	}{
		{"nothing yet", []Op{check("/")}, 0},
		{"a create", []Op{create("/a")}, 1},
		{"a transaction of many", []Op{create("/b"), create("/c"), set("/a", "x")}, 2},
		{"checks alone", []Op{check("/a", version(1)), absent("/d")}, 2},
		{"a refusal", []Op{create("/a")}, 2},
		{"a refusal after a change", []Op{create("/d"), create("/a")}, 2},
		{"a set of equal data", []Op{set("/a", "x")}, 3},
		{"a create taken back by its own transaction", []Op{create("/d"), remove("/d")}, 4},
		{"a put that makes", []Op{put("/e", "x")}, 5},
		{"a delete", []Op{remove("/e")}, 6},
	} {
		if res := r.try(tt.ops...); res.Zxid != tt.want || r.Zxid() != tt.want || r.State().Zxid != tt.want {
			t.Errorf("%s: zxid %d in the result and %d in the machine, want %d", tt.name, res.Zxid, r.Zxid(), tt.want)
		}
	}
}
