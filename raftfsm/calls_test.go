package raftfsm

import (
	"errors"
	"fmt"
	"io"
	"log/slog"
	"testing"

	"go.uber.org/goleak"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

var quiet = slog.New(slog.NewTextHandler(io.Discard, nil))

func putTxn(data string) *znode.Txn {
	return &znode.Txn{Ops: []znode.Op{znode.PutOp(znode.MustPath("/a"), data)}}
}

func deleteTxn() *znode.Txn {
	return &znode.Txn{Ops: []znode.Op{znode.DeleteOp(znode.MustPath("/a"))}}
}

// startAll starts n calls.
func startAll(t *testing.T, cs *calls, n int) []*call {
	t.Helper()
	var out []*call
	for range n {
		c, err := cs.start([]znode.Txn{*putTxn("x")})
		if err != nil {
			t.Fatal(err)
		}
		out = append(out, c)
	}
	return out
}

// copyOf keeps a batch that a call of calls will reuse.
func copyOf(batch []*call) []*call { return append([]*call(nil), batch...) }

// stages are those of the calls, as a word each.
func stages(batch []*call) string {
	s := ""
	for _, c := range batch {
		s += string("wse"[c.stage])
	}
	return s
}

func TestWhereACallStandsWhenItIsGivenUp(t *testing.T) {
	idle := errors.New("idle")
	tests := []struct {
		name string
		do   func(cs *calls, c *call)
		want error
	}{
		{"waiting", func(*calls, *call) {}, idle},
		{"sent", func(cs *calls, c *call) { cs.send([]*call{c}, way{term: 3}) }, command.ErrUnknown},
		{"sent and refused", func(cs *calls, c *call) {
			cs.send([]*call{c}, way{3, 1})
			cs.unsend([]*call{c}, way{3, 1})
		}, idle},
		{"sent and refused another way", func(cs *calls, c *call) {
			cs.send([]*call{c}, way{3, 2})
			cs.unsend([]*call{c}, way{3, 1})
			cs.unsend([]*call{c}, way{2, 2})
		}, command.ErrUnknown},
		{"sent in a term that is over", func(cs *calls, c *call) {
			cs.send([]*call{c}, way{term: 3})
			cs.sentBefore(4)
		}, idle},
		{"sent in the term that begins", func(cs *calls, c *call) {
			cs.send([]*call{c}, way{term: 3})
			cs.sentBefore(3)
		}, command.ErrUnknown},
		{"answered", func(cs *calls, c *call) {
			cs.send([]*call{c}, way{term: 3})
			cs.answerAll([]answer{{c.seq, []*znode.Result{{}}}}, 9)
		}, nil},
		{"hidden by a snapshot", func(cs *calls, c *call) {
			cs.send([]*call{c}, way{term: 3})
			cs.endSent(9)
		}, command.ErrUnknown},
		{"waiting when a snapshot comes", func(cs *calls, c *call) { cs.endSent(9) }, idle},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			cs := newCalls(7)
			c := startAll(t, cs, 1)[0]
			tt.do(cs, c)
			if o := cs.giveUp(c, idle); !errors.Is(o.err, tt.want) || (o.err == nil) != (o.results != nil) {
				t.Errorf("given up: %v, want %v", o, tt.want)
			}
			if cs.len() != 0 || cs.bytes != 0 {
				t.Errorf("%d calls and %d bytes are left", cs.len(), cs.bytes)
			}
		})
	}
}

func TestAFenceSendsBackWhatIsCertainOnceItsIndexIsAnswered(t *testing.T) {
	cs := newCalls(7)
	all := startAll(t, cs, 6)
	ways := []way{{3, 1}, {3, 2}, {3, 3}, {2, 1}, {3, 0}} // the last call waits
	for i, w := range ways {
		cs.send([]*call{all[i]}, w)
	}
	if got := cs.fence(fence{way{3, 2}, 10}); len(got) != 0 {
		t.Fatalf("before its index: %d calls", len(got))
	}
	if !cs.sentOver(way{3, 2}) || cs.sentOver(way{4, 2}) {
		t.Error("sentOver")
	}
	if got := cs.answerAll([]answer{{all[0].seq, []*znode.Result{{}}}}, 9); len(got) != 0 {
		t.Fatalf("one short of its index: %d calls", len(got))
	}
	got := cs.answerAll(nil, 10)
	if len(got) != 1 || got[0] != all[1] || stages(all) != "ewsssw" {
		t.Errorf("at its index: %d calls, stages %s", len(got), stages(all))
	}
	if got := cs.answerAll(nil, 11); len(got) != 0 {
		t.Errorf("once more: %d calls", len(got))
	}
	if got := cs.fence(fence{way{3, 3}, 11}); len(got) != 1 || got[0] != all[2] {
		t.Errorf("an index already answered: %d calls", len(got))
	}
	// A fence that waits and a later one: both at the later index.
	cs.send([]*call{all[1]}, way{3, 4})
	cs.send([]*call{all[2]}, way{3, 5})
	cs.fence(fence{way{3, 5}, 20})
	cs.fence(fence{way{3, 4}, 15})
	if got := cs.answerAll(nil, 19); len(got) != 0 {
		t.Errorf("before the later: %d calls", len(got))
	}
	if got := cs.answerAll(nil, 20); len(got) != 2 {
		t.Errorf("at the later: %d calls", len(got))
	}
}

func TestCallsAreLimited(t *testing.T) {
	t.Run("in number", func(t *testing.T) {
		cs := newCalls(7)
		all := startAll(t, cs, MaxCalls)
		if _, err := cs.start([]znode.Txn{*deleteTxn()}); !errors.Is(err, command.ErrThrottled) {
			t.Errorf("one too many: %v", err)
		}
		cs.giveUp(all[0], io.EOF)
		if _, err := cs.start([]znode.Txn{*deleteTxn()}); err != nil {
			t.Errorf("after one has ended: %v", err)
		}
		cs.endAll(io.EOF)
		if cs.len() != 0 || cs.bytes != 0 {
			t.Errorf("%d calls and %d bytes are left", cs.len(), cs.bytes)
		}
	})
	t.Run("in bytes", func(t *testing.T) {
		cs := newCalls(7)
		big := string(make([]byte, 1<<20))
		n := 0
		for ; ; n++ {
			if _, err := cs.start([]znode.Txn{*putTxn(big)}); err != nil {
				if !errors.Is(err, command.ErrThrottled) {
					t.Fatal(err)
				}
				break
			}
		}
		if n != MaxCallBytes>>20-1 { // each has a little more than its data
			t.Errorf("%d calls of 1 MiB", n)
		}
	})
}

func TestCallsComeBackInOrder(t *testing.T) {
	cs := newCalls(7)
	all := startAll(t, cs, 100)
	cs.send(copyOf(all), way{term: 1})
	for i, c := range cs.sentBefore(2) {
		if c != all[i] {
			t.Fatalf("call %d is number %d", i, c.seq)
		}
	}
}

// newBox is an outbox of a node that has neither raft nor a network.
func newBox() (*outbox, *Node) {
	n := &Node{log: quiet, calls: newCalls(7), progress: &progress{}, outbox: newOutbox()}
	n.outbox.node = n
	return n.outbox, n
}

// bundleOf is so many commands of another member, of size bytes each. refused gets the numbers of those that are refused.
func bundleOf(term uint64, count, size int, refused *[]string) *bundle {
	b := &bundle{way: way{term, 1}, origin: 99}
	for i := range count {
		b.commands = append(b.commands, make([]byte, size))
		b.grows = append(b.grows, i%2 == 0)
		b.seqs = append(b.seqs, uint64(i))
	}
	b.refuse = func(reason byte, seqs []uint64) {
		if refused != nil {
			*refused = append(*refused, fmt.Sprint(reason, seqs))
		}
	}
	return b
}

func TestTakeKeepsToItsLimits(t *testing.T) {
	tests := []struct {
		name               string
		sizes              []int // of the data
		room, bytes, taken int
	}{
		{"nothing there", nil, 10, 1000, 0},
		{"all", []int{10, 10, 10}, 10, 1000, 3},
		{"as many as there is room", []int{10, 10, 10}, 2, 1000, 2},
		{"as many bytes as there is room", []int{400, 400, 400}, 10, 1000, 2},
		{"one that is too large goes alone", []int{4000, 10}, 10, 1000, 1},
		{"one that is too large waits for the next", []int{10, 4000, 10}, 10, 1000, 1},
		{"no room", []int{10}, 0, 1000, 0},
	}
	for _, tt := range tests {
		o, n := newBox()
		for _, size := range tt.sizes {
			c, err := n.calls.start([]znode.Txn{*putTxn(string(make([]byte, size)))})
			if err != nil {
				t.Fatal(err)
			}
			o.add(c)
		}
		batch := copyOf(o.take(tt.room, tt.bytes))
		for i, c := range batch {
			if c.seq != uint64(i+1) {
				t.Errorf("%s: call %d is number %d", tt.name, i, c.seq)
			}
		}
		if len(batch) != tt.taken || len(o.queue) != len(tt.sizes)-tt.taken || o.bytes != sizeOf(o.queue) {
			t.Errorf("%s: took %d, left %d of %d bytes", tt.name, len(batch), len(o.queue), o.bytes)
		}
		o.again(batch)
		if len(o.queue) != len(tt.sizes) || len(batch) > 0 && o.queue[0] != batch[0] || o.bytes != sizeOf(o.queue) {
			t.Errorf("%s: put back, %d are there", tt.name, len(o.queue))
		}
	}
}

// Callers that give up leave their calls in the queue; they are swept out before they come to more than the limits.
func TestTheQueueIsBounded(t *testing.T) {
	o, n := newBox()
	big := string(make([]byte, 1<<20))
	keep, err := n.calls.start([]znode.Txn{*putTxn(big)})
	if err != nil {
		t.Fatal(err)
	}
	o.add(keep)
	for range 3 * maxQueueBytes >> 20 {
		c, err := n.calls.start([]znode.Txn{*putTxn(big)})
		if err != nil {
			t.Fatal(err)
		}
		o.add(c)
		n.calls.giveUp(c, io.EOF)
		if got := sizeOf(o.queue); got > maxQueueBytes || got != o.bytes {
			t.Fatalf("%d bytes in the queue, counted %d, the limit is %d", got, o.bytes, maxQueueBytes)
		}
	}
	if o.queue[0] != keep {
		t.Error("the call that waits was swept out, too")
	}
}

func TestAnEntryGathersOwnCallsAndBundles(t *testing.T) {
	o, n := newBox()
	var refused []string
	for range 200 {
		c, _ := n.calls.start([]znode.Txn{*putTxn("x")})
		o.add(c)
	}
	o.bundles <- bundleOf(4, 3, 10, &refused)   // of another term
	o.bundles <- bundleOf(5, 100, 10, &refused) // fits
	o.bundles <- bundleOf(5, 100, 10, &refused) // would leave too little for the member's own
	o.fences.add(&fenceRequest{way: way{5, 0}, origin: 99})
	e := o.gather(5)
	if len(e.own) != 156 || len(e.bundles) != 1 || len(e.commands) != 256 || o.held == nil {
		t.Errorf("%d own, %d bundles, %d commands", len(e.own), len(e.bundles), len(e.commands))
	}
	e = o.gather(5)
	if len(e.own) != 44 || len(e.commands) != 144 || o.held != nil {
		t.Errorf("then %d own, %d commands", len(e.own), len(e.commands))
	}
	o.fences.add(&fenceRequest{way: way{5, 1}, origin: 99})
	o.bundles <- bundleOf(5, 2, 10, &refused) // barred
	if e := o.gather(5); len(e.commands) != 0 {
		t.Errorf("%d barred commands", len(e.commands))
	}
	if got := fmt.Sprint(refused); got != "[1 [0 1 2] 1 [0 1]]" {
		t.Errorf("refused: %s", got)
	}
}

// Bundles that fill entry after entry leave every other one to the member's own calls.
func TestOwnCallsAreNotStarvedByBundles(t *testing.T) {
	o, n := newBox()
	c, err := n.calls.start([]znode.Txn{*putTxn("mine")})
	if err != nil {
		t.Fatal(err)
	}
	o.add(c)
	for range 3 {
		for len(o.bundles) < cap(o.bundles) {
			o.bundles <- bundleOf(5, 1, command.SoftEntryBytes, nil)
		}
		if e := o.gather(5); len(e.own) == 1 {
			return
		}
	}
	t.Error("three entries without the call that waits")
}

func TestAFullDiskRefusesGrowthOnly(t *testing.T) {
	o, n := newBox()
	n.disk.full.Store(true)
	var refused []string
	grows, _ := n.calls.start([]znode.Txn{*putTxn("x")})
	shrinks, _ := n.calls.start([]znode.Txn{*deleteTxn()})
	o.add(grows)
	o.add(shrinks)
	o.bundles <- bundleOf(5, 4, 10, &refused)
	e := o.gather(5)
	if len(e.own) != 1 || e.own[0] != shrinks || len(e.commands) != 3 {
		t.Errorf("%d own, %d commands", len(e.own), len(e.commands))
	}
	if got := fmt.Sprint(refused); got != "[2 [0 2]]" {
		t.Errorf("refused: %s", got)
	}
	if got := <-grows.done; !errors.Is(got.err, command.ErrDiskFull) {
		t.Errorf("own growth: %v", got.err)
	}
}
