package guard

import (
	"bytes"
	"encoding/binary"
	"fmt"
	"io"
	"sync"
	"testing"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"
)

// The timers of every raft in these tests, as the product sets them by default.
const (
	testHeartbeat = 500 * time.Millisecond
	testLease     = 400 * time.Millisecond
)

// tally is an FSM that remembers the data of every command and how often it was restored.
type tally struct {
	mu       sync.Mutex // guards applied and restores
	applied  []string
	restores int
}

func (f *tally) Apply(l *raft.Log) any {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.applied = append(f.applied, string(l.Data))
	return nil
}

func (f *tally) Snapshot() (raft.FSMSnapshot, error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return tallySnapshot(append([]string(nil), f.applied...)), nil
}

// Restore takes a millisecond, as a disk would: in a bubble, a snapshot that is installed again and again in no time at all would
// keep the clock from ever moving.
func (f *tally) Restore(r io.ReadCloser) error {
	<-time.After(time.Millisecond)
	b, err := io.ReadAll(r)
	if err != nil {
		return err
	}
	f.mu.Lock()
	defer f.mu.Unlock()
	f.restores++
	f.applied = nil
	for len(b) > 0 {
		n := binary.BigEndian.Uint32(b)
		f.applied = append(f.applied, string(b[4:4+n]))
		b = b[4+n:]
	}
	return nil
}

func (f *tally) seen() (applied []string, restores int) {
	f.mu.Lock()
	defer f.mu.Unlock()
	return append([]string(nil), f.applied...), f.restores
}

type tallySnapshot []string

func (s tallySnapshot) Persist(sink raft.SnapshotSink) error {
	var b bytes.Buffer
	for _, v := range s {
		b.Write(binary.BigEndian.AppendUint32(nil, uint32(len(v))))
		b.WriteString(v)
	}
	_, err := sink.Write(b.Bytes())
	return err
}

func (tallySnapshot) Release() {}

// member is one raft of a test, on an in-memory transport, guarded or as the library comes.
type member struct {
	id    raft.ServerID
	inmem *raft.InmemTransport
	guard *Transport // nil when not guarded
	raw   Raw
	fsm   *tally
	raft  *raft.Raft
}

// parts is what a test may choose about a member. Zero values: defaults.
type parts struct {
	guarded  bool
	raw      Raw                         // default: an empty raft.InmemStore
	carrier  func(Underlying) Underlying // put around the in-memory transport, below the guard
	hide     bool                        // hide all but raft.Transport from raft
	trailing uint64
}

func newMember(t *testing.T, id string, servers []raft.Server, p parts) *member {
	t.Helper()
	if p.raw == nil {
		p.raw = raft.NewInmemStore()
	}
	_, inmem := raft.NewInmemTransport(raft.ServerAddress(id))
	m := &member{id: raft.ServerID(id), inmem: inmem, raw: p.raw, fsm: &tally{}}
	var (
		carrier Underlying         = inmem
		logs    raft.LogStore      = p.raw
		stable  raft.StableStore   = p.raw
		snaps   raft.SnapshotStore = raft.NewInmemSnapshotStore()
	)
	if p.carrier != nil {
		carrier = p.carrier(inmem)
	}
	var trans raft.Transport = carrier
	if p.guarded {
		stall := &Stall{}
		l, s, err := NewStores(Config{Raw: p.raw, Stall: stall, Fatal: func(err error) { t.Errorf("%s: fatal: %v", id, err) }})
		must(t, err)
		guardedSnaps, err := NewSnaps(snaps, l)
		must(t, err)
		m.guard, err = NewTransport(TransportConfig{Inner: carrier, Stall: stall, MaxStall: time.Second})
		must(t, err)
		logs, stable, snaps, trans = l, s, guardedSnaps, m.guard
	}
	if p.hide {
		trans = struct{ raft.Transport }{trans}
	}
	conf := raft.DefaultConfig()
	conf.LocalID = m.id
	conf.HeartbeatTimeout, conf.ElectionTimeout, conf.LeaderLeaseTimeout = testHeartbeat, testHeartbeat, testLease
	conf.CommitTimeout = 5 * time.Millisecond
	conf.TrailingLogs = p.trailing
	conf.SnapshotInterval, conf.SnapshotThreshold = time.Hour, 1<<40
	conf.Logger = hclog.NewNullLogger()
	if len(servers) > 0 {
		must(t, raft.BootstrapCluster(conf, logs, stable, snaps, trans, raft.Configuration{Servers: servers}))
	}
	r, err := raft.NewRaft(conf, m.fsm, logs, stable, snaps, trans)
	must(t, err)
	m.raft = r
	return m
}

// stop shuts the member down and waits until all of it is gone.
func (m *member) stop(t *testing.T) {
	t.Helper()
	must(t, m.raft.Shutdown().Error())
	if m.guard != nil {
		must(t, m.guard.Close())
	}
}

// cluster is n members named a, b, c …, connected with each other.
func cluster(t *testing.T, n int, choose func(i int) parts) []*member {
	t.Helper()
	var servers []raft.Server
	for i := range n {
		id := string(rune('a' + i))
		servers = append(servers, raft.Server{ID: raft.ServerID(id), Address: raft.ServerAddress(id)})
	}
	var all []*member
	for i := range n {
		all = append(all, newMember(t, string(servers[i].ID), servers, choose(i)))
	}
	for _, m := range all {
		join(m, all)
	}
	return all
}

// join connects m with all others, both ways.
func join(m *member, all []*member) {
	for _, o := range all {
		if o != m {
			m.inmem.Connect(o.inmem.LocalAddr(), o.inmem)
			o.inmem.Connect(m.inmem.LocalAddr(), m.inmem)
		}
	}
}

// part cuts m off from all others, both ways.
func part(m *member, all []*member) {
	m.inmem.DisconnectAll()
	for _, o := range all {
		o.inmem.Disconnect(m.inmem.LocalAddr())
	}
}

// leader waits up to limit for one of the members to lead, and returns nil if none does.
func leader(limit time.Duration, among ...*member) *member {
	var found *member
	eventually(limit, func() bool {
		for _, m := range among {
			if m.raft.State() == raft.Leader {
				found = m
			}
		}
		return found != nil
	})
	return found
}

func without(all []*member, m *member) []*member {
	var rest []*member
	for _, o := range all {
		if o != m {
			rest = append(rest, o)
		}
	}
	return rest
}

// write proposes n commands named after prefix and waits for them all.
func write(t *testing.T, m *member, prefix string, n int) {
	t.Helper()
	for i := range n {
		must(t, m.raft.Apply(fmt.Appendf(nil, "%s%d", prefix, i), time.Second).Error())
	}
}

// eventually asks until the answer is yes or limit has passed, and returns the last answer.
func eventually(limit time.Duration, ask func() bool) bool {
	deadline := time.NewTimer(limit)
	defer deadline.Stop()
	tick := time.NewTicker(5 * time.Millisecond)
	defer tick.Stop()
	for !ask() {
		select {
		case <-deadline.C:
			return ask()
		case <-tick.C:
		}
	}
	return true
}

func must(t *testing.T, err error) {
	t.Helper()
	if err != nil {
		t.Fatal(err)
	}
}
