package raftfsm_test

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"slices"
	"sync"
	"testing"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// lines are what one client sends: creates of numbered znodes whose data says which line they are, each to be done once. It sends them in
// batches, the next when the one before is answered, and what it has no answer to again, wherever a member listens.
type lines struct {
	name     string
	answered int // lines that were
	replayed int // of them, those that had been carried out before
	unknown  int // batches whose outcome was not known
	names    []string
}

// parent is where the client's znodes are.
func (l *lines) parent() string { return "/" + l.name }

// batch is the next n lines.
func (l *lines) batch(n int) (txns []znode.Txn) {
	prefix, err := znode.ParsePrefix(l.parent() + "/n-")
	if err != nil {
		panic(err)
	}
	for i := range n {
		line := l.answered + i
		txn := znode.Txn{Ops: []znode.Op{znode.CreateSequentialOp(prefix, fmt.Sprint(line), znode.PersistentSequential)}}
		txn.Once = znode.NewOnce(fmt.Sprintf("%s-%d", l.name, line), &txn)
		txns = append(txns, txn)
	}
	return txns
}

// send has n lines carried out through one of the members, and again through others until there is an answer.
func (l *lines) send(t *testing.T, c *raftfsmtest.Cluster, rng *rand.Rand, n int) {
	txns := l.batch(n)
	for tries := 0; ; tries++ {
		if tries == 1000 {
			t.Errorf("%s: no answer in %d tries", l.name, tries)
			return
		}
		node := c.Node(rng.IntN(3))
		if node == nil {
			time.Sleep(20 * time.Millisecond)
			continue
		}
		// Some give up early, so that batches are sent again while the first is still under way.
		ctx, cancel := context.WithTimeout(context.Background(), time.Duration(1+rng.IntN(60))*time.Millisecond)
		results, err := node.ProposeAll(ctx, txns)
		cancel()
		if err != nil {
			if errors.Is(err, command.ErrUnknown) {
				l.unknown++
			}
			time.Sleep(10 * time.Millisecond)
			continue
		}
		for _, r := range results {
			if r.Code != znode.OK {
				t.Errorf("%s: refused: %s", l.name, r.Code)
			}
			if r.Replayed {
				l.replayed++
			}
			l.names = append(l.names, r.Ops[0].Where().Name())
		}
		l.answered += n
		return
	}
}

// check holds what became of the lines to what was sent: every one once, in order, under the name that was answered.
func (l *lines) check(t *testing.T, s *znode.State) {
	t.Helper()
	i := 0
	for n := range s.Tree.Children(znode.MustPath(l.parent()), "") {
		if i < l.answered && (n.Data() != fmt.Sprint(i) || n.Name() != l.names[i]) {
			t.Fatalf("%s: znode %s holds line %s, where line %d belongs and %s was answered", l.name, n.Name(), n.Data(), i, l.names[i])
		}
		i++
	}
	if i != l.answered {
		t.Errorf("%s: %d lines were answered, there are %d znodes", l.name, l.answered, i)
	}
}

// Leaders crash, are cut off and hand over; batches are given up and sent again: every line is carried out once, in the order sent, and
// its answer is the first one's, whoever gives it.
func TestLinesThatAreSentAgainAreCarriedOutOnceAndInOrder(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint("seed ", seed), func(t *testing.T) {
			story(t, raftfsmtest.Config{}, func(t *testing.T, c *raftfsmtest.Cluster) {
				clients := []*lines{{name: "a"}, {name: "b"}, {name: "c"}, {name: "d"}}
				for _, l := range clients {
					must(t, c, 0, znode.CreateOp(path(l.parent()), "", znode.Persistent))
				}
				for i := range c.Len() {
					c.Disk(i).Slow(5 * time.Millisecond) // or nothing would ever be under way
				}
				stop := make(chan struct{})
				var wg sync.WaitGroup
				for i, l := range clients {
					rng := rand.New(rand.NewPCG(seed, uint64(i)))
					wg.Go(func() {
						for {
							select {
							case <-stop:
								return
							default:
								l.send(t, c, rng, 1+rng.IntN(40))
							}
						}
					})
				}
				rng := rand.New(rand.NewPCG(seed, 99))
				for range 8 {
					time.Sleep(time.Duration(50+rng.IntN(200)) * time.Millisecond)
					old := c.WaitLeader()
					switch rng.IntN(3) {
					case 0:
						c.Crash(old)
						c.WaitLeader(old)
						c.Start(old)
					case 1:
						c.Isolate(old)
						c.WaitLeader(old)
						time.Sleep(time.Duration(rng.IntN(300)) * time.Millisecond)
						c.Heal()
					default:
						ctx, cancel := context.WithTimeout(context.Background(), 10*time.Second)
						_ = c.Node(old).HandOver(ctx) // another may have begun to lead
						cancel()
					}
				}
				close(stop)
				wg.Wait()
				s := c.Settle()
				var answered, replayed, unknown []int
				for _, l := range clients {
					l.check(t, s)
					answered, replayed, unknown = append(answered, l.answered), append(replayed, l.replayed), append(unknown, l.unknown)
				}
				t.Logf("answered %v, replayed %v, unknown batches %v", answered, replayed, unknown)
				if slices.Max(replayed) == 0 || slices.Min(answered) < 20 {
					t.Error("nothing was put to the test")
				}
			})
		})
	}
}
