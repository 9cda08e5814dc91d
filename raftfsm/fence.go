package raftfsm

import (
	"context"
	"encoding/binary"
	"errors"
	"time"

	"holt/raftfsm/command"
	"holt/raftfsm/peer"
)

// A fence answers what no log tells: what becomes of the commands that were sent to the leader over a connection that
// broke, while the leader stays. The leader may have proposed them, may be about to, or may never have got them.
//
// Frames carry the number of the connection they went over. The member that lost it asks the leader, over another
// connection, to propose nothing more that came over this or an earlier one, and then to have an empty entry committed.
// What was handed to raft before lies before that entry. So whoever has applied it has the answers to all commands of the
// lost connection that were proposed, and the others are certain never to be.
type fence struct {
	way
	index uint64 // of the empty entry
}

const (
	// MaxFences is how many members' fences a leader keeps in one term; more are refused.
	MaxFences = 256
	// fencePause is between two tries to get a fence.
	fencePause = 20 * time.Millisecond
)

// onLost is called when a connection for writes ended, before the next is made.
//
// The number counts the ends of all connections for writes. A sender reads it before it takes a connection, so what went
// over this one has the present number or a lower one, whenever it is asked; what goes over the next may, too, if its sender
// was slow, and is then refused by the leader.
func (n *Node) onLost(t peer.Target) {
	link := n.links.Add(1)
	n.wg.Go(func() { n.fenceOff(t, link) })
	n.onDown(t)
}

// fenceOff gets a fence for what was sent to the leader over links up to this one, unless a new term makes it needless.
func (n *Node) fenceOff(to peer.Target, link uint64) {
	for {
		r := n.role()
		if r.leads || !n.calls.sentOver(way{r.term, link}) {
			return
		}
		if r.leader == to.Name {
			index, err := n.askFence(to, way{r.term, link})
			if err == nil {
				n.outbox.again(n.calls.fence(fence{way{r.term, link}, index}))
				return
			}
			n.log.Debug("no fence yet", "leader", to.Name, "term", r.term, "error", err)
		}
		pause := time.NewTimer(fencePause)
		select {
		case <-pause.C:
		case <-n.stop:
			pause.Stop()
			return
		}
	}
}

func (n *Node) askFence(to peer.Target, w way) (index uint64, err error) {
	ctx, cancel := context.WithTimeout(n.ctx, forwardTimeout)
	defer cancel()
	conn, err := n.asks.Get(ctx, to)
	if err != nil {
		return 0, err
	}
	b := binary.AppendUvarint(nil, w.term)
	b = binary.AppendUvarint(b, w.link)
	b = binary.AppendUvarint(b, uint64(n.calls.origin))
	if b, err = conn.Call(ctx, kindFence, b); err != nil {
		return 0, err
	}
	nums, _, ok := uvarints(b, 1)
	if !ok {
		return 0, errors.New("a fence without an index")
	}
	return nums[0], nil
}

// fenceRequest is a fence on its way to the goroutine that proposes.
type fenceRequest struct {
	way
	origin command.Origin
	done   chan fenceAnswer // has room for it
}

type fenceAnswer struct {
	index uint64
	err   error
}

// onFence puts up a fence for another member.
func (n *Node) onFence(ctx context.Context, _ peer.Peer, _ byte, b []byte) ([]byte, error) {
	nums, _, ok := uvarints(b, 3)
	if !ok {
		return nil, errors.New("a request for a fence is cut short")
	}
	f := &fenceRequest{way{nums[0], nums[1]}, command.Origin(nums[2]), make(chan fenceAnswer, 1)}
	select {
	case n.outbox.asked <- f:
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.stop:
		return nil, command.ErrShuttingDown
	}
	select {
	case a := <-f.done:
		return binary.AppendUvarint(nil, a.index), a.err
	case <-ctx.Done():
		return nil, ctx.Err()
	case <-n.stop:
		return nil, command.ErrShuttingDown
	}
}

// fence bars what the request says and proposes the entry that tells when. It runs on the goroutine that proposes: what
// that handed to raft before comes before the entry, and it hands over nothing barred after.
func (o *outbox) fence(f *fenceRequest) {
	n := o.node
	if r := n.role(); !r.leads || r.term != f.term || !o.fences.add(f) {
		f.done <- fenceAnswer{err: errNotReady}
		return
	}
	select {
	case o.slots <- struct{}{}:
	case <-n.stop:
		return
	}
	entry := command.Entry{Term: f.term, Time: n.cfg.Now().UnixMilli()}
	a := n.raft.Apply(entry.Append(nil), enqueueTimeout)
	o.follow(a, func(err error) {
		select {
		case n.nudge <- struct{}{}:
		default:
		}
		if err != nil {
			f.done <- fenceAnswer{err: err}
			return
		}
		f.done <- fenceAnswer{index: a.Index()}
	})
}

// fences are those a leader has put up in one term: for each origin the highest link that is barred.
type fences struct {
	term uint64
	upTo map[command.Origin]uint64 // at most MaxFences
}

// add puts one up, and says whether there was room for it.
func (fs *fences) add(f *fenceRequest) bool {
	if fs.term != f.term {
		*fs = fences{f.term, make(map[command.Origin]uint64)}
	}
	if _, known := fs.upTo[f.origin]; !known && len(fs.upTo) >= MaxFences {
		return false
	}
	fs.upTo[f.origin] = max(fs.upTo[f.origin], f.link)
	return true
}

// bar says whether a bundle must not be proposed.
func (fs *fences) bar(b *bundle) bool {
	return fs.term == b.way.term && b.way.link <= fs.upTo[b.origin]
}

// sentOver says whether calls are under way in this term over links up to this one.
func (cs *calls) sentOver(w way) bool {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.open {
		if c.stage == sent && w.covers(c.way) {
			return true
		}
	}
	return false
}

// covers says whether o is a way in the same term, over this link or an earlier one.
func (w way) covers(o way) bool { return o.term == w.term && o.link > 0 && o.link <= w.link }

// fence returns the calls it sends back, or keeps it until its index is applied.
func (cs *calls) fence(f fence) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch {
	case f.term > cs.fenced.term:
		cs.fenced = f // what waited for the other is taken back with the first entry of the new term
	case f.term == cs.fenced.term:
		// Both at once: later than need be for one of them, and as certain.
		cs.fenced.link, cs.fenced.index = max(cs.fenced.link, f.link), max(cs.fenced.index, f.index)
	}
	return cs.fencedLocked()
}

// fencedLocked takes the calls back that the fence has made certain: everything up to its index is answered.
func (cs *calls) fencedLocked() []*call {
	f := cs.fenced
	if f.index == 0 || f.index > cs.answered {
		return nil
	}
	cs.fenced.index = 0
	return cs.backLocked(func(c *call) bool { return f.covers(c.way) })
}
