package raftfsm_test

import (
	"context"
	"fmt"
	"math/rand/v2"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"holt/raftfsm/raftfsmtest"
)

// The size of one history with changes of members.
const (
	churnMachines = 6 // three of them begin the cluster
	churnSeeds    = 8
	churnLength   = 50 * time.Second
)

// comeAndGo changes who the members are, again and again, while machines fail. It says how many changes were made.
func comeAndGo(ctx context.Context, c *raftfsmtest.Cluster, rng *rand.Rand) (changes int) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rng.IntN(400)) * time.Millisecond)
		via, of := c.Node(rng.IntN(churnMachines)), rng.IntN(churnMachines)
		if l := c.Leader(); l >= 0 && rng.IntN(4) == 0 {
			of = l
		}
		if via == nil {
			c.Heal()
			for i := range churnMachines {
				if c.Node(i) == nil {
					c.Start(i)
				}
			}
			continue
		}
		opCtx, cancel := context.WithTimeout(ctx, time.Duration(200+rng.IntN(2000))*time.Millisecond)
		var err error
		switch rng.IntN(15) {
		case 0:
			c.Restart(of)
			cancel()
			continue
		case 1:
			c.Isolate(of)
			cancel()
			continue
		case 2, 3, 4:
			c.Heal()
			cancel()
			continue
		case 5:
			err = via.Transfer(opCtx, "")
		case 6, 7:
			// Whoever is certainly out may come back with an empty disk.
			if err = via.RemoveMember(opCtx, c.Name(of)); err == nil && rng.IntN(2) == 0 {
				c.Crash(of)
				c.Wipe(of)
				c.Start(of)
			}
		case 8:
			err = via.AddMember(opCtx, c.Spec(of, false))
		default:
			err = via.AddMember(opCtx, c.Spec(of, true))
		}
		cancel()
		if err == nil {
			changes++
		}
	}
	return changes
}

// Members come, go, lose their vote and get it back, hand over and fail, and no client can tell.
func TestHistoriesWithChangesOfMembersAreLinearizable(t *testing.T) {
	all := seeds(t)
	if len(all) == historySeeds { // nobody asked for so many
		all = all[:churnSeeds]
	}
	for _, seed := range all {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			var h history
			changes := 0
			synctest.Test(t, func(t *testing.T) {
				c := raftfsmtest.New(t, raftfsmtest.Config{SnapshotBytes: 4 << 10})
				for c.Len() < churnMachines {
					c.Start(c.AddHost())
				}
				h.during(c, seed, churnLength, byReadIndex, func(ctx context.Context) {
					changes = comeAndGo(ctx, c, rand.New(rand.NewPCG(seed, 7)))
				}, func() {
					for i := range churnMachines { // each is to be one of them in the end
						c.Eventually(c.Name(i)+" is added", func() bool {
							opCtx, cancel := context.WithTimeout(context.Background(), time.Second)
							defer cancel()
							l := c.Leader()
							return l >= 0 && c.Node(l).AddMember(opCtx, c.Spec(i, true)) == nil
						})
					}
					for i := range churnMachines {
						waitVoter(c, i)
					}
				})
			})
			t.Logf("%d ops, %d changes of members", len(h.ops), changes)
			if len(h.ops) < 100 || changes < 5 {
				t.Errorf("%d ops and %d changes of members: this is not the story it is meant to be", len(h.ops), changes)
			}
			if got := porcupine.CheckOperationsTimeout(model(), h.ops, checkTimeout); got != porcupine.Ok {
				t.Errorf("linearizable: %v (HOLT_TEST_SEED=%d repeats the faults)\n%s", got, seed, explain(h.ops))
			}
		})
	}
}
