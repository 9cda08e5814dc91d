package peer

import (
	"encoding/binary"
	"errors"
	"io"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/hashicorp/go-hclog"
	"github.com/hashicorp/raft"

	"holt/raftfsm/peer/peertest"
)

// counter is a state machine that adds up how many commands it saw.
type counter struct {
	mu sync.Mutex // guards n
	n  uint64
}

func (c *counter) Apply(*raft.Log) any {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.n++
	return c.n
}

func (c *counter) count() uint64 {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.n
}

func (c *counter) Snapshot() (raft.FSMSnapshot, error) { return counted(c.count()), nil }

func (c *counter) Restore(r io.ReadCloser) error {
	defer r.Close()
	c.mu.Lock()
	defer c.mu.Unlock()
	return binary.Read(r, binary.BigEndian, &c.n)
}

type counted uint64

func (n counted) Persist(s raft.SnapshotSink) error {
	if err := binary.Write(s, binary.BigEndian, uint64(n)); err != nil {
		s.Cancel()
		return err
	}
	return s.Close()
}

func (counted) Release() {}

// node is a raft node over a Mux.
type node struct {
	name string
	fsm  counter
	raft *raft.Raft
	stop func()
}

// start runs raft for the member name among all.
func start(t *testing.T, n *peertest.Network, name string, all []string) *node {
	t.Helper()
	m, err := Listen(configOf(t, n, name))
	if err != nil {
		t.Fatal(err)
	}
	quiet := hclog.NewNullLogger()
	trans := raft.NewNetworkTransportWithConfig(&raft.NetworkTransportConfig{
		Stream: m.RaftLayer(name + ":7"), MaxPool: 3, Timeout: 5 * time.Second, MaxRPCsInFlight: 1, Logger: quiet,
	})
	rc := raft.DefaultConfig()
	rc.LocalID, rc.Logger, rc.TrailingLogs = raft.ServerID(name), quiet, 10
	x := &node{name: name}
	store := raft.NewInmemStore()
	if x.raft, err = raft.NewRaft(rc, &x.fsm, store, store, raft.NewInmemSnapshotStore(), trans); err != nil {
		t.Fatal(err)
	}
	var servers []raft.Server
	for _, s := range all {
		servers = append(servers, raft.Server{ID: raft.ServerID(s), Address: RaftAddress(Target{s, s + ":7"})})
	}
	if err := x.raft.BootstrapCluster(raft.Configuration{Servers: servers}).Error(); err != nil {
		t.Fatal(err)
	}
	x.stop = sync.OnceFunc(func() {
		if err := x.raft.Shutdown().Error(); err != nil {
			t.Error(err)
		}
		trans.Close()
		trans.CloseStreams()
		m.Close()
	})
	t.Cleanup(x.stop)
	return x
}

// leader waits, in virtual time, until one of the nodes leads.
func leader(t *testing.T, nodes ...*node) *node {
	t.Helper()
	for range 600 {
		for _, x := range nodes {
			if x.raft.State() == raft.Leader {
				return x
			}
		}
		time.Sleep(100 * time.Millisecond) // virtual
	}
	t.Fatal("nobody leads")
	return nil
}

// write commits a number of commands.
func write(t *testing.T, x *node, commands int) {
	t.Helper()
	for range commands {
		if err := x.raft.Apply([]byte("x"), time.Minute).Error(); err != nil {
			t.Fatal(err)
		}
	}
}

// Raft elects, replicates, survives a leader cut off and one killed, and brings a
// member that missed everything up by a snapshot, all over the authenticated
// connections. Everything ends when it is closed: the bubble would not end else.
func TestRaftRunsOverTheLayer(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		n.DeadAfter = UserTimeout
		names := []string{"ash", "birch", "cedar"}
		var nodes []*node
		for _, name := range names {
			nodes = append(nodes, start(t, n, name, names))
		}
		others := func(x *node) (rest []*node) {
			for _, y := range nodes {
				if y != x {
					rest = append(rest, y)
				}
			}
			return rest
		}
		old := leader(t, nodes...)
		write(t, old, 20)

		n.Isolate(old.name, names...)
		next := leader(t, others(old)...)
		write(t, next, 100)
		if err := next.raft.Snapshot().Error(); err != nil {
			t.Fatal(err)
		}
		n.HealAll()
		time.Sleep(time.Minute) // virtual
		for _, x := range nodes {
			if got := x.fsm.count(); got != 120 {
				t.Errorf("%s counts %d", x.name, got)
			}
		}

		old = leader(t, nodes...)
		n.Kill(old.name)
		old.stop()
		write(t, leader(t, others(old)...), 5)
		time.Sleep(time.Minute) // virtual
		for _, x := range others(old) {
			if got := x.fsm.count(); got != 125 {
				t.Errorf("%s counts %d", x.name, got)
			}
			if got := string(x.raft.Leader()); got != "ash:7" && got != "birch:7" && got != "cedar:7" {
				t.Errorf("leader's address %q", got)
			}
		}
	})
}

// A raft layer that is closed frees its connections, and another can follow.
func TestARaftLayerCanBeReplaced(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ash := member(t, n, "ash", nil)
		birch := member(t, n, "birch", nil)
		first := ash.RaftLayer("ash:7")
		out := birch.RaftLayer("birch.example:7")
		if got := out.Addr().String(); got != "birch.example:7" {
			t.Errorf("address %q", got)
		}
		c, err := out.Dial("ash:7", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		in, err := first.Accept()
		if err != nil {
			t.Fatal(err)
		}
		io.WriteString(c, "vote")
		got := make([]byte, 4)
		if _, err := io.ReadFull(in, got); err != nil || string(got) != "vote" {
			t.Errorf("read %q, %v", got, err)
		}

		second := ash.RaftLayer("ash:7")
		if _, err := first.Accept(); err == nil {
			t.Error("the first layer still accepts")
		}
		if _, err := c.Read(got); err != io.EOF {
			t.Errorf("the first layer's connection: %v", err)
		}
		for range RaftBacklog {
			if _, err := out.Dial("ash:7", time.Second); err != nil {
				t.Fatal(err)
			}
		}
		synctest.Wait()
		over, err := out.Dial("ash:7", time.Second)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := over.Read(got); err != io.EOF {
			t.Errorf("a connection over the backlog: %v", err)
		}
		second.Close()
		out.Close()
		synctest.Wait()
		if n.Conns() != 0 {
			t.Errorf("%d connections left", n.Conns())
		}
		if _, err := out.Dial("ash:7", time.Second); err == nil {
			t.Error("a closed layer dials")
		}
	})
}

func TestARaftAddressNamesAMemberOrAny(t *testing.T) {
	for _, want := range []Target{{"ash", "ash:7"}, {"", "ash:7"}, {"an odd name", "[::1]:7"}} {
		if got := raftTarget(RaftAddress(want)); got != want {
			t.Errorf("%+v became %+v", want, got)
		}
	}
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ash := member(t, n, "ash", nil)
		birch := member(t, n, "birch", nil)
		ash.RaftLayer("ash:7")
		out := birch.RaftLayer("birch:7")
		if c, err := out.Dial(RaftAddress(Target{"ash", "ash:7"}), time.Second); err != nil {
			t.Errorf("by its name: %v", err)
		} else {
			c.Close()
		}
		var refused *RefusedError
		if _, err := out.Dial(RaftAddress(Target{"cedar", "ash:7"}), time.Second); !errors.As(err, &refused) || refused.Reason != WrongName {
			t.Errorf("by the name of another: %v", err)
		}
	})
}
