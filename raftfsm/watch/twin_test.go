package watch

import (
	"fmt"
	"math/rand/v2"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holt/raftfsm/znode"
)

// The naive twin: everything that was ever done is kept, and what a subscription must be given is found by looking at all
// of it. Transactions are random, and so are the subscriptions, where they begin, how slow they are and when they end.
// A writer and many takers run at the same time.

func TestTwin(t *testing.T) {
	for seed := range uint64(4) {
		t.Run(fmt.Sprint(seed), func(t *testing.T) { runTwin(t, seed, 2500, 40) })
	}
}

// TestTwinInAHurry has a writer that waits for hardly anybody: most takers are behind most of the time.
func TestTwinInAHurry(t *testing.T) { runTwin(t, 99, 15_000, 12) }

func runTwin(t *testing.T, seed uint64, txns, takers int) {
	w := &world{rig: newRig(t), rng: rand.New(rand.NewPCG(seed, 1)), hurry: txns > 10_000}
	w.moved.L = &w.mu
	w.populate()
	w.published(w.publish(), false)

	var all sync.WaitGroup
	results := make([]*taker, takers)
	for i := range takers {
		tk := &taker{world: w, rng: rand.New(rand.NewPCG(seed, uint64(i)+10)), final: make(chan znode.Zxid, 1)}
		results[i] = tk
		begin := znode.Zxid(tk.rng.IntN(txns / 4)) // about a third of the transactions change anything
		all.Go(func() { tk.run(begin) })
	}
	for i := range txns {
		w.step()
		if w.hurry && i >= txns/2 && i%(txns/10) == 0 {
			w.rest()
		}
	}
	w.note()
	last := w.publish()
	w.published(last, true)
	for _, tk := range results {
		tk.final <- last
	}
	all.Wait()

	for i, tk := range results {
		for _, part := range tk.parts {
			if err := part.check(w.records, last); err != nil {
				t.Errorf("taker %d, %+v after %d: %v", i, part.filter, part.after, err)
			}
		}
	}
	live, behind := w.live.Load(), w.behind.Load()
	t.Logf("%d records; messages taken live %d, from the history %d", len(w.records), live, behind)
	if behind == 0 || live == 0 {
		t.Error("one of the two ways was not gone at all")
	}
	if n, _ := w.hub.Streams(); n != 0 || w.hub.pending.Load() != 0 {
		t.Errorf("%d subscriptions and %d bytes are left", n, w.hub.pending.Load())
	}
}

// world is the rig, what was ever done, and who watches.
type world struct {
	*rig
	rng      *rand.Rand
	hurry    bool
	sessions []*znode.SessionKey
	owners   []znode.Owner
	records  []znode.Record
	seen     znode.Zxid

	mu    sync.Mutex // guards what follows
	moved sync.Cond
	at    znode.Zxid // the last that was published
	over  bool       // there will be no other

	live, behind atomic.Int64
}

var twinNames = []string{"/", "/a", "/ab", "/a/b", "/a/b/c", "/a/bc", "/b", "/b/a", "/b/a/b"}

func (w *world) populate() {
	for i := range 4 {
		k, o := w.open(byte(i + 1))
		w.sessions, w.owners = append(w.sessions, k), append(w.owners, o)
		for _, p := range []string{"/a", "/b", "/a/b"}[:i%3+1] {
			w.doAs(k, znode.AddWatchOp(znode.MustPath(p), znode.PersistentRecursive-znode.WatchMode(i%2)))
		}
	}
	w.note()
}

// step is one transaction, refused or not, and sometimes shows the state to the hub.
func (w *world) step() {
	txn := &znode.Txn{}
	if w.rng.IntN(3) == 0 {
		txn.Session = w.sessions[w.rng.IntN(len(w.sessions))]
	}
	for range 1 + w.rng.IntN(3)*w.rng.IntN(2) {
		p := znode.MustPath(twinNames[w.rng.IntN(len(twinNames))])
		switch n := w.rng.IntN(20); {
		case n < 5 && txn.Session != nil && len(p.String()) > 4:
			txn.Ops = append(txn.Ops, znode.CreateOp(p, "", znode.Ephemeral))
		case n < 8:
			txn.Ops = append(txn.Ops, znode.CreateOp(p, "", znode.Persistent))
		case n < 12:
			txn.Ops = append(txn.Ops, znode.DeleteOp(p))
		case n == 12 && txn.Session != nil && len(txn.Ops) == 0:
			w.Apply(&znode.Txn{Session: txn.Session, Ops: []znode.Op{znode.AddWatchOp(p, znode.ExistsWatch)}})
			fallthrough
		default:
			txn.Ops = append(txn.Ops, znode.SetOp(p, "d"))
		}
	}
	w.Apply(txn)
	if w.rng.IntN(5) == 0 {
		w.note()
		w.hub.Publish(w.State())
		w.published(w.Zxid(), false)
		if !w.hurry && w.rng.IntN(2) == 0 {
			w.reach(w.Zxid())
		}
	}
}

// rest writes on, and lets the takers run, until one of them was given something live: a writer that is quick enough would be at its end
// before anybody has caught up.
func (w *world) rest() {
	before := w.live.Load()
	eventually(w, func() bool {
		w.step()
		return w.live.Load() > before
	})
}

func (w *world) published(z znode.Zxid, last bool) {
	w.mu.Lock()
	defer w.mu.Unlock()
	w.at, w.over = z, last
	w.moved.Broadcast()
}

// await waits until so much was published, or all, and gives how much it is.
func (w *world) await(z znode.Zxid) znode.Zxid {
	w.mu.Lock()
	defer w.mu.Unlock()
	for w.at < z && !w.over {
		w.moved.Wait()
	}
	return w.at
}

// note keeps the records that are new.
func (w *world) note() {
	h := w.State().History
	records, whole := h.After(w.seen)
	if !whole {
		w.Fatal("the twin missed something")
	}
	for r := range records {
		w.records = append(w.records, znode.Record{Zxid: r.Zxid, Events: slices.Clone(r.Events), Told: slices.Clone(r.Told)})
	}
	w.seen = w.Zxid()
}

// part is what one subscription was given.
type part struct {
	filter   Filter
	after    znode.Zxid
	messages []*Message
	stands   []stand
	ended    bool // before the last transaction
}

// stand is upTo after so many messages.
type stand struct {
	n    int
	upTo znode.Zxid
}

// taker has one subscription after the other: each goes on where the last ended.
type taker struct {
	*world
	rng   *rand.Rand
	final chan znode.Zxid
	parts []*part
}

func (tk *taker) run(begin znode.Zxid) {
	f := tk.filter()
	after := int64(tk.await(begin)) + int64(tk.rng.IntN(201)) - 100
	next, final := znode.Zxid(max(after, 0)), znode.Zxid(0)
	for final == 0 {
		next, final = tk.subscription(f, next)
	}
}

// subscription takes for a while, or until all was done, and gives where it stood.
func (tk *taker) subscription(f Filter, after znode.Zxid) (upTo, final znode.Zxid) {
	s, err := tk.hub.Subscribe(f, after)
	if err != nil {
		tk.Error(err)
		return 0, 1
	}
	defer s.Close()
	p := &part{filter: f, after: after}
	tk.parts = append(tk.parts, p)
	life, buf := 1+tk.rng.IntN(300), make([]*Message, 1+tk.rng.IntN(9))
	slow := tk.rng.IntN(2) == 0
	for range life {
		select {
		case <-s.Ready():
		case final = <-tk.final:
			return tk.finish(s, p, buf, final), final
		}
		if slow && tk.rng.IntN(4) == 0 { // so long that its queue fills
			tk.await(tk.await(0) + znode.Zxid(tk.rng.IntN(400)))
		}
		upTo = tk.take(s, p, buf)
	}
	p.ended = true
	return max(upTo, after), 0
}

func (tk *taker) finish(s *Subscription, p *part, buf []*Message, final znode.Zxid) (upTo znode.Zxid) {
	for upTo < final {
		upTo = tk.take(s, p, buf)
	}
	if n, _, _ := s.Take(buf); n > 0 {
		tk.Errorf("after the last transaction there was more")
	}
	return upTo
}

func (tk *taker) take(s *Subscription, p *part, buf []*Message) znode.Zxid {
	s.mu.Lock()
	from := &tk.live
	if s.behind && len(s.pending) == 0 {
		from = &tk.behind
	}
	s.mu.Unlock()
	n, upTo, lost := s.Take(buf)
	if lost {
		tk.Errorf("lost at %d, with a history that is whole", upTo)
	}
	from.Add(int64(n))
	p.messages = append(p.messages, buf[:n]...)
	p.stands = append(p.stands, stand{len(p.messages), upTo})
	if tk.rng.IntN(3) > 0 {
		s.Sent(upTo)
	}
	return upTo
}

func (tk *taker) filter() (f Filter) {
	if tk.rng.IntN(5) == 0 {
		return Filter{Session: tk.owners[tk.rng.IntN(len(tk.owners))]}
	}
	for range 1 + tk.rng.IntN(3) {
		f.Paths = append(f.Paths, znode.MustPath(twinNames[tk.rng.IntN(len(twinNames))]))
	}
	f.Recursive, f.Data, f.Children = tk.rng.IntN(2) == 0, tk.rng.IntN(4) > 0, tk.rng.IntN(2) == 0
	return f
}

// check compares with what should have been given, and says what is wrong.
func (p *part) check(records []znode.Record, last znode.Zxid) error {
	upTo := p.after
	if len(p.stands) > 0 {
		upTo = p.stands[len(p.stands)-1].upTo
	}
	if !p.ended && upTo < last {
		return fmt.Errorf("it ended at %d of %d", upTo, last)
	}
	want := naive(records, p.filter, p.after, upTo)
	for i, m := range p.messages {
		if i >= len(want) || text(m) != text(want[i]) {
			return fmt.Errorf("message %d of %d is %s; of %d it should be %v", i, len(p.messages), text(m), len(want), want[i:min(i+1, len(want))])
		}
	}
	if len(want) > len(p.messages) {
		return fmt.Errorf("%d messages, it should be %d; the first that is not there is %s", len(p.messages), len(want), text(want[len(p.messages)]))
	}
	before := p.after
	for _, s := range p.stands {
		switch {
		case s.upTo < before:
			return fmt.Errorf("upTo went back from %d to %d", before, s.upTo)
		case s.n > 0 && p.messages[s.n-1].Zxid > s.upTo:
			return fmt.Errorf("upTo is %d before the message it has given, %s", s.upTo, text(p.messages[s.n-1]))
		case s.n < len(want) && want[s.n].Zxid <= s.upTo:
			return fmt.Errorf("upTo is %d with %s not given", s.upTo, text(want[s.n]))
		}
		before = s.upTo
	}
	return nil
}

// naive is what a filter wants of the records after a zxid up to another.
func naive(records []znode.Record, f Filter, after, upTo znode.Zxid) (want []*Message) {
	for _, r := range records {
		if r.Zxid <= after || r.Zxid > upTo {
			continue
		}
		m := &Message{Zxid: r.Zxid}
		for i, e := range r.Events {
			if naively(f, e, slices.Contains(r.Told, znode.Told{Owner: f.Session, Event: i})) {
				m.Events = append(m.Events, e)
			}
		}
		if len(m.Events) > 0 {
			want = append(want, m)
		}
	}
	return want
}

func naively(f Filter, e znode.Event, told bool) bool {
	if f.Session != 0 {
		return told
	}
	at, below := false, false
	for _, p := range f.Paths {
		at = at || p.String() == e.Path.String()
		below = below || strings.HasPrefix(e.Path.String()+"/", strings.TrimSuffix(p.String(), "/")+"/")
	}
	switch e.Type {
	case znode.NodeChildrenChanged:
		return at && f.Children && !f.Recursive
	case znode.NodeDeleted:
		return at && f.Children || f.Data && (at || f.Recursive && below)
	case znode.NodeCreated, znode.NodeDataChanged:
		return f.Data && (at || f.Recursive && below)
	}
	return false
}
