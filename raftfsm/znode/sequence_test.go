package znode

import "testing"

// next makes a sequential znode and gives its path.
func (r *rig) next(p string) string {
	r.Helper()
	return r.do(numbered(p)).Ops[0].Node.Path().String()
}

func (r *rig) wantNext(p, want string) {
	r.Helper()
	if got := r.next(p); got != want {
		r.Errorf("the next znode at %s is %s, want %s", p, got, want)
	}
}

func TestNumbersCountUp(t *testing.T) {
	r := newRig(t)
	r.do(create("/p"))
	p := prefix("/p/n-")
	for i := range uint64(105) {
		r.wantNext("/p/n-", p.Numbered(i).String())
	}
	if !r.has("/p/n-0000000000") || !r.has("/p/n-0000000104") {
		t.Error("numbers do not have ten digits")
	}
}

func TestNumbersBelowTheRoot(t *testing.T) {
	r := newRig(t)
	r.wantNext("/", "/0000000000")
	r.wantNext("/n", "/n0000000001")
	r.wantNext("/0000000000/", "/0000000000/0000000000")
}

func TestDeletesGiveNoNumberBack(t *testing.T) {
	r := newRig(t)
	r.wantNext("/n", "/n0000000000")
	r.wantNext("/n", "/n0000000001")
	r.do(remove("/n0000000001"))
	r.do(remove("/n0000000000"))
	r.wantNext("/n", "/n0000000002")
}

// The number counts children of any kind, whatever their prefix.
func TestPlainSiblingsMakeGaps(t *testing.T) {
	r := newRig(t)
	r.wantNext("/n", "/n0000000000")
	r.do(create("/plain"))
	r.do(put("/also", ""))
	r.wantNext("/m", "/m0000000003")
	r.do(put("/also", "a put of what exists makes no child"))
	r.do(create("/plain/grandchildren are not counted"))
	r.wantNext("/n", "/n0000000004")
}

func TestParentMadeAgainCountsAgain(t *testing.T) {
	r := newRig(t)
	r.do(create("/p"))
	r.wantNext("/p/", "/p/0000000000")
	r.do(remove("/p/0000000000"), remove("/p"), create("/p"))
	r.wantNext("/p/", "/p/0000000000")
}

func TestNumbersWiden(t *testing.T) {
	r := newRig(t)
	r.do(create("/p"))
	p := *r.tree.Get(path("/p"))
	p.more = &more{pzxid: p.czxid, created: 9_999_999_999}
	r.tree.set(&p)
	r.wantNext("/p/n", "/p/n9999999999")
	r.wantNext("/p/n", "/p/n10000000000")

	r.Machine = FromState(decode(t, r.encoded()))
	r.wantNext("/p/n", "/p/n10000000001")
	if s := r.stat("/p"); s.Cversion != 2*10_000_000_002-3 || s.NumChildren != 3 {
		t.Errorf("stat of the parent: %+v", s)
	}
}

// A plain znode can have the name that comes next. Then the create is refused, as in ZooKeeper, at that name.
func TestNumberTakenByAPlainZnode(t *testing.T) {
	r := newRig(t)
	r.do(create("/n0000000001"))
	r.refuses(NodeExists, "/n0000000001", numbered("/n"))
	r.do(create("/other"))
	r.wantNext("/n", "/n0000000002")
}

func TestRefusedTransactionTakesNoNumber(t *testing.T) {
	r := newRig(t)
	r.do(create("/dup"))
	for range 3 {
		r.refuses(NodeExists, "/dup", numbered("/n"), numbered("/n"), create("/dup"))
	}
	r.wantNext("/n", "/n0000000001")
}

func TestNumbersWithinATransaction(t *testing.T) {
	r := newRig(t)
	res := r.do(create("/p"), numbered("/p/"), create("/p/x"), numbered("/p/"), remove("/p/0000000000"), numbered("/p/"))
	for i, want := range map[int]string{1: "/p/0000000000", 3: "/p/0000000002", 5: "/p/0000000003"} {
		if got := res.Ops[i].Node.Path().String(); got != want {
			t.Errorf("op %d made %s, want %s", i, got, want)
		}
	}
	r.wantNext("/p/", "/p/0000000004")
}
