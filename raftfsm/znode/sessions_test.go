package znode

import (
	"slices"
	"testing"
)

func TestASessionFromBeginToEnd(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	res := r.at(1000).Apply(transaction([]Op{OpenSessionOp(key("ann"), 5000)}))
	s := res.Ops[0].Session
	if res.Code != OK || s == nil || *s != (Session{Key: key("ann"), Owner: 2, Timeout: 5000, Opened: 1000, Used: 2}) {
		t.Fatalf("opening ended with %s and %+v", res.Code, s)
	}
	if r.Zxid() != 2 || s.Owner.String() != "s2" {
		t.Errorf("the session of zxid %d is called %s", r.Zxid(), s.Owner)
	}
	table := r.State().Sessions
	if table.Get(2) != s || table.ByKey(key("ann")) != s || table.Len() != 1 || !r.Lives(2) || table.Ended(2) != nil {
		t.Error("the session is not in the table")
	}
	r.wantEvents()

	t.Log("its transactions say whose they are, others do not")
	if res := r.by("ann", set("/a", "x")); res.Session == nil || res.Session.Owner != s.Owner || res.Session.Used != 3 {
		t.Errorf("a transaction of the session belongs to %+v", res.Session)
	}
	if res := r.do(set("/a", "y")); res.Session != nil {
		t.Errorf("a transaction of nobody belongs to %+v", res.Session)
	}

	t.Log("it is closed")
	res = r.at(2000).do(CloseSessionOp(key("ann")))
	if res.Zxid != 5 || res.Ops[0].Session == nil || res.Ops[0].Session.Owner != 2 || r.Lives(2) {
		t.Errorf("closing ended at zxid %d with %+v", res.Zxid, res.Ops[0].Session)
	}
	r.wantEvents("SessionEnded closed")
	r.wantTold(2, "SessionEnded closed")
	table = r.State().Sessions
	want := Tombstone{Key: key("ann"), Owner: 2, Reason: Closed, Zxid: 5, Time: 2000}
	if got := table.Ended(2); got == nil || *got != want || table.EndedByKey(key("ann")) != got {
		t.Errorf("what is left of it is %+v", got)
	}
	if table.Get(2) != nil || table.ByKey(key("ann")) != nil || table.Len() != 0 {
		t.Error("it is still in the table")
	}
}

func TestHowSessionsEnd(t *testing.T) {
	for _, tt := range []struct {
		name   string
		op     func(o Owner) Op
		reason Reason
	}{
		{"by its key", func(Owner) Op { return CloseSessionOp(key("ann")) }, Closed},
		{"by its name", KillSessionOp, Killed},
		{"by its leader", func(o Owner) Op { return ExpireSessionOp(o, 99, 7) }, Expired},
	} {
		t.Run(tt.name, func(t *testing.T) {
			r := newRig(t)
			o := r.open("ann", "bob")
			o, bob := r.owner("ann"), o
			r.by("ann", fleeting("/a"))
			r.Advance(0, 7)
			r.do(tt.op(o))
			r.wantEvents("NodeDeleted /a "+tt.reason.String(), "NodeChildrenChanged /", "SessionEnded "+tt.reason.String())
			r.wantTold(o, "SessionEnded "+tt.reason.String())
			r.wantTold(bob)
			if got := r.sessions.Ended(o); got == nil || got.Reason != tt.reason || !r.Lives(bob) {
				t.Errorf("what is left is %+v, the other one lives: %t", got, r.Lives(bob))
			}
			r.refusesTo(SessionExpired, 0, transaction([]Op{tt.op(o)}))
		})
	}
}

func TestEndsOfSessionsThatAreNot(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	for name, op := range map[string]Op{
		"a key nobody has": CloseSessionOp(key("ann")), "a name nobody has": KillSessionOp(7), "a name without a session": KillSessionOp(1),
		"nobody": KillSessionOp(0),
	} {
		t.Log(name)
		r.refusesTo(SessionExpired, 0, transaction([]Op{op}))
	}
}

// A leader's word that a session expired holds in its own term and in no other, older or newer.
func TestExpiryIsBoundToItsTerm(t *testing.T) {
	r := newRig(t)
	o := r.open("ann")
	for _, term := range []uint64{1, 2, 4} {
		r.Advance(0, term)
		r.refusesTo(StaleTerm, 0, transaction([]Op{ExpireSessionOp(o, 99, 3)}))
	}
	r.Advance(0, 4)
	r.refusesTo(StaleTerm, 0, transaction([]Op{ExpireSessionOp(99, 99, 3)})) // the term comes first
	r.Advance(0, 3)
	r.do(ExpireSessionOp(o, 99, 3))
	if r.Lives(o) {
		t.Error("it lives on")
	}
	r.refusesTo(SessionExpired, 0, transaction([]Op{ExpireSessionOp(o, 99, 3)}))
}

// A transaction that overtakes an expiry has renewed the session. One that changed nothing has not: members that were sent
// a snapshot would not know of it.
func TestExpiryOfASessionThatWasUsed(t *testing.T) {
	r := newRig(t)
	o := r.open("ann")
	seen := r.Zxid()
	r.do(create("/a"))
	if res := r.by("ann", check("/a")); res.Code != OK {
		t.Fatal(res.Code)
	}
	judged := ExpireSessionOp(o, seen, 1)
	r.Advance(0, 1)
	r.by("ann", fleeting("/e"))
	r.refusesTo(SessionUsed, 0, transaction([]Op{judged}))
	r.Machine = FromState(decode(t, r.encoded()))
	r.Advance(0, 1)
	r.refusesTo(SessionUsed, 0, transaction([]Op{judged}))
	if !r.Lives(o) || !r.has("/e") {
		t.Error("the session or its ephemeral is gone")
	}
	r.do(ExpireSessionOp(o, r.Zxid(), 1))
	if r.Lives(o) || r.has("/e") {
		t.Error("the session or its ephemeral is left")
	}
}

// An ended session never acts: nothing of what it asks happens, whatever it is, and the first op says why.
func TestTransactionsOfAnEndedSession(t *testing.T) {
	r := newRig(t)
	r.do(create("/a"))
	o := r.open("ann")
	r.by("ann", watch("/a", PersistentWatch))
	r.by("ann", fleeting("/e"))
	r.do(KillSessionOp(o))
	for _, txn := range []*Txn{
		of("ann", set("/a", "x")),
		of("ann", create("/b"), fleeting("/c"), remove("/a")),
		of("ann", check("/a")),
		of("ann", remove("/no")), // no other refusal goes first
		of("ann", watch("/a", DataWatch)),
		of("ann", unwatch("/a", PersistentWatch)),
		of("nobody", set("/a", "x"), set("/a", "y")),
	} {
		res := r.refusesTo(SessionExpired, 0, txn)
		if res.Session != nil || res.Ops[0].Path != txn.Ops[0].Path {
			t.Errorf("it belongs to %+v and was refused at %s", res.Session, res.Ops[0].Path)
		}
	}
}

func TestNoIdIsUsedTwice(t *testing.T) {
	r := newRig(t)
	again := transaction([]Op{OpenSessionOp(key("ann"), 20_000)})
	o := r.open("ann")
	r.refusesTo(BadArguments, 0, again)
	r.do(KillSessionOp(o))
	r.refusesTo(BadArguments, 0, again)
	r.Machine = FromState(decode(t, r.encoded()))
	r.refusesTo(BadArguments, 0, again)
	if got := r.sessions.EndedByKey(key("ann")); got == nil || got.Owner != o {
		t.Errorf("the key leads to %+v", got)
	}
}

func TestTombstonesAreKeptForAnHour(t *testing.T) {
	const hour = TombstoneTime
	r := newRig(t)
	r.at(1000).open("ann", "bob", "cid")
	r.do(CloseSessionOp(key("ann")))
	r.at(1000 + hour/2).do(CloseSessionOp(key("bob")))
	known := func(names ...string) {
		t.Helper()
		for _, name := range []string{"ann", "bob"} {
			if got := r.State().Sessions.EndedByKey(key(name)) != nil; got != slices.Contains(names, name) {
				t.Errorf("the end of %s is known: %t", name, got)
			}
		}
		if n := len(r.sessions.endings); n != len(names) || r.sessions.ended.Len() != n {
			t.Errorf("%d tombstones, %d by name, want %d", n, r.sessions.ended.Len(), len(names))
		}
	}
	r.at(1000 + hour).open("dan")
	known("ann", "bob")
	old := r.State()
	r.at(1000 + hour + 1).open("eve")
	known("bob")
	if old.Sessions.EndedByKey(key("ann")) == nil {
		t.Error("a tombstone went from a state that was given out")
	}
	r.open("ann") // the key is free again
	r.at(1000 + hour/2 + hour + 1).do(set("/", "x"))
	known("bob") // nothing looks but what opens or ends a session
	r.do(CloseSessionOp(key("cid")))
	if r.sessions.EndedByKey(key("bob")) != nil || r.sessions.EndedByKey(key("cid")) == nil {
		t.Error("ending a session does not forget old ends")
	}
}

func TestTombstonesAreBounded(t *testing.T) {
	r := newRig(t)
	s := r.changeSessions()
	var k SessionKey
	for i := range MaxTombstones {
		k[0], k[1], k[2] = byte(i), byte(i>>8), byte(i>>16)
		s.bury(&Tombstone{Key: k, Owner: Owner(i + 1), Reason: Closed, Zxid: Zxid(i + 2)})
	}
	r.zxid = MaxTombstones + 1
	o := r.open("ann")
	if s.Ended(1) == nil {
		t.Error("the first is forgotten before there are too many")
	}
	r.do(CloseSessionOp(key("ann")))
	if s.Ended(1) != nil || s.Ended(2) == nil || s.Ended(o) == nil || len(s.endings) != MaxTombstones || s.ended.Len() != MaxTombstones {
		t.Errorf("there are %d tombstones, the first %v, the last %v", len(s.endings), s.Ended(1), s.Ended(o))
	}
	if s.keys.Len() != MaxTombstones {
		t.Errorf("%d keys are taken", s.keys.Len())
	}
}

func TestSessionsAreBounded(t *testing.T) {
	r := newRig(t)
	s := r.changeSessions()
	var k SessionKey
	for i := range Owner(MaxSessions - 1) {
		k[0], k[1], k[2] = byte(i>>16), byte(i>>8), byte(i)
		s.live.Load(&Session{Key: k, Owner: i + 1, Timeout: 1000})
		s.keys.Load(keyed{k, i + 1})
	}
	r.zxid = MaxSessions
	r.open("ann")
	// Comparing encodings, as refusesTo does, is too slow with so many.
	if res := r.try(OpenSessionOp(key("bob"), 1000)); res.Code != QuotaExceeded || s.Len() != MaxSessions {
		t.Errorf("another session: %s", res.Code)
	}
	if res := r.try(OpenSessionOp(key("ann"), 1000)); res.Code != BadArguments {
		t.Errorf("the same one: %s", res.Code)
	}
	r.do(CloseSessionOp(key("ann")))
	r.open("bob")
}

func TestSessionsAreListed(t *testing.T) {
	r := newRig(t)
	r.open("ann", "bob", "cid", "dan")
	r.do(CloseSessionOp(key("bob")))
	for _, tt := range []struct {
		after Owner
		want  []Owner
	}{{0, []Owner{1, 3, 4}}, {1, []Owner{3, 4}}, {2, []Owner{3, 4}}, {3, []Owner{4}}, {4, nil}} {
		var got []Owner
		for s := range r.State().Sessions.All(tt.after) {
			got = append(got, s.Owner)
		}
		if !slices.Equal(got, tt.want) {
			t.Errorf("after %s come %v, want %v", tt.after, got, tt.want)
		}
	}
}

func TestOwnersAreReadAsWritten(t *testing.T) {
	for _, o := range []Owner{1, 17, 1<<63 - 1} {
		if got, ok := ParseOwner(o.String()); !ok || got != o {
			t.Errorf("%s reads as %d, %t", o, got, ok)
		}
	}
	for _, s := range []string{"", "s", "s0", "s01", "17", "S17", "s-1", "s+1", "s1 ", " s1", "s1x", "s9223372036854775808", "s99999999999999999999"} {
		if o, ok := ParseOwner(s); ok {
			t.Errorf("%q reads as %s", s, o)
		}
	}
	if Owner(0).String() != "" {
		t.Errorf("nobody is called %q", Owner(0))
	}
}

func TestReasonsHaveNames(t *testing.T) {
	for i, want := range []string{"", "expired", "closed", "killed", "unknown"} {
		if got := Reason(i).String(); got != want {
			t.Errorf("reason %d is called %q, want %q", i, got, want)
		}
	}
}

// A state given out keeps its sessions, whatever becomes of them.
func TestStatesKeepTheirSessions(t *testing.T) {
	r := newRig(t)
	o := r.open("ann")
	r.by("ann", fleeting("/a"))
	r.by("ann", watch("/a", DataWatch))
	old, other := r.State(), FromState(r.State())
	before := encode(t, old)
	r.do(CloseSessionOp(key("ann")))
	r.open("bob")
	other.Advance(5, 1)
	other.Apply(of("ann", fleeting("/b")))
	other.Apply(of("ann", watch("/", ExistsWatch)))
	if string(encode(t, old)) != string(before) || !slices.Equal(pathsOf(old.Sessions, o), []string{"/a"}) {
		t.Error("a state changed after it was given out")
	}
	if !slices.Equal(pathsOf(other.State().Sessions, o), []string{"/a", "/b"}) || r.Lives(o) {
		t.Error("two machines from one state are not apart")
	}
	if a, b := r.State(), r.State(); a.Sessions != b.Sessions {
		t.Error("the table is copied though nothing changed in it")
	}
}

// Machines made of one state end sessions apart.
func TestEndsInMachinesOfOneState(t *testing.T) {
	r := newRig(t)
	r.open("ann", "bob", "cid", "dan", "eve")
	for _, name := range []string{"ann", "bob", "cid"} { // a list of three has room for a fourth
		r.do(CloseSessionOp(key(name)))
	}
	s := r.State()
	other := &rig{t, FromState(s)}
	other.do(CloseSessionOp(key("dan")))
	r.do(CloseSessionOp(key("eve")))
	again := decode(t, other.encoded())
	if again.Sessions.EndedByKey(key("dan")) == nil || again.Sessions.EndedByKey(key("eve")) != nil {
		t.Error("an end in one machine is in the list of another")
	}
	if again := decode(t, r.encoded()); again.Sessions.EndedByKey(key("eve")) == nil {
		t.Error("an end is lost")
	}
}
