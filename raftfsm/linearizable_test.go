package raftfsm_test

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"slices"
	"sort"
	"strconv"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"github.com/anishathalye/porcupine"

	"holt/raftfsm/command"
	"holt/raftfsm/raftfsmtest"
	"holt/raftfsm/znode"
)

// The size of one history. HOLT_TEST_SEEDS sets how many seeds are tried, HOLT_TEST_SEED the one to repeat.
const (
	historySeeds   = 10
	historyClients = 6
	historyKeys    = 4
	historyLength  = 12 * time.Second
	historyFaults  = 14
	checkTimeout   = 3 * time.Minute
)

// what one client did to one znode. A znode is told by its data, which is never written twice, its version and its
// czxid, so that a znode made again cannot pass for the old one.
type input struct {
	kind byte // 'r'ead, 'p'ut, 's'et at tag, 'd'elete at tag, 'c'reate
	key  int
	data string
	tag  znode.Tag
}

// seen is a znode as a client saw it, or none.
type seen struct {
	there   bool
	data    string
	version int64
	czxid   znode.Zxid
}

type output struct {
	unknown bool // the op may have been carried out, now or later, or never
	code    znode.Code
	seen    seen // after the op; of a read, what was read
}

// model is one znode. Its czxid is not known in advance, so an op of unknown outcome that creates it leaves it open
// until somebody has seen it.
func model() porcupine.Model {
	m := porcupine.NondeterministicModel{
		Partition: func(history []porcupine.Operation) [][]porcupine.Operation {
			by := make([][]porcupine.Operation, historyKeys)
			for _, op := range history {
				k := op.Input.(input).key
				by[k] = append(by[k], op)
			}
			return by
		},
		Init:              func() []any { return []any{seen{}} },
		Step:              func(s, in, out any) []any { return step(s.(seen), in.(input), out.(output)) },
		Equal:             func(a, b any) bool { return a == b },
		DescribeOperation: func(in, out any) string { return fmt.Sprintf("%+v → %+v", in, out) },
	}
	return m.ToModel()
}

// step is every state the znode can be in after the op, given what its client was told: none if that is impossible.
func step(s seen, in input, out output) []any {
	if in.kind == 'r' {
		return matching(s, out.seen)
	}
	if (in.kind == 's' || in.kind == 'd') && s.there && s.czxid == 0 {
		// Nobody knows yet which znode this is: the one that is meant, or another.
		meant, other := s, s
		meant.czxid, other.czxid = in.tag.Czxid, in.tag.Czxid+1
		states := decided(meant, in, out)
		for _, next := range decided(other, in, out) {
			if next == any(other) {
				next = s // still unknown
			}
			states = append(states, next)
		}
		return states
	}
	return decided(s, in, out)
}

// decided is step for a znode that is known.
func decided(s seen, in input, out output) []any {
	next, code := apply(s, in)
	switch {
	case out.unknown && next == s:
		return []any{s}
	case out.unknown:
		return []any{s, next} // never, or here
	case out.code != code:
		return nil
	case code != znode.OK || in.kind == 'd':
		return []any{next}
	}
	return matching(next, out.seen)
}

// matching is s, completed by what was seen of it, if both can be the same znode.
func matching(s, got seen) []any {
	if s.there && got.there && s.czxid == 0 {
		s.czxid = got.czxid
	}
	if s != got {
		return nil
	}
	return []any{s}
}

// apply is what the op does to the znode.
func apply(s seen, in input) (seen, znode.Code) {
	switch {
	case in.kind == 'c' && s.there:
		return s, znode.NodeExists
	case (in.kind == 'c' || in.kind == 'p') && !s.there:
		return seen{there: true, data: in.data}, znode.OK
	case in.kind == 'p':
		return seen{true, in.data, s.version + 1, s.czxid}, znode.OK
	case !s.there:
		return s, znode.NoNode
	case in.tag.Version != s.version || in.tag.Czxid != s.czxid:
		return s, znode.BadVersion
	case in.kind == 'd':
		return seen{}, znode.OK
	}
	return seen{true, in.data, s.version + 1, s.czxid}, znode.OK
}

// history is what all clients did.
type history struct {
	mu  sync.Mutex // guards ops and seq
	ops []porcupine.Operation
	seq int64
}

// now is a place in the order of what happened: time alone does not move while the bubble computes.
func (h *history) now() int64 {
	h.mu.Lock()
	defer h.mu.Unlock()
	h.seq++
	return h.seq
}

func (h *history) add(client int, in input, out output, call int64) {
	ret := h.now()
	if out.unknown {
		ret = 1 << 60 // it may happen at any time after
	}
	h.mu.Lock()
	defer h.mu.Unlock()
	h.ops = append(h.ops, porcupine.Operation{ClientId: client, Input: in, Output: out, Call: call, Return: ret})
}

// client works on random znodes through random members until ctx ends. read is how it reads.
func (h *history) client(ctx context.Context, c *raftfsmtest.Cluster, id int, rng *rand.Rand, read readFunc) {
	known := make([]seen, historyKeys) // as it last saw them
	for n := 0; ctx.Err() == nil; n++ {
		key := rng.IntN(historyKeys)
		in := input{kind: "rrrrppssssddc"[rng.IntN(13)], key: key, data: fmt.Sprintf("%d.%d", id, n)}
		if in.kind == 's' || in.kind == 'd' {
			in.tag = znode.Tag{Version: known[key].version, Czxid: known[key].czxid}
			if !known[key].there {
				in.kind = 'r'
			}
		}
		node := c.Node(rng.IntN(c.Len()))
		if node != nil {
			opCtx, cancel := context.WithTimeout(context.Background(), time.Duration(50+rng.IntN(1500))*time.Millisecond)
			call := h.now()
			out, done := do(opCtx, node, in, read)
			cancel()
			if done {
				h.add(id, in, out, call)
				if !out.unknown {
					known[key] = out.seen
				}
			}
		}
		time.Sleep(time.Duration(rng.IntN(20)) * time.Millisecond)
	}
}

type node interface {
	Propose(context.Context, *znode.Txn) (*znode.Result, error)
	Linearizable(context.Context) (*znode.State, error)
	State() (*znode.State, error)
}

type readFunc func(ctx context.Context, n node) (*znode.State, error)

func byReadIndex(ctx context.Context, n node) (*znode.State, error) { return n.Linearizable(ctx) }
func byOwnState(_ context.Context, n node) (*znode.State, error)    { return n.State() }

func keyPath(key int) znode.Path { return znode.MustPath(fmt.Sprintf("/k%d", key)) }

// do carries out one op and says whether anything may have come of it.
func do(ctx context.Context, n node, in input, read readFunc) (out output, done bool) {
	p := keyPath(in.key)
	var op znode.Op
	switch in.kind {
	case 'r':
		s, err := read(ctx, n)
		if err != nil {
			return output{}, false
		}
		return output{seen: look(s.Tree.Get(p))}, true
	case 'p':
		op = znode.PutOp(p, in.data)
	case 'c':
		op = znode.CreateOp(p, in.data, znode.Persistent)
	case 's':
		op = znode.SetOp(p, in.data, in.tag)
	case 'd':
		op = znode.DeleteOp(p, in.tag)
	}
	r, err := n.Propose(ctx, &znode.Txn{Ops: []znode.Op{op}})
	switch {
	case errors.Is(err, command.ErrUnknown):
		return output{unknown: true}, true
	case err != nil:
		return output{}, false
	}
	out = output{code: r.Code, seen: look(r.Ops[0].Node)}
	if in.kind == 'd' && r.Code == znode.OK {
		out.seen = seen{}
	}
	return out, true
}

func look(n *znode.Node) seen {
	if n == nil {
		return seen{}
	}
	return seen{true, n.Data(), n.Version(), n.Czxid()}
}

// trouble makes one random fault after another, and leaves a majority of the disks' owners able to come back.
func trouble(ctx context.Context, c *raftfsmtest.Cluster, rng *rand.Rand) {
	for ctx.Err() == nil {
		time.Sleep(time.Duration(rng.IntN(int(2*historyLength/historyFaults))) + time.Millisecond)
		i, j := rng.IntN(c.Len()), rng.IntN(c.Len())
		if l := c.Leader(); l >= 0 && rng.IntN(2) == 0 {
			i = l
		}
		switch rng.IntN(8) {
		case 0:
			c.Restart(i)
		case 1:
			c.Crash(i)
		case 2:
			c.Isolate(i)
		case 3:
			c.Partition([]int{i, j})
		case 4:
			c.HangUp(i, j)
		case 5:
			c.Disk(i).Slow(time.Duration(rng.IntN(300)) * time.Millisecond)
		default:
			c.Heal()
			for k := range c.Len() {
				c.Disk(k).Slow(0)
				if c.Node(k) == nil {
					c.Start(k)
				}
			}
		}
	}
}

// run makes one history, with faults, in a bubble, and compares the members at its end.
func run(t *testing.T, seed uint64, read readFunc) []porcupine.Operation {
	var h history
	synctest.Test(t, func(t *testing.T) {
		rng := rand.New(rand.NewPCG(seed, 1))
		c := raftfsmtest.New(t, raftfsmtest.Config{Members: 3 + 2*int(seed%2), SnapshotBytes: 4 << 10})
		h.during(c, seed, historyLength, read, func(ctx context.Context) { trouble(ctx, c, rng) }, nil)
	})
	return h.ops
}

// during adds what clients do for so long, while there are faults. Then all comes back, mended (which may be nil) is called, the members are
// compared, and what they hold is part of the history.
func (h *history) during(c *raftfsmtest.Cluster, seed uint64, length time.Duration, read readFunc, faults func(context.Context), mended func()) {
	c.WaitReady()
	ctx, cancel := context.WithTimeout(context.Background(), length)
	defer cancel()
	var wg sync.WaitGroup
	for id := range historyClients {
		wg.Go(func() { h.client(ctx, c, id, rand.New(rand.NewPCG(seed, uint64(2+id))), read) })
	}
	faults(ctx)
	wg.Wait()
	c.Heal()
	for i := range c.Len() {
		c.Disk(i).Slow(0)
		if c.Node(i) == nil {
			c.Start(i)
		}
	}
	if mended != nil {
		mended()
	}
	final := c.Settle()
	for key := range historyKeys {
		call := h.now()
		h.add(historyClients, input{kind: 'r', key: key}, output{seen: look(final.Tree.Get(keyPath(key)))}, call)
	}
}

func TestHistoriesWithFaultsAreLinearizable(t *testing.T) {
	for _, seed := range seeds(t) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) {
			ops := run(t, seed, byReadIndex)
			done, unknown := 0, 0
			for _, op := range ops {
				if op.Output.(output).unknown {
					unknown++
				} else {
					done++
				}
			}
			t.Logf("%d ops done, %d of unknown outcome", done, unknown)
			if done < 50 {
				t.Errorf("only %d ops were done", done)
			}
			if got := porcupine.CheckOperationsTimeout(model(), ops, checkTimeout); got != porcupine.Ok {
				t.Errorf("linearizable: %v (HOLT_TEST_SEED=%d repeats the faults)\n%s", got, seed, explain(ops))
			}
		})
	}
}

// explain is the ops around the first one that fits nowhere, on each znode.
func explain(ops []porcupine.Operation) string {
	var b strings.Builder
	m := model()
	for key, part := range m.Partition(ops) {
		slices.SortFunc(part, func(a, b porcupine.Operation) int { return cmp.Compare(a.Call, b.Call) })
		// The shortest beginning that is not linearizable ends in the op that fits nowhere.
		n := sort.Search(len(part), func(n int) bool { return !porcupine.CheckOperations(m, part[:n+1]) })
		if n == len(part) {
			continue
		}
		fmt.Fprintf(&b, "znode %d:\n", key)
		for _, op := range part[max(0, n-15):min(n+5, len(part))] {
			fmt.Fprintf(&b, "  client %d [%d, %d] %s\n", op.ClientId, op.Call, op.Return, m.DescribeOperation(op.Input, op.Output))
		}
	}
	return b.String()
}

// The checker finds what it is there for: reads without a read index are stale sooner or later.
func TestStaleReadsAreFound(t *testing.T) {
	for seed := uint64(1); seed <= historySeeds; seed++ {
		if porcupine.CheckOperationsTimeout(model(), run(t, seed, byOwnState), checkTimeout) == porcupine.Illegal {
			return
		}
	}
	t.Error("members' own states passed for linearizable reads")
}

// seeds are those to try: HOLT_TEST_SEED alone, or from 1 to HOLT_TEST_SEEDS.
func seeds(t *testing.T) []uint64 {
	number := func(name string) (uint64, bool) {
		s := os.Getenv(name)
		if s == "" {
			return 0, false
		}
		n, err := strconv.ParseUint(s, 10, 32)
		if err != nil {
			t.Fatalf("%s: %v", name, err)
		}
		return n, true
	}
	if one, ok := number("HOLT_TEST_SEED"); ok {
		return []uint64{one}
	}
	count, ok := number("HOLT_TEST_SEEDS")
	if !ok {
		count = historySeeds
	}
	var out []uint64
	for seed := range count {
		out = append(out, seed+1)
	}
	return out
}

// The model itself is held to a few histories whose verdict is plain.
func TestTheModel(t *testing.T) {
	op := func(call, ret int64, in input, out output) porcupine.Operation {
		return porcupine.Operation{Input: in, Output: out, Call: call, Return: ret}
	}
	put := func(d string) input { return input{kind: 'p', data: d} }
	at := func(d string, version int64) output {
		return output{seen: seen{d != "", d, version, znode.Zxid(strings.Count(d, "")) / 2}}
	}
	read, lost := input{kind: 'r'}, output{unknown: true}
	tests := []struct {
		name string
		want bool
		ops  []porcupine.Operation
	}{
		{"a read after a write", true, []porcupine.Operation{op(1, 2, put("a"), at("a", 0)), op(3, 4, read, at("a", 0))}},
		{"a stale read", false, []porcupine.Operation{op(1, 2, put("a"), at("a", 0)), op(3, 4, read, output{})}},
		{"an unknown write that came later", true, []porcupine.Operation{
			op(1, 99, put("a"), lost), op(2, 3, read, output{}), op(4, 5, read, at("a", 0))}},
		{"an unknown write that came and went", false, []porcupine.Operation{
			op(1, 99, put("a"), lost), op(2, 3, read, at("a", 0)), op(4, 5, read, output{})}},
		{"a write carried out twice", false, []porcupine.Operation{
			op(1, 2, put("a"), at("a", 0)), op(3, 4, put("b"), at("b", 1)), op(5, 6, read, at("a", 2))}},
		{"a set at a version that was gone", false, []porcupine.Operation{
			op(1, 2, put("a"), at("a", 0)), op(3, 4, put("b"), at("b", 1)),
			op(5, 6, input{kind: 's', data: "c", tag: znode.Tag{Version: 0, Czxid: 1}}, at("c", 1))}},
	}
	for _, tt := range tests {
		if got := porcupine.CheckOperations(model(), tt.ops); got != tt.want {
			t.Errorf("%s: linearizable %t, want %t", tt.name, got, tt.want)
		}
	}
}
