package raftfsm_test

import (
	"context"
	"testing"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// failpoint stops a member between carrying out a transaction and answering for it: the state that has the znode is published, and the
// answers come after. It is a member's Watchers.
type failpoint struct {
	at       znode.Path
	reached  chan struct{} // closed when the member stands there
	released chan struct{} // closed when it may go on
}

func (f *failpoint) Publish(s *znode.State) {
	if s.Tree.Get(f.at) == nil {
		return
	}
	select {
	case <-f.reached:
	default:
		close(f.reached)
	}
	<-f.released
}

// withFailpoints is a cluster whose members stand still once they have carried out the create of a path, each at its own failpoint.
func withFailpoints(t *testing.T, at string, tell func(t *testing.T, c *raftfsmtest.Cluster, points []*failpoint)) {
	points := make([]*failpoint, 3)
	cfg := raftfsmtest.Config{Attach: func(member int) raftfsmtest.Attachment {
		p := points[member]
		if p == nil { // made in the bubble: its time would stand still for whoever waits on a channel from without
			p = &failpoint{path(at), make(chan struct{}), make(chan struct{})}
			points[member] = p
		}
		return raftfsmtest.Attachment{Watchers: p, Opened: func(*raftfsm.Node) {}, Closed: func() {
			select {
			case <-p.released:
			default:
				close(p.released)
			}
		}}
	}}
	story(t, cfg, func(t *testing.T, c *raftfsmtest.Cluster) { tell(t, c, points) })
}

// keyedCreate is a transaction to be done once under a key.
func keyedCreate(p, key string) *znode.Txn {
	txn := &znode.Txn{Ops: []znode.Op{znode.CreateOp(path(p), "once", znode.Persistent)}}
	txn.Once = znode.NewOnce(key, txn)
	return txn
}

// A leader that has carried out a write and dies before it says so: whoever asks another member again is told what happened, and it does
// not happen again. The same of a follower that had forwarded it.
func TestAMemberThatDiesBetweenCommitAndAnswerLeavesTheAnswerBehind(t *testing.T) {
	for _, who := range []string{"leader", "follower"} {
		t.Run(who, func(t *testing.T) {
			withFailpoints(t, "/job", func(t *testing.T, c *raftfsmtest.Cluster, points []*failpoint) {
				asked := c.WaitLeader()
				if who == "follower" {
					asked = c.Followers()[0]
				}
				for i, p := range points {
					if i != asked {
						close(p.released)
					}
				}
				go func() { // whose client hears nothing any more
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					defer cancel()
					_, _ = c.Node(asked).Propose(ctx, keyedCreate("/job", "job-7"))
				}()
				<-points[asked].reached
				c.Crash(asked)
				c.WaitLeader(asked)
				for i := range c.Len() {
					if i == asked {
						continue
					}
					ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
					r, err := c.Node(i).Propose(ctx, keyedCreate("/job", "job-7"))
					cancel()
					if err != nil || r.Code != znode.OK || !r.Replayed {
						t.Fatalf("%s answers %+v, %v; want the outcome that was kept", c.Name(i), r, err)
					}
					s, err := linearizable(t, c, i, time.Minute)
					if err != nil {
						t.Fatal(err)
					}
					n := s.Tree.Get(path("/job"))
					if n == nil || r.Zxid != n.Czxid() || r.Ops[0].Stat() != n.Stat() || n.Stat().Version != 0 {
						t.Errorf("%s answers zxid %d and %+v; the znode is %+v", c.Name(i), r.Zxid, r.Ops[0].Stat(), n.Stat())
					}
				}
				c.Start(asked)
				c.Settle()
			})
		})
	}
}

// A leader that is cut off with a write it cannot have committed: the write is done by the next, under the same key once, and what the
// first leader had in its log is not done when it is back.
func TestAWriteThatACutOffLeaderHoldsIsDoneOnceByTheNext(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		old := c.WaitLeader()
		c.Isolate(old)
		first := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
			defer cancel()
			_, err := c.Node(old).Propose(ctx, keyedCreate("/job", "job-7"))
			first <- err
		}()
		next := c.WaitLeader(old)
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		r, err := c.Node(next).Propose(ctx, keyedCreate("/job", "job-7"))
		if err != nil || r.Code != znode.OK || r.Replayed {
			t.Fatalf("the next leader answers %+v, %v", r, err)
		}
		c.Heal()
		// The first call is known not to be done and is proposed again; what it is told then is the outcome.
		if err := <-first; err != nil {
			t.Errorf("the first call ends with %v", err)
		}
		s := c.Settle()
		if n := s.Tree.Get(path("/job")); n == nil || n.Czxid() != r.Zxid || s.Tree.Get(znode.Root).NumChildren() != 1 {
			t.Errorf("the znode is %+v, the write was of zxid %d", n, r.Zxid)
		}
	})
}

// Outcomes come with the snapshot that a member which was away is sent.
func TestOutcomesComeWithASnapshot(t *testing.T) {
	story(t, raftfsmtest.Config{SnapshotBytes: 16 << 10}, func(t *testing.T, c *raftfsmtest.Cluster) {
		c.WaitLeader()
		away := c.Followers()[0]
		c.Crash(away)
		l := c.WaitLeader()
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		first, err := c.Node(l).Propose(ctx, keyedCreate("/job", "job-7"))
		if err != nil {
			t.Fatal(err)
		}
		big := string(make([]byte, 4<<10))
		must(t, c, l, znode.CreateOp(path("/big"), "", znode.Persistent))
		c.Eventually("a snapshot", func() bool {
			for range 20 {
				must(t, c, l, znode.SetOp(path("/big"), big))
			}
			return c.SnapshotIndex(l) > 60
		})
		c.Start(away)
		c.Eventually("the member has caught up", func() bool { return c.Node(away).Ready() })
		r, err := c.Node(away).Propose(ctx, keyedCreate("/job", "job-7"))
		if err != nil || !r.Replayed || r.Zxid != first.Zxid || r.Ops[0].Stat() != first.Ops[0].Stat() {
			t.Errorf("it answers %+v, %v; the first answer was %+v", r, err, first)
		}
		c.Settle()
	})
}
