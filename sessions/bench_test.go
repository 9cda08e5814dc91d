package sessions

import (
	"context"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// keeper is a tracker in office with so many sessions, and nobody who expires them.
func keeper(b *testing.B, sessions int) (*fake, *tracker) {
	f := cluster(b, 1)
	b.Cleanup(f.close)
	for i := range sessions {
		f.machine.Apply(&znode.Txn{Ops: []znode.Op{znode.OpenSessionOp(key(i), 3_600_000)}})
	}
	f.state.Store(f.machine.State())
	f.lead(0)
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for f.members[0].kept() < sessions {
		<-ticker.C
	}
	return f, f.members[0].leases.tracker
}

const benchSessions = 100_000

// One renewal that reached the leader, of 100,000 sessions.
func BenchmarkTouch(b *testing.B) {
	_, t := keeper(b, benchSessions)
	keys := make([]znode.SessionKey, benchSessions)
	for i := range keys {
		keys[i] = key(i)
	}
	b.ResetTimer()
	for i := 0; b.Loop(); i++ {
		at := i * 7919 % benchSessions
		if err := t.touch(keys[at : at+1]); err != nil {
			b.Fatal(err)
		}
	}
}

// A full question to the leader: decoded, recorded, confirmed, answered and encoded.
func BenchmarkKeepaliveBatch(b *testing.B) {
	f, _ := keeper(b, benchSessions)
	keys := make([]znode.SessionKey, MaxBatch)
	for i := range keys {
		keys[i] = key(i * 7919 % benchSessions)
	}
	payload := appendKeys(nil, askRenew, keys)
	for b.Loop() {
		answer, err := f.members[0].leases.OnAsk(b.Context(), payload)
		if err != nil {
			b.Fatal(err)
		}
		if answers, err := decodeAnswers(answer, askRenew); err != nil || len(answers) != MaxBatch || answers[0].status != isAlive {
			b.Fatal(err)
		}
	}
	b.ReportMetric(float64(b.Elapsed().Nanoseconds())/float64(b.N)/MaxBatch, "ns/key")
}

// What a member does for one caller that renews one session, 1,000 at a time, without the leader.
func BenchmarkGather(b *testing.B) {
	a := newAsker(func(_ context.Context, keys []znode.SessionKey, _ bool) ([]answer, error) {
		answers := make([]answer, len(keys))
		for i := range answers {
			answers[i].status = isAlive
		}
		return answers, nil
	})
	keys := make([]znode.SessionKey, 1000)
	for i := range keys {
		keys[i] = key(i)
	}
	for i := 0; b.Loop(); i++ {
		c := &call{leases: make([]command.Lease, 1), left: 1, done: make(chan struct{})}
		if err := a.add(c, keys[i%1000:i%1000+1]); err != nil {
			b.Fatal(err)
		}
		if i%1000 == 999 {
			a.once(b.Context())
		}
	}
}

// Ten thousand sessions whose time comes at once, of a log that takes 1 ms: from then until the last has ended. Up to a tick of
// it is waiting.
func BenchmarkExpire10000(b *testing.B) {
	const sessions, timeout = 10_000, 100 * time.Millisecond
	ticker := time.NewTicker(time.Millisecond)
	defer ticker.Stop()
	for b.Loop() {
		b.StopTimer()
		f := cluster(b, 1)
		m := f.members[0]
		m.set(func(m *member) {
			m.latency = time.Millisecond
			m.confirm = func(context.Context) error { return command.ErrNoLeader } // nobody ends before all are there
		})
		f.lead(0)
		for i := range sessions {
			f.open(i, timeout)
		}
		m.set(func(m *member) { m.confirm = nil })
		for t := m.leases.tracker; ; <-ticker.C {
			t.mu.Lock()
			granted := t.office != nil && !t.suspect
			t.mu.Unlock()
			if granted {
				break
			}
		}
		<-time.After(timeout)
		b.StartTimer()
		for f.lenEnded() < sessions {
			<-ticker.C
		}
		b.StopTimer()
		f.close()
		b.StartTimer()
	}
}
