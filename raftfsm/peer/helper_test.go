package peer

import (
	"context"
	"log/slog"
	"net"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holt/raftfsm/peer/peertest"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

const secret = "an old oak door"

// configOf is a member of the usual cluster on a network in memory.
func configOf(t *testing.T, n *peertest.Network, name string) Config {
	t.Helper()
	ln, err := n.Listen(name + ":7")
	if err != nil {
		t.Fatal(err)
	}
	return Config{
		Name:     name,
		Cluster:  "c1",
		Secret:   []byte(secret),
		Listener: ln,
		Dial:     n.Dialer(name),
		Logger:   slog.New(slog.DiscardHandler),
	}
}

// listen opens a Mux that the test closes.
func listen(t *testing.T, cfg Config) *Mux {
	t.Helper()
	m, err := Listen(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { m.Close() })
	return m
}

// member is a member of the usual cluster that answers the routes.
func member(t *testing.T, n *peertest.Network, name string, table map[byte]Route) *Mux {
	t.Helper()
	m := listen(t, configOf(t, n, name))
	if table != nil {
		if err := m.Serve(table); err != nil {
			t.Fatal(err)
		}
	}
	return m
}

// at is the target of a member made by member.
func at(name string) Target { return Target{Name: name, Addr: name + ":7"} }

// dial opens a connection that the test closes.
func dial(t *testing.T, m *Mux, to Target, push OnPush) *Conn {
	t.Helper()
	c, err := m.Dial(t.Context(), to, push)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// plain opens an unproven connection from a stranger.
func plain(t *testing.T, n *peertest.Network, addr string) net.Conn {
	t.Helper()
	c, err := n.Dialer("stranger")(t.Context(), "tcp", addr)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// The kinds of call the tests use.
const (
	kindEcho    byte = 1 // answers with the payload
	kindOrdered byte = 2
	kindBlock   byte = 3 // waits for its ctx, or for the test
	kindFail    byte = 4
	kindUnknown byte = 99
)

func echo(_ context.Context, _ Peer, _ byte, payload []byte) ([]byte, error) { return payload, nil }

// echoes is the simplest table.
func echoes() map[byte]Route { return map[byte]Route{kindEcho: {Handler: echo}} }

// eventually polls a condition on real time.
func eventually(t *testing.T, what string, ok func() bool) {
	t.Helper()
	tick := time.NewTicker(2 * time.Millisecond)
	defer tick.Stop()
	limit := time.After(10 * time.Second)
	for !ok() {
		select {
		case <-tick.C:
		case <-limit:
			t.Fatalf("never: %s", what)
		}
	}
}
