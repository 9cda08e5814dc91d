package raftfsm

import (
	"context"
	"slices"
	"strings"
	"time"

	"holt/raftfsm/peer"
)

const (
	// birthPause is between two rounds of questions whether there is a cluster already.
	birthPause = 50 * time.Millisecond
	// birthGrace is how long a majority whose folders are new waits for the founders that do not answer, before it begins without them.
	birthGrace = 10 * time.Second
	// birthSaid is between two lines of the log while there is something to wait for.
	birthSaid = 10 * time.Second
	// newFolder tells people of a member without a vote.
	newFolder = "this member's folder is new, so it has no vote until it has caught up, or all members, or a majority for ten seconds, say that theirs are new, too"
	// newbornIndex is the last index of a log that holds the first configuration and nothing else.
	newbornIndex = 1
)

// birth gives this member, which begins a cluster with others, its vote, once it is known that there is no such cluster yet. That it knows
// of none itself says nothing: its folder may have been lost, and it may have acknowledged what was in it.
//
// So it asks the others. If all of them say that their logs are as new as its own, nothing was ever acknowledged. If one has a history, it
// must catch up with that. Where some do not answer, a majority of those that have never voted waits for birthGrace and begins then, so that
// a machine that is not there on the first day does not keep the others from it. One that has voted does not count among them, unless it was
// seen before it did: it may have begun with those who are silent. What is left to go wrong is that one founder never once began, another
// has lost its folder, and all who know better are silent for that long.
func (n *Node) birth() {
	said := time.Now()
	var quorate time.Time         // since when all who answer are new and enough; zero while they are not
	seen := make(map[string]bool) // who was seen to be new and without a vote, as this member was
	for !n.cfg.Joined && !n.franchise.granted.Load() {
		f := n.askFounders(seen)
		switch {
		case !f.quorum():
			quorate = time.Time{}
		case quorate.IsZero():
			quorate = time.Now()
		}
		switch {
		case len(f.newborn)+len(f.begun) == f.all(), f.quorum() && time.Since(quorate) >= birthGrace:
			n.begin(&f)
		case time.Since(said) >= birthSaid:
			said = time.Now()
			text := newFolder
			if len(f.lived) > 0 && f.all()-len(f.newborn) <= f.all()/2 {
				text += "; so many folders are new that there will be no leader: run holt recover on the member that is older and has the highest log index, and have the others join it"
			}
			n.log.Warn(text, "new", strings.Join(f.newborn, ","), "begun", strings.Join(f.begun, ","), "silent", strings.Join(f.silent, ","), "older", strings.Join(f.lived, ","))
		}
		if !n.sleep(birthPause) {
			return
		}
	}
}

// begin takes the vote for the first time.
func (n *Node) begin(f *founders) {
	if err := n.franchise.grant(&n.cfg, f.term); err != nil {
		return // the disk has said so itself: its first error ends the member
	}
	if len(f.silent) > 0 {
		n.log.Warn("beginning the cluster without members that do not answer: the folders of all others are new", "silent", strings.Join(f.silent, ","))
	}
}

// listen has this member hear which terms there have been, of whoever calls itself its leader: a quorum, of the members there are now and
// without those that have not heard themselves, is in that one's term. One of them is in any quorum that this member was in, and would know
// of a newer term.
func (n *Node) listen() {
	for !n.franchise.heard.Load() {
		select {
		case to := <-n.franchise.callers:
			if n.confirms(to) {
				n.franchise.heard.Store(true)
			}
		case <-n.stop:
			return
		}
	}
}

// confirms says whether a quorum is in the term of the one that calls itself the leader, and notes that term.
func (n *Node) confirms(to peer.Target) bool {
	ctx, cancel := context.WithTimeout(n.ctx, roundTimeout)
	defer cancel()
	before, err := n.askStanding(ctx, to)
	if err != nil {
		return false
	}
	conn, err := n.asks.Get(ctx, to)
	if err != nil {
		return false
	}
	if _, err := conn.Call(ctx, kindReadIndex, nil); err != nil {
		return false
	}
	after, err := n.askStanding(ctx, to)
	if err != nil || after.term != before.term || after.term == 0 {
		return false
	}
	n.franchise.floor.Store(after.term)
	return true
}

// founders are the members of the first configuration, this one among them, by what they say of themselves. Names are in order.
type founders struct {
	newborn, lived, silent []string
	begun                  []string // new, too, but may have voted before this member was there
	term                   uint64   // the newest of those that answer
}

func (f *founders) all() int { return len(f.newborn) + len(f.lived) + len(f.silent) + len(f.begun) }

// quorum says whether a majority is newborn, and nobody is known to be older.
func (f *founders) quorum() bool {
	return len(f.lived) == 0 && len(f.newborn) > f.all()/2
}

// askFounders asks all of them at once.
func (n *Node) askFounders(seen map[string]bool) (f founders) {
	all := n.servers()
	there := n.reach(n.ctx, all)
	for _, s := range all {
		a, answers := there[s.Name]
		f.term = max(f.term, a.term)
		switch {
		case !answers:
			f.silent = append(f.silent, s.Name)
		case a.last > newbornIndex:
			f.lived = append(f.lived, s.Name)
		case !a.unborn && !seen[s.Name]:
			f.begun = append(f.begun, s.Name)
		default:
			seen[s.Name] = true
			f.newborn = append(f.newborn, s.Name)
		}
	}
	for _, names := range [][]string{f.newborn, f.lived, f.silent} {
		slices.Sort(names)
	}
	return f
}
