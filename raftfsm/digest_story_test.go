package raftfsm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// round is between two comparisons in these stories.
const round = 10 * time.Second

// forged is a cluster where one member's disk says "wrong" where the others' say "right", and that member has been started again.
func forged(t *testing.T, c *raftfsmtest.Cluster, liars ...int) {
	t.Helper()
	must(t, c, c.WaitLeader(), znode.PutOp(path("/a"), "right"))
	c.Settle()
	for _, i := range liars {
		c.Crash(i)
		if n := c.Forge(i, "right", fmt.Sprintf("wrong%d", i)[:5]); n != 1 {
			t.Fatalf("%d entries were forged", n)
		}
		c.Start(i)
		c.WaitReady()
	}
}

// wantFatal waits until a member has stopped because its state is another.
func wantFatal(t *testing.T, c *raftfsmtest.Cluster, i int) {
	t.Helper()
	begun := time.Now()
	c.Eventually(c.Name(i)+" stops", func() bool { return c.Fatal(i) != nil && c.Node(i) == nil })
	if err := c.Fatal(i); !errors.Is(err, raftfsm.ErrDiverged) {
		t.Fatalf("%s stopped because %v", c.Name(i), err)
	}
	if took := time.Since(begun); took > 2*round+2*time.Second {
		t.Errorf("it took %v to find out", took)
	}
}

// wantUp fails the test if one of these has stopped.
func wantUp(t *testing.T, c *raftfsmtest.Cluster, members ...int) {
	t.Helper()
	for _, i := range members {
		if err := c.Fatal(i); err != nil || c.Node(i) == nil {
			t.Errorf("%s has stopped: %v", c.Name(i), err)
		}
	}
}

// A follower serves what nobody wrote. It is found, it stops, and nobody else does; started again it finds out by itself. On an empty
// disk it begins anew.
func TestAFollowerThatHoldsSomethingElseStops(t *testing.T) {
	story(t, raftfsmtest.Config{DigestEvery: round}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.WaitLeader()
		liar, other := (leader+1)%3, (leader+2)%3
		forged(t, c, liar)
		s, err := c.Node(liar).State()
		if err != nil || !strings.HasPrefix(data(s, "/a"), "wrong") || s.Zxid != c.States()[leader].Zxid {
			t.Fatalf("the story did not begin: %v, %v", s, err)
		}
		wantFatal(t, c, liar)
		z := must(t, c, other, znode.PutOp(path("/b"), "x")).Zxid
		wantUp(t, c, leader, other)
		c.Eventually("the others agree", func() bool {
			return c.Node(leader).Stats().DigestZxid >= z && c.Node(other).Stats().DigestZxid >= z
		})

		c.Start(liar) // in vain: what is wrong is on its disk, and the verdict is there too
		wantFatal(t, c, liar)
		wantUp(t, c, leader, other)
	})
}

// The leader is the one: it has its own end committed. Another takes over, and nothing that was acknowledged is lost.
func TestALeaderThatHoldsSomethingElseStops(t *testing.T) {
	story(t, raftfsmtest.Config{DigestEvery: round}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.WaitLeader()
		liar, other := (leader+1)%3, (leader+2)%3
		forged(t, c, liar)
		c.Isolate(other) // so that the liar is who leads next
		must(t, c, leader, znode.PutOp(path("/b"), "x"))
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		if err := c.Node(leader).HandOver(ctx); err != nil {
			t.Fatal(err)
		}
		c.Eventually("the liar leads", func() bool { return c.Leader() == liar })
		c.Heal()
		var done []string // acknowledged
		var writing sync.WaitGroup
		over := make(chan struct{})
		writing.Go(func() {
			for n := 0; ; n++ {
				p := fmt.Sprintf("/n%d", n)
				if _, err := propose(t, c, other, time.Minute, znode.CreateOp(path(p), "", znode.Persistent)); err == nil {
					done = append(done, p)
				}
				select {
				case <-over:
					return
				case <-time.After(100 * time.Millisecond):
				}
			}
		})
		wantFatal(t, c, liar)
		c.WaitLeader(liar)
		close(over)
		writing.Wait()
		wantUp(t, c, leader, other)
		s := c.Settle()
		for _, p := range done {
			if s.Tree.Get(path(p)) == nil {
				t.Errorf("%s was acknowledged and is lost", p)
			}
		}
		if len(done) == 0 {
			t.Error("nothing was acknowledged")
		}
	})
}

// Three members hold three things. Nobody can tell who is right, so nobody stops; it is said, as long as it is so.
func TestWithoutAMajorityNobodyStops(t *testing.T) {
	story(t, raftfsmtest.Config{DigestEvery: round}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader := c.WaitLeader()
		// One after the other within a round: with two of them there still is a majority.
		c.Isolate(leader)
		next := c.WaitLeader(leader)
		c.Heal()
		c.WaitReady()
		must(t, c, next, znode.PutOp(path("/a"), "right"))
		c.Settle()
		for _, i := range []int{(next + 1) % 3, (next + 2) % 3} {
			c.Crash(i)
			c.Forge(i, "right", fmt.Sprintf("wro%d!", i))
			c.Start(i)
		}
		c.WaitReady()
		c.Eventually("the leader says that there is no majority", func() bool {
			l := c.Leader()
			return l >= 0 && c.Node(l).Stats().DigestDisputed
		})
		before := c.Node(c.Leader()).Stats().DigestIndex
		time.Sleep(5 * round)
		wantUp(t, c, 0, 1, 2)
		for i := range 3 {
			s := c.Node(i).Stats()
			if s.DigestDisputed != s.Leader || s.DigestIndex > before {
				t.Errorf("%s: %+v", c.Name(i), s)
			}
		}
	})
}

// A cluster where nothing happens writes nothing: members that agreed once have nothing to compare.
func TestAnIdleClusterComparesOnce(t *testing.T) {
	story(t, raftfsmtest.Config{DigestEvery: round}, func(t *testing.T, c *raftfsmtest.Cluster) {
		z := must(t, c, 0, znode.PutOp(path("/a"), "x")).Zxid
		c.Eventually("all agree", func() bool {
			for i := range 3 {
				if c.Node(i).Stats().DigestZxid != z {
					return false
				}
			}
			return true
		})
		before := c.Node(0).Stats()
		time.Sleep(10 * round)
		if s := c.Node(0).Stats(); s.LastIndex != before.LastIndex || s.DigestIndex != before.DigestIndex {
			t.Errorf("from %+v to %+v", before, s)
		}
		z = must(t, c, 0, znode.PutOp(path("/a"), "y")).Zxid
		c.Eventually("they compare again", func() bool { return c.Node(1).Stats().DigestZxid == z })
	})
}

// A member alone compares too: what it says of its state stands in its log, and the next start is held to it.
func TestAMemberAloneIsHeldToWhatItWas(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 1, DigestEvery: round}, func(t *testing.T, c *raftfsmtest.Cluster) {
		z := must(t, c, 0, znode.PutOp(path("/a"), "right")).Zxid
		c.Eventually("it agrees with itself", func() bool { return c.Node(0).Stats().DigestZxid == z })
		c.Restart(0)
		c.WaitReady()
		wantUp(t, c, 0)
		c.Crash(0)
		if c.Forge(0, "right", "wrong") != 1 {
			t.Fatal("nothing was forged")
		}
		c.Start(0)
		wantFatal(t, c, 0)
	})
}

// An honest cluster: members are killed, cut off and sent snapshots, leaders change, sessions and whole trees come and go. Nobody is ever
// told that it is wrong, and the comparing never ceases. 120 turns of a minute each were run as well; most of what that takes is idle raft.
func TestNobodyStopsInAnHonestCluster(t *testing.T) {
	const turns, turn = 48, 10 * time.Second
	cfg := raftfsmtest.Config{Members: 3, NonVoters: 1, DigestEvery: turn, SnapshotBytes: 48 << 10, Heartbeat: 2 * time.Second}
	story(t, cfg, func(t *testing.T, c *raftfsmtest.Cluster) {
		rng := rand.New(rand.NewPCG(6, 7))
		churn := newChurn(c, rng)
		agreed, rounds, installs := znode.Zxid(0), 0, 0
		for i := range turns {
			away := rng.IntN(c.Len())
			switch i % 6 {
			case 1:
				c.Restart(away)
			case 2:
				c.Isolate(away)
				churn.run(t, 60, away)
				c.Heal()
			case 4:
				c.Crash(away)
				churn.run(t, 300, away)
				reads := c.SnapshotReads(away)
				c.Start(away)
				c.WaitReady()
				if c.SnapshotReads(away) > reads+1 { // beside the one at the start
					installs++
				}
			}
			churn.run(t, 40)
			time.Sleep(turn)
			for m := range c.Len() {
				if err := c.Fatal(m); err != nil {
					t.Fatalf("turn %d, %s: %v", i, c.Name(m), err)
				}
				if z := c.Node(m).Stats().DigestZxid; z > agreed {
					agreed = z
					rounds++
				}
			}
		}
		c.Settle()
		t.Logf("%d comparisons up to zxid %d, %d snapshots sent", rounds, agreed, installs)
		if rounds < turns*3/4 || installs < 2 {
			t.Error("that is too few to say much")
		}
	})
}

// churn is clients that do some of everything.
type churn struct {
	c        *raftfsmtest.Cluster
	rng      *rand.Rand
	sessions []znode.SessionKey // opened, and maybe over
}

func newChurn(c *raftfsmtest.Cluster, rng *rand.Rand) *churn { return &churn{c: c, rng: rng} }

// run has so many transactions proposed, through any member that is not among these.
func (ch *churn) run(t *testing.T, transactions int, not ...int) {
	t.Helper()
	for range transactions {
		i := ch.rng.IntN(ch.c.Len())
		for len(not) > 0 && i == not[0] {
			i = ch.rng.IntN(ch.c.Len())
		}
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		if _, err := ch.c.Node(i).Propose(ctx, ch.draw()); err != nil && !errors.Is(err, command.ErrUnknown) {
			t.Errorf("through %s: %v", ch.c.Name(i), err)
		}
		cancel()
	}
}

// draw is some transaction, which may well be refused.
func (ch *churn) draw() *znode.Txn {
	rng := ch.rng
	p := path(fmt.Sprintf("/d%d", rng.IntN(4)))
	leaf := p.Child(fmt.Sprintf("n%d", rng.IntN(30)))
	text := strings.Repeat(string(rune('a'+rng.IntN(26))), rng.IntN(400))
	txn := &znode.Txn{}
	one := func(op znode.Op) *znode.Txn { txn.Ops = append(txn.Ops, op); return txn }
	var key *znode.SessionKey
	if len(ch.sessions) > 0 {
		key = &ch.sessions[rng.IntN(len(ch.sessions))]
	}
	switch k := rng.IntN(24); {
	case k == 0:
		return one(znode.DeleteTreeOp(p))
	case k == 1:
		return one(znode.Op{Kind: znode.Create, Path: p.Child("goes"), Mode: znode.Container})
	case k == 2:
		return one(znode.Op{Kind: znode.Create, Path: leaf, Mode: znode.PersistentWithTTL, TTL: 1000})
	case k == 3:
		tag := znode.Tag{Czxid: 1}
		for _, s := range ch.c.States() {
			if s != nil && s.Tree.Get(leaf) != nil {
				tag = znode.Tag{Version: s.Tree.Get(leaf).Version(), Czxid: s.Tree.Get(leaf).Czxid()}
			}
		}
		return one(znode.ReapOp(leaf, tag))
	case k == 4:
		var fresh znode.SessionKey
		for i := range fresh {
			fresh[i] = byte(rng.Uint32())
		}
		ch.sessions = append(ch.sessions, fresh)
		return one(znode.OpenSessionOp(fresh, 10_000))
	case k == 5 && key != nil:
		return one(znode.CloseSessionOp(*key))
	case k == 6 && key != nil:
		txn.Session = key
		return one(znode.AddWatchOp(leaf, znode.ExistsWatch))
	case k <= 9 && key != nil:
		txn.Session = key
		return one(znode.CreateOp(leaf, text, znode.Ephemeral))
	case k == 10: // the second is refused, and with it the first
		one(znode.PutOp(p, text))
		return one(znode.CreateOp(znode.Root, "", znode.Persistent))
	case k == 11:
		txn.Once = &znode.Once{Key: [16]byte{byte(rng.IntN(50))}, Print: [16]byte{1}}
		return one(znode.PutOp(p, text))
	case k <= 15:
		return one(znode.DeleteOp(leaf))
	default:
		return one(znode.Op{Kind: znode.Create, Path: leaf, Data: text, Parents: true})
	}
}
