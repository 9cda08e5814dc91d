package raftfsm_test

import (
	"context"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// refused holds err to be a refusal for this reason, with all of these words in its sentence.
func refused(t *testing.T, err error, reason command.ChangeReason, words ...string) {
	t.Helper()
	var e *command.ChangeError
	if !errors.As(err, &e) || e.Reason != reason {
		t.Errorf("%v is not a refusal for reason %d", err, reason)
		return
	}
	for _, w := range words {
		if !strings.Contains(e.Detail, w) {
			t.Errorf("%q does not say %q", e.Detail, w)
		}
	}
}

func transfer(c *raftfsmtest.Cluster, via int, to string) error {
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	return c.Node(via).Transfer(ctx, to)
}

func TestAVoterThatIsNeededIsNotRemoved(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, f := c.Leader(), c.Followers()
		c.Crash(f[0])
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		for _, via := range []int{leader, f[1]} {
			refused(t, removeMember(t, c, via, f[1]), command.ChangeUnsafe, c.Name(f[0]), "2 of the 2", "1 answer")
			refused(t, removeMember(t, c, via, leader), command.ChangeUnsafe, c.Name(f[0]))
			observer := c.Spec(f[1], false)
			refused(t, c.Node(via).AddMember(ctx, observer), command.ChangeUnsafe, c.Name(f[0]))
		}
		must(t, c, f[1], sequential("x"))
		if m, _ := listed(c, f[1]); !m.Voter || m.Observer || len(c.Node(leader).Status().Members) != 3 {
			t.Errorf("%+v", c.Node(leader).Status())
		}
		// The one that is away is another matter, and then the leader must stay.
		if err := removeMember(t, c, f[1], f[0]); err != nil {
			t.Fatal(err)
		}
		if err := removeMember(t, c, f[1], leader); err != nil {
			t.Fatal(err)
		}
		c.WaitLeader(leader)
		refused(t, removeMember(t, c, f[1], f[1]), command.ChangeUnsafe, "last voter")
		must(t, c, f[1], sequential("x"))
		refused(t, removeMember(t, c, f[1], leader), command.ChangeNoMember, c.Name(leader))
	})
}

// Five become one, the leader first each time, and nobody who writes elsewhere notices.
func TestTheLeaderIsRemovedUnderLoad(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 5}, func(t *testing.T, c *raftfsmtest.Cluster) {
		const last = 4
		w := writeEvery(c, 20*time.Millisecond, []int{last}, 5, 3*time.Second)
		var gone []int
		for round := range 4 {
			leader := c.WaitLeader(gone...)
			if leader == last {
				if err := transfer(c, last, ""); err != nil {
					t.Fatal(err)
				}
				leader = c.WaitLeader(append(gone, last)...)
			}
			via := leader
			if round%2 == 1 {
				via = last
			}
			if err := removeMember(t, c, via, leader); err != nil {
				t.Fatalf("removing %s through %s: %v\n%s", c.Name(leader), c.Name(via), err, c.Describe())
			}
			gone = append(gone, leader)
			c.WaitLeader(gone...)
			time.Sleep(200 * time.Millisecond)
		}
		// Those that are out still run. They know, start no elections and disturb nobody.
		term := c.Node(last).Stats().Term
		for _, i := range gone {
			c.Eventually(c.Name(i)+" knows that it is out", func() bool { return !c.Node(i).IsMember() })
		}
		time.Sleep(20 * time.Second)
		w.halt()
		if s := c.Node(last).Stats(); !s.Leader || s.Term != term {
			t.Errorf("the last led in term %d\n%s", term, c.Describe())
		}
		w.check(t, c.Settle())
		if len(w.errs) > 0 || len(w.done) < 1000 {
			t.Errorf("%d done, errors %v", len(w.done), w.errs)
		}
		// Alone, it does not wait for anybody when it comes back.
		c.Restart(last)
		start := time.Now()
		c.WaitReady()
		if took := time.Since(start); took > 100*time.Millisecond {
			t.Errorf("ready after %v", took)
		}
	})
}

// A member that is removed while it is cut off cannot read of it in its log.
func TestAMemberRemovedWhileItIsAwayDisturbsNobodyAndLearnsIt(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		away := c.Followers()[0]
		c.Isolate(away)
		time.Sleep(5 * time.Second)
		if err := removeMember(t, c, c.Leader(), away); err != nil {
			t.Fatal(err)
		}
		leader := c.Leader()
		term := c.Node(leader).Stats().Term
		if !c.Node(away).IsMember() {
			t.Error("cut off, it cannot know")
		}
		c.Heal()
		c.Eventually("it knows", func() bool { return !c.Node(away).IsMember() })
		for range 2 {
			time.Sleep(time.Minute)
			must(t, c, leader, sequential("x"))
			if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
				t.Errorf("%s led in term %d\n%s", c.Name(leader), term, c.Describe())
			}
			if c.Node(away).IsMember() {
				t.Error("it has forgotten")
			}
			if _, err := propose(t, c, away, time.Second, sequential("x")); err == nil {
				t.Error("it writes")
			}
			c.Restart(away)
		}
	})
}

// Changes that are asked for at once are made one after the other.
func TestManyChangesAtOnceAreMadeOneByOne(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := writeEvery(c, 20*time.Millisecond, []int{0, 1, 2}, 2, 3*time.Second)
		var adding []command.MemberSpec
		for range 6 {
			i := c.AddHost()
			c.Start(i)
			adding = append(adding, c.Spec(i, i%2 == 0))
		}
		var wg sync.WaitGroup
		errs := make([]error, len(adding))
		for i, m := range adding {
			n := c.Node(i % 3)
			wg.Go(func() {
				ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
				defer cancel()
				errs[i] = n.AddMember(ctx, m)
			})
		}
		wg.Wait()
		all := c.Node(c.Leader()).Status().Members
		for i, m := range adding {
			at := slices.IndexFunc(all, func(s raftfsm.MemberStatus) bool { return s.Name == m.Name })
			if (errs[i] == nil) != (at >= 0) {
				t.Errorf("adding %s: %v, and it is at %d", m.Name, errs[i], at)
			}
			if errs[i] != nil {
				refused(t, errs[i], command.ChangeInProgress)
			} else if all[at].Observer == m.Voter {
				t.Errorf("%+v became %+v", m, all[at])
			}
		}
		for i := 3; i < 9; i++ {
			if m, there := listed(c, i); there && !m.Observer {
				waitVoter(c, i)
			}
		}
		w.halt()
		w.check(t, c.Settle())
		if len(w.errs) > 0 {
			t.Errorf("errors %v", w.errs)
		}
	})
}

// Whoever asked for a change is told that it is done, that it is not, or that nobody knows: never the wrong one of the first two.
func TestAChangeWhoseLeaderDiesIsNotToldWrongly(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		r := rand.New(rand.NewPCG(6, 1))
		ghost := c.AddHost() // never started: who is in the configuration is all that counts
		told := map[string]int{}
		for round := range 24 {
			leader := c.WaitReady()
			via := c.Followers()[r.IntN(2)]
			n := c.Node(via)
			_, was := listed(c, ghost)
			patience := time.Minute
			if round%3 == 0 {
				patience = time.Duration(1+r.IntN(1500)) * time.Millisecond
			}
			answer := make(chan error, 1)
			go func() {
				ctx, cancel := context.WithTimeout(context.Background(), patience)
				defer cancel()
				if was {
					answer <- n.RemoveMember(ctx, c.Name(ghost))
				} else {
					answer <- n.AddMember(ctx, c.Spec(ghost, false))
				}
			}()
			c.Disk(leader).Slow(time.Duration(r.IntN(3)) * time.Millisecond)
			time.Sleep(time.Duration(r.IntN(8000)) * time.Microsecond)
			if round%2 == 0 {
				c.Crash(leader)
			} else {
				c.Isolate(leader)
			}
			err := <-answer
			c.Disk(leader).Slow(0)
			c.Heal()
			if c.Node(leader) == nil {
				c.Start(leader)
			}
			c.Settle()
			_, is := listed(c, ghost)
			switch {
			case err == nil && is == was:
				t.Errorf("round %d: told done; it was there: %t, it is: %t", round, was, is)
			case errors.Is(err, command.ErrNoLeader) && is != was:
				t.Errorf("round %d: told not done; it was there: %t, it is: %t", round, was, is)
			case err == nil:
				told["done"]++
			case errors.Is(err, command.ErrUnknown), errors.Is(err, command.ErrNoLeader):
				told[err.Error()]++
			default:
				t.Errorf("round %d: %v", round, err)
			}
		}
		if told["done"] < 12 {
			t.Errorf("told %v", told)
		}
	})
}

func TestLeadershipGoesWhereItIsSent(t *testing.T) {
	story(t, raftfsmtest.Config{NonVoters: 1}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := writeEvery(c, 5*time.Millisecond, []int{0, 1, 2, 3}, 3, 3*time.Second)
		for round := range 9 {
			time.Sleep(50 * time.Millisecond)
			old := c.WaitLeader()
			to := ""
			if round%3 != 0 {
				to = c.Name((old + round%3) % 3)
			}
			if err := transfer(c, round%4, to); err != nil {
				t.Fatalf("round %d, to %q: %v", round, to, err)
			}
			now := c.Leader()
			if now < 0 || now == old || to != "" && c.Name(now) != to {
				t.Errorf("%s led, %q was asked for, and now %d leads", c.Name(old), to, now)
			}
			if got := c.Node(round % 4).Status().Leader; got != c.Name(now) {
				t.Errorf("who asked believes that %s leads", got)
			}
		}
		leader := c.Leader()
		term := c.Node(leader).Stats().Term
		if err := transfer(c, 3, c.Name(leader)); err != nil {
			t.Errorf("to who leads already: %v", err)
		}
		refused(t, transfer(c, 3, "m3"), command.ChangeInvalid, "does not vote")
		refused(t, transfer(c, 3, "nobody"), command.ChangeNoMember, "nobody")
		away := c.Followers()[0] // the observer is the last of them
		c.Isolate(away)
		refused(t, transfer(c, leader, c.Name(away)), command.ChangeUnsafe, "does not answer")
		if s := c.Node(leader).Stats(); !s.Leader || s.Term != term {
			t.Errorf("to refuse cost an election\n%s", c.Describe())
		}
		time.Sleep(time.Second)
		c.Heal()
		w.halt()
		w.check(t, c.Settle())
		delete(w.errs, command.ErrUnknown) // of who was cut off
		delete(w.errs, command.ErrNoLeader)
		if len(w.errs) > 0 {
			t.Errorf("errors %v", w.errs)
		}
	})
}

// A member that lags is not given an office in which everyone would wait until it has caught up.
func TestLeadershipIsNotSentToAMemberThatLags(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, lags := c.Leader(), c.Followers()[0]
		c.Disk(lags).Slow(time.Second)
		w := writeEvery(c, time.Millisecond, []int{leader}, 2, 3*time.Second)
		time.Sleep(3 * time.Second)
		refused(t, transfer(c, leader, c.Name(lags)), command.ChangeUnsafe, "behind")
		c.Disk(lags).Slow(0)
		w.halt()
		c.Settle()
		if err := transfer(c, leader, c.Name(lags)); err != nil {
			t.Error(err)
		}
	})
}

// A member moves while it is down and comes back elsewhere; the network and its port are new, the name and the disk are not.
func TestAMemberChangesItsAddress(t *testing.T) {
	story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
		w := writeEvery(c, 20*time.Millisecond, []int{0, 1, 2}, 2, time.Minute)
		for round, moves := range []int{c.Followers()[0], c.Leader(), 1} {
			port := []string{"8", "9", "10"}[round]
			c.Crash(moves)
			c.Move(moves, port)
			c.WaitLeader(moves)
			c.Start(moves)
			via := (moves + 1) % 3
			if round == 1 {
				via = c.Leader()
			}
			addMember(t, c, via, c.Spec(moves, true))
			if m, _ := listed(c, moves); !m.Voter || m.RaftAddr != c.Name(moves)+":"+port {
				t.Errorf("it is %+v", m)
			}
			c.Settle()
			// It is as good as before: it can lead, and the others follow it and forward to it.
			if err := transfer(c, via, c.Name(moves)); err != nil {
				t.Errorf("%v\n%s", err, c.Describe())
			}
			must(t, c, via, sequential("moved "+port))
			w.mu.Lock()
			w.done["moved "+port] = true
			w.mu.Unlock()
		}
		// The old addresses are used by nobody, also after all have restarted.
		for i := range 3 {
			c.Crash(i)
		}
		for i := range 3 {
			c.Start(i)
		}
		must(t, c, 0, znode.PutOp(path("/after"), "x"))
		w.halt()
		w.check(t, c.Settle())
	})
}

// One of two that moves cannot be reached by the other, but can reach it.
func TestOneOfTwoMembersChangesItsAddress(t *testing.T) {
	story(t, raftfsmtest.Config{Members: 2}, func(t *testing.T, c *raftfsmtest.Cluster) {
		leader, moves := c.Leader(), c.Followers()[0]
		ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
		defer cancel()
		wrong := c.Spec(moves, true)
		wrong.RaftAddr = "nowhere:7"
		refused(t, c.Node(leader).AddMember(ctx, wrong), command.ChangeUnsafe, c.Name(moves))
		taken := c.Spec(moves, true)
		taken.RaftAddr = c.Spec(leader, true).RaftAddr
		refused(t, c.Node(leader).AddMember(ctx, taken), command.ChangeInvalid, c.Name(leader))
		c.Crash(moves)
		c.Move(moves, "8")
		c.Start(moves)
		if l := c.WaitLeader(leader); l != moves {
			t.Fatalf("%d leads", l)
		}
		addMember(t, c, moves, c.Spec(moves, true))
		c.Restart(leader)
		must(t, c, leader, sequential("x"))
		c.Settle()
	})
}
