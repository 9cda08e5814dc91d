package znode

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// wantReplay asks again and wants the first answer, without a trace.
func (r *rig) wantReplay(first, again *Result, before []byte) {
	r.Helper()
	if !again.Replayed || again.Code != first.Code || again.Failed != first.Failed || again.Zxid != first.Zxid || len(again.Ops) != len(first.Ops) {
		r.Fatalf("again it is %+v\nfirst it was %+v", again, first)
	}
	for i := range first.Ops {
		one, two := &first.Ops[i], &again.Ops[i]
		if first.Code != OK && i != first.Failed {
			continue // the codes say it all
		}
		if one.Code != two.Code || one.Found() != two.Found() || one.Created != two.Created || one.Deleted != two.Deleted || one.Seal != two.Seal {
			r.Errorf("op %d is again %+v, first it was %+v", i, two, one)
		} else if one.Found() && (one.Where() != two.Where() || one.Stat() != two.Stat()) {
			r.Errorf("op %d is again %s %+v, first it was %s %+v", i, two.Where(), two.Stat(), one.Where(), one.Stat())
		}
	}
	if !bytes.Equal(before, r.encoded()) {
		r.Error("asked again, the state changed")
	}
}

func TestOnceIsOnce(t *testing.T) {
	r := newRig(t)
	r.open("ann")
	r.do(create("/q"))
	first := r.at(1000).onceBy("ann", "k", numbered("/q/n-"), fleeting("/e"), set("/q", "x"))
	if first.Code != OK || first.Replayed || first.Zxid != 3 || first.Session == nil || first.Session.Used != 3 {
		t.Fatalf("at first it is %+v", first)
	}
	r.do(set("/q", "y"))
	r.do(create("/q/later"), remove("/q/n-0000000000"))
	before := r.encoded()
	r.wantReplay(first, r.onceBy("ann", "k", numbered("/q/n-"), fleeting("/e"), set("/q", "x")), before)

	t.Log("on another member, which was restored; and when the session is over")
	r.Machine = FromState(decode(t, before))
	r.wantReplay(first, r.onceBy("ann", "k", numbered("/q/n-"), fleeting("/e"), set("/q", "x")), before)
	r.do(CloseSessionOp(key("ann")))
	r.wantReplay(first, r.onceBy("ann", "k", numbered("/q/n-"), fleeting("/e"), set("/q", "x")), r.encoded())
}

// A refusal is an outcome too: it takes a zxid, changes nothing else, and is given again when the reason is gone.
func TestRefusalsAreKept(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	tree := func() []byte { return znodesOf(newer(r)) }
	before := tree()
	first := r.once("k", numbered("/n"), create("/a"), create("/b"))
	if first.Code != NodeExists || first.Failed != 1 || first.Zxid != 2 || r.Zxid() != 2 || r.last() != nil {
		t.Fatalf("at first it is %+v", first)
	}
	if !bytes.Equal(before, tree()) {
		t.Error("it changed the tree")
	}
	r.do(remove("/a"))
	again := r.once("k", numbered("/n"), create("/a"), create("/b"))
	r.wantReplay(first, again, r.encoded())
	if got := codesOf(again); !slices.Equal(got, []Code{OK, NodeExists, RolledBack}) || again.Ops[1].Path != path("/a") {
		t.Errorf("again it is %v at %s", got, again.Ops[1].Path)
	}

	t.Log("a missing parent is found again, and a session that was over when it was asked for")
	for _, txn := range []*Txn{transaction([]Op{create("/no/way")}), of("ann", create("/x"))} {
		first := r.applyOnce("for "+txn.Ops[0].Path.String(), txn)
		again := r.Apply(txn)
		if r.wantReplay(first, again, r.encoded()); again.Ops[0].Path != first.Ops[0].Path || again.Code == OK {
			t.Errorf("again it arose at %s, first at %s", again.Ops[0].Path, first.Ops[0].Path)
		}
	}
	r.wantNext("/n", "/n0000000001")
}

// newer is a state whose zxid and outcomes do not show.
func newer(r *rig) []byte {
	s := *r.State()
	s.Zxid, s.Time, s.Outcomes = 99, 99, Outcomes{}
	return encode(r.TB, &s)
}

func TestKeyOfAnotherTransaction(t *testing.T) {
	r := newRig(t)
	r.open("ann", "bob")
	r.once("k", create("/a"))
	before, zxid := r.encoded(), r.Zxid()
	for _, txn := range []*Txn{
		transaction([]Op{create("/b")}), transaction([]Op{create("/a"), create("/b")}), transaction([]Op{put("/a", "")}), of("ann", create("/a")),
	} {
		res := r.applyOnce("k", txn)
		if res.Code != IdempotencyMismatch || res.Failed != 0 || res.Replayed || res.Zxid != zxid || len(res.Ops) != len(txn.Ops) {
			t.Errorf("%v ended as %+v", txn.Ops, res)
		}
	}
	if !bytes.Equal(before, r.encoded()) {
		t.Error("it changed the state")
	}
}

// Whoever opens a session and hears nothing asks again, with another id at hand; it is told what it needs to learn the first.
func TestSessionIsOpenedOnce(t *testing.T) {
	r := newRig(t)
	ask := func(name string, seal Seal) *Result {
		op := OpenSessionOp(key(name), 10_000)
		op.Session.Seal = seal
		return r.at(1000).once("k", op)
	}
	first := ask("ann", goldenSeal)
	again := ask("another id", Seal{9})
	r.wantReplay(first, again, r.encoded())
	if s := again.Ops[0].Session; again.Ops[0].Seal != goldenSeal || s.Key != key("ann") || s.Owner != 1 || s.Timeout != 10_000 || s.Opened != 1000 {
		t.Errorf("again it is %+v", again.Ops[0])
	}
	if r.sessions.Len() != 1 || r.sessions.ByKey(key("another id")) != nil {
		t.Errorf("there are %d sessions", r.sessions.Len())
	}
}

// An outcome is had for ten minutes of the log's time, or as long as its session lives. Whether it was forgotten already does not show.
func TestOutcomesAreForgotten(t *testing.T) {
	r := newRig(t)
	r.at(1000).once("nobody's", create("/a"))
	r.open("ann")
	r.onceBy("ann", "ann's", create("/b"))
	open := OpenSessionOp(key("bob"), 10_000)
	open.Session.Seal = goldenSeal
	r.once("bob", open)

	r.at(1000 + OutcomeTime)
	if !r.once("nobody's", create("/a")).Replayed {
		t.Error("it is forgotten too early")
	}
	r.at(1000 + OutcomeTime + 1)
	if r.State().Outcomes.Len() != 3 {
		t.Fatal("something was forgotten before anything was kept")
	}
	if res := r.once("nobody's", create("/a")); res.Replayed || res.Code != NodeExists {
		t.Errorf("past its time it is %+v", res)
	}
	if got := r.State().Outcomes.Len(); got != 3 {
		t.Errorf("%d outcomes are kept: those of two sessions, and the new one under the old key", got)
	}

	const later = 3_600_000
	for now := int64(2 * OutcomeTime); now < later; now += 1000 {
		r.at(now).once(fmt.Sprint(now), check("/"))
	}
	if !r.onceBy("ann", "ann's", create("/b")).Replayed || !r.once("bob", open).Replayed {
		t.Error("the outcomes of sessions that live are forgotten")
	}
	if got := r.State().Outcomes.Len(); got != OutcomeTime/1000+1+2 {
		t.Errorf("%d outcomes are kept", got)
	}

	t.Log("with its session goes what is past its first time, once its next is over")
	r.do(CloseSessionOp(key("ann")))
	for now := int64(later); now <= later+2*OutcomeTime; now += 1000 {
		r.at(now).once(fmt.Sprint(now), check("/"))
	}
	if res := r.onceBy("ann", "ann's", create("/b")); res.Replayed || res.Code != SessionExpired {
		t.Errorf("long after its session it is %+v", res)
	}
	if !r.once("bob", open).Replayed {
		t.Error("that of the other is forgotten too")
	}
}

// What has gathered is forgotten in passing, a little with each that is kept.
func TestForgettingIsPaced(t *testing.T) {
	r := newRig(t)
	const gathered = 3*forgetPerOutcome + 5
	for i := range gathered {
		r.at(0).once(fmt.Sprint(i), check("/"))
	}
	r.at(OutcomeTime + 1)
	for i, want := range []int{gathered - 15, gathered - 30, gathered - 45, 4, 5} {
		r.once(fmt.Sprint("later ", i), check("/"))
		if got := r.State().Outcomes.Len(); got != want {
			t.Errorf("after %d more there are %d, want %d", i+1, got, want)
		}
	}
}

func TestOutcomesAreFewEnough(t *testing.T) {
	r := newRig(t)
	open := OpenSessionOp(key("ann"), 10_000)
	r.once("ann's", open)
	txn := transaction([]Op{check("/")})
	txn.Once = NewOnce("", txn)
	called := func(i int) (key [16]byte) {
		copy(key[:], fmt.Sprintf("%016d", i))
		return key
	}
	again := func(i int) *Result {
		txn.Once.Key = called(i)
		return r.Apply(txn)
	}
	again(0)
	one, _ := r.outcomes.find(called(0), &r.index)
	for i := 1; i < MaxOutcomes-1; i++ { // as if by Apply, which takes longer
		one.key = called(i)
		r.outcomes.add(one, &r.index)
	}
	if n := r.State().Outcomes.Len(); n != MaxOutcomes || !r.once("ann's", open).Replayed || !again(0).Replayed {
		t.Errorf("%d outcomes are kept, and not the oldest", n)
	}
	again(MaxOutcomes)
	if n := r.State().Outcomes.Len(); n != MaxOutcomes || r.once("ann's", open).Replayed {
		t.Errorf("of too many %d are kept", n)
	}
	for i := range 3 {
		if again(i+3).Replayed != true {
			t.Errorf("%d was forgotten", i+3)
		}
	}
	if got := decode(t, r.encoded()).Outcomes.Len(); got != MaxOutcomes {
		t.Errorf("%d come back", got)
	}
}

func TestOutcomesAreShortEnough(t *testing.T) {
	r := newRig(t)
	r.do(createWith("/a", strings.Repeat("x", MaxKeptReadBytes-1000)))
	read := func(i int) *Result { return r.once(fmt.Sprint(i), GetOp(path("/a"))) }
	read(0)
	one := r.State().Outcomes.Bytes()
	n := MaxOutcomeBytes/one + 1
	for i := range n {
		read(i)
	}
	o := r.State().Outcomes
	if o.Bytes() > MaxOutcomeBytes || o.Bytes() < MaxOutcomeBytes-one || o.Len() >= n {
		t.Errorf("%d outcomes of %d bytes are kept", o.Len(), o.Bytes())
	}
	if res := read(n - 1); !res.Replayed || len(res.Ops[0].Data()) != MaxKeptReadBytes-1000 {
		t.Error("the newest is not among them")
	}
	if read(0).Replayed {
		t.Error("the oldest is")
	}
}

// A state that says it kept more than any machine does is not one.
func TestOutcomesThatAreTooLongAreRefused(t *testing.T) {
	b := reading(t, strings.Repeat("x", maxOneOutcomeBytes-200))
	most := MaxOutcomeBytes / (len(b) - 3) // its length goes before it in the encoding and does not count
	p := parts{outcomes: slices.Repeat([][]byte{b}, most)}
	decode(t, p.bytes())
	p.outcomes = append(p.outcomes, b)
	refusesBytes(t, p.bytes(), "more bytes of outcomes than are kept")
}

// reading is an outcome in a crafted state that remembers a read of data.
func reading(t *testing.T, data string) []byte {
	t.Helper()
	stat := nums(1, 0, 0, 7, 0, 0, 0, 0, 0, uint64(len(data)), 0, 1)
	return remembered(5, OutcomeTime+50, 0, done(1, said(keptFound|keptData, 0, stat, text(data))))
}

// Outcomes over many chunks are a list from which the oldest are taken, and one given out does not change.
func TestOutcomesAgreeWithAList(t *testing.T) {
	rapid.Check(t, func(t *rapid.T) {
		var list []outcome
		o := Outcomes{}
		x := o.index()
		type kept struct {
			o    Outcomes
			list []outcome
		}
		var old []kept
		for i := range rapid.IntRange(5, 40).Draw(t, "steps") {
			switch what := rapid.IntRange(0, 9).Draw(t, "step"); {
			case what < 6:
				one := outcome{key: [16]byte{byte(rapid.IntRange(0, 20).Draw(t, "key"))}, zxid: Zxid(i + 1), due: int64(i)}
				one.body = bytes.Repeat([]byte{byte(i)}, rapid.SampledFrom([]int{1, 9000, chunkBytes - 36, 20_000, 70_000}).Draw(t, "size"))
				o.add(one, &x)
				list = append(list, one)
			case what < 8:
				n := rapid.IntRange(0, len(list)).Draw(t, "left")
				o.trim(n, MaxOutcomeBytes, &x)
				list = list[len(list)-n:]
			case what == 8:
				old = append(old, kept{o, slices.Clone(list)})
			default:
				o = o.clip()
				x = o.index()
			}
			wantList(t, &o, list)
			last := map[[16]byte]outcome{}
			for _, one := range list {
				last[one.key] = one
			}
			for k, want := range last {
				if got, ok := o.find(k, &x); !ok || got.zxid != want.zxid || !bytes.Equal(got.body, want.body) {
					t.Fatalf("under %v there is %d, want %d", k[0], got.zxid, want.zxid)
				}
			}
			if len(x.byKey) != len(last) {
				t.Fatalf("%d keys lead to %d outcomes", len(x.byKey), len(last))
			}
		}
		for _, k := range old {
			wantList(t, &k.o, k.list)
		}
	})
}

func wantList(t *rapid.T, o *Outcomes, list []outcome) {
	i, size := 0, 0
	for one, b := range o.all() {
		if i >= len(list) || one.zxid != list[i].zxid || !bytes.Equal(one.body, list[i].body) || one.key != list[i].key {
			t.Fatalf("outcome %d is that of %d", i, one.zxid)
		}
		i++
		size += len(b)
	}
	if i != len(list) || o.Len() != i || o.Bytes() != size {
		t.Fatalf("there are %d of %d bytes, counted as %d of %d; they should be %d", i, size, o.Len(), o.Bytes(), len(list))
	}
	if i > 0 && o.head().zxid != list[0].zxid {
		t.Fatalf("the oldest is said to be %d", o.head().zxid)
	}
}

// Two machines that go on from one state do not write into what they share.
func TestTwoMachinesFromOneState(t *testing.T) {
	r := newRig(t)
	for i := range 10 {
		r.once(fmt.Sprint(i), createWith(fmt.Sprint("/", i), "x"))
	}
	s := r.State()
	before := encode(t, s)
	one, two := &rig{t, FromState(s)}, &rig{t, FromState(s)}
	for _, r := range []*rig{r, one, two} {
		r.once("next", create("/next"))
	}
	two.once("other", create("/other"))
	one.once("more", create("/more"))
	if !one.once("more", create("/more")).Replayed || !two.once("other", create("/other")).Replayed || two.once("more", create("/more")).Replayed {
		t.Error("one machine has what the other kept")
	}
	if !r.once("next", create("/next")).Replayed || !bytes.Equal(before, encode(t, s)) {
		t.Error("the state they began with changed")
	}
}
