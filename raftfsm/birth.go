package raftfsm

import (
	"slices"
	"strings"
	"time"
)

const (
	// birthPause is between two rounds of questions whether there is a cluster already.
	birthPause = 50 * time.Millisecond
	// birthGrace is how long a majority whose folders are new waits for the founders that do not answer, before it begins without them.
	birthGrace = 10 * time.Second
	// birthSaid is between two lines of the log while there is something to wait for.
	birthSaid = 10 * time.Second
	// newbornIndex is the last index of a log that holds the first configuration and nothing else.
	newbornIndex = 1
)

// birth gives this member, which begins a cluster with others, its vote, once it is known that there is no such cluster yet. That it knows
// of none itself says nothing: its folder may have been lost, and it may have acknowledged what was in it.
//
// So it asks the others. If all of them say that their logs are as new as its own, nothing was ever acknowledged. If one has a history, it
// must catch up with that. Where some do not answer, a majority waits for birthGrace and begins then, so that a machine that is not there
// on the first day does not keep the others from it. The cluster would lose something by this only if one founder had lost its folder,
// another had never once been there, and all who know better stayed silent: more than a minority, which is what it bears.
func (n *Node) birth() {
	said := time.Now()
	var quorate time.Time // since when all who answer are new and enough; zero while they are not
	for !n.cfg.Joined && !n.franchise.granted.Load() {
		f := n.askFounders()
		n.hear(&f)
		switch {
		case !f.quorum():
			quorate = time.Time{}
		case quorate.IsZero():
			quorate = time.Now()
		}
		switch {
		case f.quorum() && (len(f.silent) == 0 || time.Since(quorate) >= birthGrace):
			n.begin(&f)
		case time.Since(said) >= birthSaid:
			said = time.Now()
			text := "this member's folder is new, so it has no vote until it has caught up, or all members say that theirs are new, too"
			if len(f.newborn) > f.all()/2 && len(f.lived) > 0 {
				text += "; more than half have lost theirs, so there will be no leader: run holt recover on the one that is older and has the highest log index, and have the others join it"
			}
			n.log.Warn(text, "new", strings.Join(f.newborn, ","), "silent", strings.Join(f.silent, ","), "older", strings.Join(f.lived, ","))
		}
		if !n.sleep(birthPause) {
			return
		}
	}
}

// begin takes the vote for the first time.
func (n *Node) begin(f *founders) {
	if err := n.franchise.grant(&n.cfg); err != nil {
		n.log.Error("this member cannot begin the cluster", "error", err)
		return
	}
	if len(f.silent) > 0 {
		n.log.Warn("beginning the cluster without members that do not answer: the folders of all others are new", "silent", strings.Join(f.silent, ","))
	}
}

// hear notes which terms there have been, once so many of the others have answered that one of them is in any quorum that this member
// was in. From then on it follows a leader of such a term or a newer one.
func (n *Node) hear(f *founders) {
	all := f.all()
	others := all - 1 - len(f.silent)
	if quorum := all/2 + 1; others > all-quorum && !n.franchise.heard.Load() {
		n.franchise.floor.Store(f.term)
		n.franchise.heard.Store(true)
	}
}

// founders are the members of the first configuration, this one among them, by what they say of themselves. Names are in order.
type founders struct {
	newborn, lived, silent []string
	term                   uint64 // the newest of those that answer
}

func (f *founders) all() int { return len(f.newborn) + len(f.lived) + len(f.silent) }

// quorum says whether a majority is newborn, and nobody is known to be older.
func (f *founders) quorum() bool {
	return len(f.lived) == 0 && len(f.newborn) > f.all()/2
}

// askFounders asks all of them at once.
func (n *Node) askFounders() (f founders) {
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
		default:
			f.newborn = append(f.newborn, s.Name)
		}
	}
	for _, names := range [][]string{f.newborn, f.lived, f.silent} {
		slices.Sort(names)
	}
	return f
}
