package watch

import (
	"context"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"
	"time"

	"go.uber.org/goleak"

	"holt/raftfsm/znode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// rig is a machine and a hub that is shown what it does.
type rig struct {
	testing.TB
	*znode.Machine
	hub *Hub
}

func newRig(t testing.TB) *rig {
	t.Helper()
	r := &rig{t, znode.NewMachine(), NewHub(Config{})}
	t.Cleanup(r.hub.Close)
	return r
}

func paths(names ...string) (ps []znode.Path) {
	for _, n := range names {
		ps = append(ps, znode.MustPath(n))
	}
	return ps
}

func create(p string) znode.Op { return znode.CreateOp(znode.MustPath(p), "", znode.Persistent) }
func write(p string) znode.Op  { return znode.SetOp(znode.MustPath(p), "d") }
func remove(p string) znode.Op { return znode.DeleteOp(znode.MustPath(p)) }

// do applies a transaction that must succeed, without showing it to the hub.
func (r *rig) do(ops ...znode.Op) znode.Zxid { return r.doAs(nil, ops...) }

func (r *rig) doAs(k *znode.SessionKey, ops ...znode.Op) znode.Zxid {
	r.Helper()
	res := r.Apply(&znode.Txn{Ops: ops, Session: k})
	if res.Code != znode.OK {
		r.Fatalf("refused: %s at op %d", res.Code, res.Failed)
	}
	return res.Zxid
}

// publish shows the hub the state and waits until it has dispatched it.
func (r *rig) publish() znode.Zxid {
	r.Helper()
	r.hub.Publish(r.State())
	r.reach(r.Zxid())
	return r.Zxid()
}

func (r *rig) reach(z znode.Zxid) {
	r.Helper()
	eventually(r, func() bool { return r.hub.upTo() >= z })
}

// then is do and publish.
func (r *rig) then(ops ...znode.Op) znode.Zxid {
	r.Helper()
	r.do(ops...)
	return r.publish()
}

// open opens the session with a key of that byte.
func (r *rig) open(key byte) (*znode.SessionKey, znode.Owner) {
	r.Helper()
	k := &znode.SessionKey{key}
	return k, znode.Owner(r.do(znode.OpenSessionOp(*k, 1000)))
}

func (r *rig) subscribe(f Filter, after znode.Zxid) *Subscription {
	r.Helper()
	s, err := r.hub.Subscribe(f, after)
	if err != nil {
		r.Fatal(err)
	}
	return s
}

// want takes all there is and says what it must be: a line a message, such as "3: +/a *//", see text. The last upTo must
// be that of the state.
func (r *rig) want(s *Subscription, lines ...string) {
	r.Helper()
	var got []string
	buf := make([]*Message, 100)
	var upTo znode.Zxid
	for {
		n, z, lost := s.Take(buf)
		if z < upTo {
			r.Errorf("upTo went back from %d to %d", upTo, z)
		}
		upTo = z
		if lost {
			got = append(got, fmt.Sprintf("lost to %d", z))
		}
		for _, m := range buf[:n] {
			got = append(got, text(m))
		}
		if !ready(s) {
			break
		}
	}
	if !slices.Equal(got, lines) {
		r.Errorf("got\n  %s\nwant\n  %s", strings.Join(got, "\n  "), strings.Join(lines, "\n  "))
	}
	if upTo < r.Zxid() {
		r.Errorf("all was taken up to %d, the state is at %d", upTo, r.Zxid())
	}
	s.Sent(upTo)
}

func ready(s *Subscription) bool {
	select {
	case <-s.Ready():
		return true
	default:
		return false
	}
}

// text is a message in short: + created, - deleted, = data changed, * children changed, ! session ended.
func text(m *Message) string {
	b := fmt.Sprintf("%d:", m.Zxid)
	for _, e := range m.Events {
		b += " " + " +-=*!"[e.Type:e.Type+1] + e.Path.String()
		if e.Cause != 0 {
			b += "(" + e.Cause.String() + ")"
		}
	}
	return b
}

func eventually(t testing.TB, ok func() bool) {
	t.Helper()
	for range 1000 {
		if ok() {
			return
		}
		runtime.Gosched()
	}
	tick := time.NewTicker(time.Millisecond)
	defer tick.Stop()
	ctx, cancel := context.WithTimeout(t.Context(), 30*time.Second)
	defer cancel()
	for !ok() {
		select {
		case <-tick.C:
		case <-ctx.Done():
			t.Fatal("it did not happen in time")
		}
	}
}
