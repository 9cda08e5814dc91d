package raftfsm

import (
	"cmp"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// call is what one request to this member proposes, one transaction or a batch, from Propose to its answer.
//
// Where it stands: waiting (in the outbox, certainly not proposed) → sent some way (may be carried out, in entries of
// one term only) → ended. It goes back from sent to waiting when it is certain that it will not be carried out any more:
// the leader refused it, its entry turned out void, an entry of a later term was applied here, or a fence was.
type call struct {
	seq   uint64
	body  []byte // the encoded command
	grows bool
	done  chan outcome // has room for the one outcome

	// Guarded by calls.mu.
	stage stage
	way   way // of a call that is sent
}

// way is how a call was sent. No call is under way twice the same way.
type way struct {
	term uint64 // the only term whose entries can carry it
	link uint64 // what it went over to the leader, see Node.links; 0: proposed by this member, and any link to search with
}

func (w way) fits(c *call) bool {
	return c.stage == sent && c.way.term == w.term && (w.link == 0 || c.way.link == w.link)
}

type stage uint8

const (
	waiting stage = iota
	sent
	ended
)

// outcome is how a call ended: one of the two is set.
type outcome struct {
	results []*znode.Result // one for each transaction
	err     error
}

// calls are the calls that have not ended, by their number.
type calls struct {
	origin command.Origin
	next   atomic.Uint64 // the last number given

	mu       sync.Mutex // guards what follows
	open     map[uint64]*call
	bytes    int    // of their bodies
	answered uint64 // the raft index up to which all answers were given
	fenced   fence  // the one that waits for its index, if any
}

// Limits of what may be waiting for its outcome on one member; more is refused with ErrThrottled.
const (
	MaxCalls     = 16384
	MaxCallBytes = 128 << 20
)

func newCalls(origin command.Origin) *calls {
	return &calls{origin: origin, open: make(map[uint64]*call)}
}

// start gives the transactions a number and encodes them.
func (cs *calls) start(txns []znode.Txn) (*call, error) {
	return cs.startCommand(&command.Command{Txns: txns})
}

// startCommand is start of any command.
func (cs *calls) startCommand(cmd *command.Command) (*call, error) {
	cmd.Origin = cs.origin
	if err := cmd.Validate(); err != nil {
		return nil, fmt.Errorf("proposing: %w", err) // the caller's bug; in the log it would end every member
	}
	cmd.Seq = cs.next.Add(1)
	c := &call{seq: cmd.Seq, grows: cmd.Grows(), done: make(chan outcome, 1)}
	c.body = cmd.Append(make([]byte, 0, cmd.Size()))
	cs.mu.Lock()
	defer cs.mu.Unlock()
	if len(cs.open) >= MaxCalls || cs.bytes+len(c.body) > MaxCallBytes {
		return nil, command.ErrThrottled
	}
	cs.open[c.seq] = c
	cs.bytes += len(c.body)
	return c, nil
}

// send marks calls as sent and returns those that still want to be.
func (cs *calls) send(batch []*call, w way) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.DeleteFunc(batch, func(c *call) bool {
		if c.stage != waiting {
			return true
		}
		c.stage, c.way = sent, w
		return false
	})
}

// unsend puts calls that are certain not to be carried out the way they were sent back to waiting, and returns them.
func (cs *calls) unsend(batch []*call, w way) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.DeleteFunc(batch, func(c *call) bool {
		if !w.fits(c) {
			return true
		}
		c.stage = waiting
		return false
	})
}

// find is the open calls with these numbers.
func (cs *calls) find(seqs []uint64) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	var out []*call
	for _, seq := range seqs {
		if c := cs.open[seq]; c != nil {
			out = append(out, c)
		}
	}
	return out
}

// sentBefore puts back to waiting, and returns in order, every call sent in a term before this one: an entry of this term
// was applied here without them.
func (cs *calls) sentBefore(term uint64) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return cs.backLocked(func(c *call) bool { return c.way.term < term })
}

// backLocked puts the sent calls for which ok holds back to waiting, and returns them in order.
func (cs *calls) backLocked(ok func(*call) bool) []*call {
	var out []*call
	for _, c := range cs.open {
		if c.stage == sent && ok(c) {
			c.stage = waiting
			out = append(out, c)
		}
	}
	slices.SortFunc(out, func(a, b *call) int { return cmp.Compare(a.seq, b.seq) })
	return out
}

// end takes the call out and hands its outcome to who waits for it.
func (cs *calls) end(c *call, o outcome) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.endLocked(c, o)
}

func (cs *calls) endLocked(c *call, o outcome) {
	if c.stage == ended {
		return
	}
	c.stage = ended
	delete(cs.open, c.seq)
	cs.bytes -= len(c.body)
	c.done <- o
}

// answer is the results of one of this member's commands, found in the log.
type answer struct {
	seq     uint64
	results []*znode.Result
}

// answerAll ends the calls whose results were applied up to index, and returns those that a fence there sends back.
func (cs *calls) answerAll(answers []answer, index uint64) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, a := range answers {
		if c := cs.open[a.seq]; c != nil {
			cs.endLocked(c, outcome{results: a.results})
		}
	}
	cs.answered = index
	return cs.fencedLocked()
}

// endSent ends every call that was sent with ErrUnknown: a snapshot up to index hides what became of it.
func (cs *calls) endSent(index uint64) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	cs.answered = index
	for _, c := range cs.open {
		if c.stage == sent {
			cs.endLocked(c, outcome{err: command.ErrUnknown})
		}
	}
}

// giveUp ends a call whose caller waits no longer, and says what may be said about it: idle if it was never proposed,
// otherwise ErrUnknown, unless it has just ended.
func (cs *calls) giveUp(c *call, idle error) outcome {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	switch c.stage {
	case waiting:
		cs.endLocked(c, outcome{err: idle})
	case sent:
		cs.endLocked(c, outcome{err: command.ErrUnknown})
	}
	return <-c.done
}

// onlyWaiting drops the calls that ended while they waited.
func (cs *calls) onlyWaiting(queue []*call) []*call {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return slices.DeleteFunc(queue, func(c *call) bool { return c.stage != waiting })
}

// endAll ends every call: those that were never proposed with idle, the others with ErrUnknown.
func (cs *calls) endAll(idle error) {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	for _, c := range cs.open {
		if c.stage == waiting {
			cs.endLocked(c, outcome{err: idle})
		} else {
			cs.endLocked(c, outcome{err: command.ErrUnknown})
		}
	}
}

// len is how many calls have not ended.
func (cs *calls) len() int {
	cs.mu.Lock()
	defer cs.mu.Unlock()
	return len(cs.open)
}
