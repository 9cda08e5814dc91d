package znode

import (
	"crypto/sha256"
	"fmt"
	"slices"
	"strings"
	"unsafe"
)

// Sessions have names in these tests. The key is made of the name; the machine knows neither the name nor the id.
func key(name string) SessionKey { return sha256.Sum256([]byte(name)) }

func fleeting(p string) Op         { return CreateOp(path(p), "", Ephemeral) }
func fleetingNumbered(p string) Op { return CreateSequentialOp(prefix(p), "", EphemeralSequential) }
func watch(p string, m WatchMode) Op {
	return AddWatchOp(path(p), m)
}
func unwatch(p string, m WatchMode) Op { return RemoveWatchOp(path(p), m) }

// of is a transaction of a session.
func of(name string, ops ...Op) *Txn {
	k := key(name)
	return &Txn{Ops: ops, Session: &k}
}

// accepted holds a transaction to what a log may hold: Apply relies on it.
func (r *rig) accepted(txn *Txn) *Txn {
	r.Helper()
	if err := txn.Validate(); err != nil {
		r.Fatalf("the test asks for what no log holds: %v", err)
	}
	return txn
}

// open opens sessions and gives the name of the last.
func (r *rig) open(names ...string) (o Owner) {
	r.Helper()
	for _, name := range names {
		res := r.Apply(r.accepted(transaction([]Op{OpenSessionOp(key(name), 10_000)})))
		if res.Code != OK {
			r.Fatalf("session %s is not opened: %s", name, res.Code)
		}
		o = res.Ops[0].Session.Owner
	}
	return o
}

// owner is the public name of a live session.
func (r *rig) owner(name string) Owner {
	r.Helper()
	s := r.sessions.ByKey(key(name))
	if s == nil {
		r.Fatalf("session %s is not alive", name)
	}
	return s.Owner
}

// by applies a transaction of a session, which must succeed.
func (r *rig) by(name string, ops ...Op) *Result {
	r.Helper()
	res := r.Apply(r.accepted(of(name, ops...)))
	if res.Code != OK {
		r.Fatalf("transaction of %s refused: %s at op %d", name, res.Code, res.Failed)
	}
	return res
}

// refusesTo applies a transaction that must be refused at op failed, and must leave no trace.
func (r *rig) refusesTo(code Code, failed int, txn *Txn) *Result {
	r.Helper()
	before, zxid := r.encoded(), r.Zxid()
	res := r.Apply(r.accepted(txn))
	if res.Code != code || res.Failed != failed || res.Zxid != zxid {
		r.Fatalf("ended with %s at op %d, zxid %d; want %s at op %d, zxid %d", res.Code, res.Failed, res.Zxid, code, failed, zxid)
	}
	if len(res.Ops) != len(txn.Ops) {
		r.Errorf("%d results for %d ops", len(res.Ops), len(txn.Ops))
	}
	for i, op := range res.Ops[failed+1:] {
		if op.Code != RolledBack {
			r.Errorf("op %d, behind the refused one, ended with %s", failed+1+i, op.Code)
		}
	}
	if string(before) != string(r.encoded()) {
		r.Error("a refused transaction changed the state")
	}
	r.wantCounts()
	return res
}

// wantCounts holds what the machine keeps beside the table to the table.
func (r *rig) wantCounts() {
	r.Helper()
	s := r.sessions
	for o, c := range r.counts {
		if s.Get(o) == nil {
			r.Errorf("there is a count of session %s, which is not alive", o)
		}
		if got := (counts{len(pathsOf(s, o)), len(slices.Collect(s.Watches(o)))}); got != *c {
			r.Errorf("session %s has %+v, counted as %+v", o, got, *c)
		}
	}
	fleeting := 0
	for n := range r.tree.All() {
		if n.Owner() != 0 {
			fleeting++
			if !slices.Contains(pathsOf(s, n.Owner()), n.Path().String()) {
				r.Errorf("%s belongs to %s, which the table does not know", n.Path(), n.Owner())
			}
		}
	}
	if fleeting != s.NumEphemerals() {
		r.Errorf("%d ephemerals in the tree, %d in the table", fleeting, s.NumEphemerals())
	}
}

func pathsOf(s *Sessions, o Owner) (paths []string) {
	for p := range s.Ephemerals(o) {
		paths = append(paths, p.String())
	}
	return paths
}

func watchesOf(s *Sessions, o Owner) (watches []string) {
	for w := range s.Watches(o) {
		watches = append(watches, fmt.Sprint(w.Mode, " ", w.Path))
	}
	return watches
}

func (e Event) text() string {
	s := e.Type.String() + " " + e.Path.String()
	if e.Type == SessionEnded {
		s = e.Type.String()
	}
	if e.Cause != 0 {
		s += " " + e.Cause.String()
	}
	return s
}

// last is what the newest transaction in the history did; of one that did nothing it is nil.
func (r *rig) last() *Record {
	h := r.State().History
	records, _ := h.After(r.Zxid() - 1)
	for rec := range records {
		return rec
	}
	return nil
}

// wantEvents holds the newest transaction to its events.
func (r *rig) wantEvents(want ...string) {
	r.Helper()
	var got []string
	if rec := r.last(); rec != nil {
		for _, e := range rec.Events {
			got = append(got, e.text())
		}
	}
	if !slices.Equal(got, want) {
		r.Errorf("the events are\n%s\nwant\n%s", strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// told is what the newest transaction told a session.
func (r *rig) told(o Owner) (got []string) {
	if rec := r.last(); rec != nil {
		for _, t := range rec.Told {
			if t.Owner == o {
				got = append(got, rec.Events[t.Event].text())
			}
		}
	}
	return got
}

func (r *rig) wantTold(o Owner, want ...string) {
	r.Helper()
	if got := r.told(o); !slices.Equal(got, want) {
		r.Errorf("session %s is told %q, want %q", o, got, want)
	}
}

// sameBytes says whether two strings begin at the same place in memory.
func sameBytes(a, b string) bool { return unsafe.StringData(a) == unsafe.StringData(b) }
