package sessions

import (
	"math/rand/v2"
	"runtime"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// naive is the table as one would write it first: who is held, and the deadline of each.
type naive map[znode.Owner]time.Duration

// What the table takes is what has passed its deadline, neither more nor less, whatever happened before.
func TestTableAgreesWithNaive(t *testing.T) {
	for seed := range uint64(200) {
		r := rand.New(rand.NewPCG(seed, 1))
		table, model := newTable(znode.NewMachine().State().Sessions, 0), naive{}
		all, taken := map[znode.Owner]*znode.Session{}, map[znode.Owner]*lease{}
		now := time.Duration(0)
		granted := map[znode.Owner]bool{} // those that were not heard of since a grant
		for owner := znode.Owner(1); owner <= 1000; owner++ {
			s := &znode.Session{Key: key(int(owner)), Owner: owner, Timeout: 100 + r.Int64N(3000)}
			all[owner] = s
			timeout := func(s *znode.Session) time.Duration { return time.Duration(s.Timeout) * time.Millisecond }
			switch n := r.IntN(10); {
			case n < 5:
				table.apply([]command.SessionChange{{Session: s, Kind: command.SessionOpened}}, now)
				model[owner] = now + timeout(s)
			case n < 6:
				table.grant(now)
				for o := range model {
					if !granted[o] && model[o] < now+timeout(all[o]) {
						granted[o], model[o] = true, now+timeout(all[o])
					}
				}
			default:
				now += time.Duration(r.IntN(300)) * time.Millisecond
			}
			for o := range model { // some of them, in Go's random order
				switch r.IntN(8) {
				case 0:
					table.apply([]command.SessionChange{{Session: all[o], Kind: command.SessionUsed}}, now)
					model[o] = now + timeout(all[o])
					delete(granted, o)
				case 1:
					table.apply([]command.SessionChange{{Session: all[o], Kind: command.SessionClosed}}, now)
					delete(model, o)
				}
				if r.IntN(4) == 0 {
					break
				}
			}
			for o, l := range taken {
				if delete(taken, o); r.IntN(2) == 0 {
					table.remove(l)
				} else {
					table.revive(l, now)
					model[o] = now + timeout(all[o])
					delete(granted, o)
				}
			}
			if r.IntN(3) == 0 {
				takeAll(t, table, model, taken, now)
			}
		}
		if len(table.leases) != len(model)+len(taken) || len(table.turns) > 2*len(model)+2*maxStale {
			t.Fatalf("seed %d: %d leases and %d turns of %d sessions", seed, len(table.leases), len(table.turns), len(model))
		}
	}
}

// takeAll takes what is due and compares.
func takeAll(t *testing.T, table *table, model naive, taken map[znode.Owner]*lease, now time.Duration) {
	t.Helper()
	for {
		due, settled := table.due(now, 3)
		batch, all := table.take(make([]*lease, 0, 2), now, 1, 1000)
		if settled && due != (len(batch) > 0) {
			t.Fatalf("due: %v, taken %d", due, len(batch))
		}
		for _, l := range batch {
			o := l.session.Owner
			if d, held := model[o]; !held || d > now {
				t.Fatalf("%s is taken at %v, its deadline is %v", o, now, d)
			}
			delete(model, o)
			taken[o] = l
		}
		if all && len(batch) == 0 {
			break
		}
	}
	for o, d := range model {
		if d <= now {
			t.Fatalf("%s is not taken at %v, its deadline is %v", o, now, d)
		}
	}
}

// Sessions that are closed long before their time leave nothing behind.
func TestClosedSessionsLeaveNothing(t *testing.T) {
	table := newTable(znode.NewMachine().State().Sessions, 0)
	for i := range 20_000 {
		s := &znode.Session{Key: key(i), Owner: znode.Owner(i + 1), Timeout: 3_600_000}
		for _, kind := range []command.ChangeKind{command.SessionOpened, command.SessionClosed} {
			table.apply([]command.SessionChange{{Session: s, Kind: kind}}, time.Duration(i)*time.Millisecond)
		}
		if len(table.leases) > 0 || len(table.turns) > 4*maxStale {
			t.Fatalf("after %d: %d leases, %d turns", i, len(table.leases), len(table.turns))
		}
	}
}

// bytesPerLease bounds the memory of one session on the leader, beside the state.
const bytesPerLease = 128

func TestMemoryOfALease(t *testing.T) {
	const n = 100_000
	sessions := make([]*znode.Session, n)
	for i := range sessions {
		sessions[i] = &znode.Session{Key: key(i), Owner: znode.Owner(i + 1), Timeout: int64(1000 + i)}
	}
	inUse := func() int64 {
		var m runtime.MemStats
		runtime.GC()
		runtime.ReadMemStats(&m)
		return int64(m.HeapAlloc)
	}
	before := inUse()
	table := newTable(znode.NewMachine().State().Sessions, 0)
	for _, s := range sessions {
		table.apply([]command.SessionChange{{Session: s, Kind: command.SessionOpened}}, 0)
	}
	per := (inUse() - before) / n
	t.Logf("%d bytes a lease", per)
	if per > bytesPerLease || per < 24 {
		t.Errorf("%d bytes a lease, the limit is %d", per, bytesPerLease)
	}
	runtime.KeepAlive(table)
	runtime.KeepAlive(sessions)
}
