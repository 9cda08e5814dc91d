package tests

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"math"
	"math/rand/v2"
	"slices"
	"sync"
	"sync/atomic"
	"syscall"
	"testing"
	"time"

	"github.com/anishathalye/porcupine"

	"holt/httpapi/client"
	"holt/tests/harness"
)

const (
	// registers is how many znodes the clients write in a round; few, so that they meet. Each round has new ones: every
	// write without an answer may take effect at any later time, and judging takes exponentially long in their number.
	registers = 4
	// clientsEach is how many clients a member has.
	clientsEach = 3
	// checkTime bounds judging a history.
	checkTime = 2 * time.Minute
)

// ask is what a client asked of a register.
type ask struct {
	register int // numbered through all rounds
	kind     askKind
	value    string // to be written
	version  int64  // expected, of a compareAndSet
}

type askKind int

const (
	read askKind = iota
	set
	compareAndSet
)

// told is what it was answered.
type told struct {
	value   string // of a read
	version int64  // after it
	refused bool   // the version was another
	unknown bool   // no answer came
}

// register is a znode's data and version. It exists from the beginning.
type register struct {
	value   string
	version int64
}

// registerModel says what a register answers. A write without an answer is one that never ended: it takes effect at
// some time after its call, or after all that was seen.
func registerModel() porcupine.Model {
	return porcupine.Model{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			of := map[int][]porcupine.Operation{}
			for _, op := range history {
				r := op.Input.(ask).register
				of[r] = append(of[r], op)
			}
			return slices.Collect(maps.Values(of))
		},
		Init: func() any { return register{} },
		Step: func(state, input, output any) (bool, any) {
			now, a, o := state.(register), input.(ask), output.(told)
			if a.kind == read {
				return o.value == now.value && o.version == now.version, now
			}
			if a.kind == compareAndSet && a.version != now.version {
				return o.refused || o.unknown, now
			}
			next := register{a.value, now.version + 1}
			return o.unknown || !o.refused && o.version == next.version, next
		},
		DescribeOperation: func(input, output any) string { return fmt.Sprintf("%+v → %+v", input, output) },
	}
}

// history is what all clients asked and were told.
type history struct {
	began time.Time
	mu    sync.Mutex // guards ops
	ops   []porcupine.Operation
	count atomic.Int64 // of ops
	round atomic.Int64 // says which registers are written
}

// add notes a call that was answered, or will never be.
func (h *history) add(client int, a ask, o told, call time.Time) {
	op := porcupine.Operation{ClientId: client, Input: a, Output: o, Call: int64(call.Sub(h.began)), Return: int64(time.Since(h.began))}
	if o.unknown {
		op.Return = math.MaxInt64
	}
	h.mu.Lock()
	h.ops = append(h.ops, op)
	h.mu.Unlock()
	h.count.Add(1)
}

// work asks one member until ctx ends.
func (h *history) work(ctx context.Context, t *testing.T, c *client.Client, id int) {
	versions := map[int]int64{} // as last seen
	for i := 0; ctx.Err() == nil; i++ {
		r := int(h.round.Load())*registers + rand.IntN(registers)
		a := ask{register: r, kind: askKind(rand.IntN(3)), value: fmt.Sprintf("%d/%d", id, i)}
		a.version = versions[a.register]
		call := time.Now()
		o, err := carryOut(ctx, c, a)
		switch {
		case err == nil:
			versions[a.register] = o.version
		case a.kind == read:
			continue // it told nothing
		case errors.Is(err, client.BadVersion):
			o.refused = true
			versions[a.register]++ // a guess, so that some hit and some miss
		case errors.Is(err, client.OutcomeUnknown) || ctx.Err() != nil:
			o.unknown = true
		case errors.Is(err, client.Unreachable), errors.Is(err, client.NoLeader), errors.Is(err, client.Behind):
			continue // certainly not done
		default:
			t.Errorf("%+v: %v", a, err)
			return
		}
		h.add(id, a, o, call)
	}
}

// carryOut asks a member.
func carryOut(ctx context.Context, c *client.Client, a ask) (told, error) {
	path := fmt.Sprintf("/register-%d", a.register)
	when := client.Any()
	switch a.kind {
	case read:
		z, err := c.Get(ctx, path, client.Linearizable)
		if err != nil {
			return told{}, err
		}
		return told{value: string(z.Data), version: z.Stat.Version}, nil
	case compareAndSet:
		when = client.Version(a.version)
	}
	w, err := c.Put(ctx, path, []byte(a.value), when)
	if err != nil {
		return told{}, err
	}
	return told{version: w.Stat.Version}, nil
}

// besiege lets clients on all members ask while faults come over the cluster, and judges what they saw.
func besiege(t *testing.T, c *harness.Cluster, fault func(round int, goOn func(int64))) {
	t.Helper()
	c.Start()
	rounds := kills(t)
	for r := range (rounds + 1) * registers {
		if _, err := c.Client(0).Put(t.Context(), fmt.Sprintf("/register-%d", r), nil, client.CreateOnly()); err != nil {
			t.Fatal(err)
		}
	}
	h := &history{began: time.Now()}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	t.Cleanup(func() { stop(); wg.Wait() })
	for i := range len(c.Members) * clientsEach {
		one, err := client.New(client.Config{Endpoints: c.URLs(i)[:1], Timeout: 5 * time.Second, Unreachable: time.Second})
		if err != nil {
			t.Fatal(err)
		}
		t.Cleanup(one.Close)
		wg.Go(func() { h.work(ctx, t, one, i) })
	}
	goOn := func(n int64) {
		t.Helper()
		from := h.count.Load()
		harness.Eventually(t, harness.SettleTime, "the clients go on", func() bool { return h.count.Load() >= from+n })
	}
	for i := range rounds {
		goOn(400)
		fault(i, goOn)
		goOn(200)
		h.round.Add(1)
	}
	goOn(600)
	stop()
	wg.Wait()
	judge(t, h.ops)
}

func TestWhatClientsSeeIsLinearizableWhileMembersAreKilled(t *testing.T) {
	c := bin.NewCluster(t, 3, nil)
	besiege(t, c, func(round int, goOn func(int64)) {
		victim := c.Leader()
		if round%2 == 1 {
			victim = c.Followers()[0]
		}
		victim.Kill()
		goOn(300)
		victim.Start().Ready()
	})
}

// A frozen leader still thinks that it leads when it wakes up: what it answers then must not be old.
func TestWhatClientsSeeIsLinearizableWhileLeadersFreeze(t *testing.T) {
	c := bin.NewCluster(t, 3, nil)
	besiege(t, c, func(_ int, goOn func(int64)) {
		frozen := c.Leader()
		frozen.Signal(syscall.SIGSTOP)
		goOn(300) // by another leader
		frozen.Signal(syscall.SIGCONT)
	})
	c.Equal()
}

// judge fails the test unless the history is linearizable, and unless there was something to judge.
func judge(t *testing.T, ops []porcupine.Operation) {
	t.Helper()
	var unknown, refused, done int
	for _, op := range ops {
		switch o := op.Output.(told); {
		case o.unknown:
			unknown++
		case o.refused:
			refused++
		default:
			done++
		}
	}
	begun := time.Now()
	result := porcupine.CheckOperationsTimeout(registerModel(), ops, checkTime)
	t.Logf("%d operations done, %d refused for their version, %d without an answer: %v after %v", done, refused, unknown, result,
		time.Since(begun).Round(time.Millisecond))
	if result != porcupine.Ok {
		t.Errorf("the history is not known to be linearizable: %v", result)
	}
	if done == 0 || refused == 0 {
		t.Error("the history proves nothing")
	}
}

func TestTheJudgeSeesAStaleRead(t *testing.T) {
	at := func(call, end int64, a ask, o told) porcupine.Operation {
		return porcupine.Operation{Input: a, Output: o, Call: call, Return: end}
	}
	wrote := at(1, 2, ask{kind: set, value: "new"}, told{version: 1})
	for name, c := range map[string]struct {
		op   porcupine.Operation
		want porcupine.CheckResult
	}{
		"fresh":              {at(3, 4, ask{kind: read}, told{value: "new", version: 1}), porcupine.Ok},
		"stale":              {at(3, 4, ask{kind: read}, told{}), porcupine.Illegal},
		"old, but meanwhile": {at(1, 4, ask{kind: read}, told{}), porcupine.Ok},
		"set on an old version": {at(3, 4, ask{kind: compareAndSet, version: 0, value: "x"}, told{version: 1}),
			porcupine.Illegal},
		"without an answer": {at(3, math.MaxInt64, ask{kind: compareAndSet, version: 0, value: "x"}, told{unknown: true}),
			porcupine.Ok},
	} {
		if got := porcupine.CheckOperations(registerModel(), []porcupine.Operation{wrote, c.op}); got != (c.want == porcupine.Ok) {
			t.Errorf("%s: %v, want %v", name, got, c.want)
		}
	}
}
