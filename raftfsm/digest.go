package raftfsm

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"slices"
	"sync"
	"sync/atomic"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

const (
	// DefaultDigestEvery is how often members compare what they hold.
	DefaultDigestEvery = time.Minute
	// noteTimeout bounds how long members are waited for who are asked what they noted.
	noteTimeout = time.Second
	// MaxNotes bounds the notes that a member keeps. A verdict comes seconds after its mark; one on a mark before the last of these
	// is not judged.
	MaxNotes = 16
	// noteVersion is the version of the log that marks and verdicts came with.
	noteVersion = 2
)

var (
	// ErrDiverged ends a member whose state is not that of the majority: a bug, or memory or a disk that lies. Nothing it says can be
	// trusted, and starting it again helps only if its disk is right.
	ErrDiverged = errors.New("this member's state differs from that of the majority")
	// ErrTooOld ends a member whose program does not read what the others write.
	ErrTooOld = errors.New("this program is too old for the log of its cluster: start a later version of it")
	// errHalted says that the state of this member is not to be used.
	errHalted = errors.New("this member has stopped")
)

// note is what the state of a member came to at a mark.
type note struct {
	index   uint64 // of the mark
	version uint8  // of the digest
	zxid    znode.Zxid
	digest  znode.Digest
}

// digests is what a member knows of how its state compares with that of others.
type digests struct {
	agreed   atomic.Pointer[note] // the newest verdict that this member was held to, and stood; nil before the first
	disputed atomic.Bool          // the last round of this member, which leads, found no majority
	log      atomic.Uint32        // the newest version of the log of which something was committed since the start

	mu    sync.Mutex // guards notes
	notes []note     // in the order of the log, at most MaxNotes
}

// add keeps a note, and forgets the oldest of too many.
func (d *digests) add(n note) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if len(d.notes) == MaxNotes {
		d.notes = append(d.notes[:0], d.notes[1:]...)
	}
	d.notes = append(d.notes, n)
}

// at is the note of the mark at an index.
func (d *digests) at(index uint64) (n note, ok bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	i := slices.IndexFunc(d.notes, func(n note) bool { return n.index == index })
	if i < 0 {
		return n, false
	}
	return d.notes[i], true
}

// standing is the newest verdict that this member was held to, and stood; the zero note before the first.
func (d *digests) standing() note {
	if n := d.agreed.Load(); n != nil {
		return *n
	}
	return note{}
}

// forget drops all notes: they are about a state that was replaced.
func (d *digests) forget() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.notes = nil
}

// aside carries out a command that is about the log itself, and says whether nothing is left to be done with it. A void one does nothing.
func (f *fsm) aside(l *raft.Log, b []byte, void bool) bool {
	if f.halted {
		return true
	}
	kind, since, err := command.KindOf(b, f.version)
	if errors.Is(err, command.ErrTooNew) {
		f.halt(fmt.Errorf("%w: entry %d of term %d: %w", ErrTooOld, l.Index, l.Term, err))
		return true
	}
	if uint32(since) > f.digests.log.Load() {
		f.digests.log.Store(uint32(since))
	}
	if kind != command.KindMark && kind != command.KindVerdict {
		return false
	}
	if err := f.noteOrJudge(l.Index, kind, b, void); err != nil {
		panic(fmt.Sprintf("raftfsm: committed entry %d of term %d: %v", l.Index, l.Term, err))
	}
	return true
}

func (f *fsm) noteOrJudge(index uint64, kind byte, b []byte, void bool) error {
	if kind == command.KindVerdict {
		var v command.Verdict
		err := v.Decode(b)
		if err == nil && !void {
			f.judge(&v)
		}
		return err
	}
	var m command.Mark
	err := m.Decode(b)
	if err == nil && !void && m.Version == znode.DigestVersion {
		f.digests.add(note{index, m.Version, f.machine.Zxid(), f.machine.Digest()})
	}
	return err
}

// judge holds this member to what the majority noted. Without a note of its own there is nothing to be held: the state at the mark
// came with a snapshot.
func (f *fsm) judge(v *command.Verdict) {
	theirs := note{v.Index, v.Version, v.Zxid, v.Digest}
	mine, ok := f.digests.at(v.Index)
	switch {
	case !ok || mine.version != theirs.version:
	case mine == theirs:
		f.digests.agreed.Store(&mine)
	default:
		f.halt(fmt.Errorf("%w: after log entry %d it is at zxid %d with digest %s, theirs is at zxid %d with digest %s",
			ErrDiverged, v.Index, mine.zxid, mine.digest, theirs.zxid, theirs.digest))
	}
}

// halt stops the member for good: nothing more is applied, nothing is answered, and no snapshot is made of what is wrong.
func (f *fsm) halt(err error) {
	f.halted = true
	if f.fatal == nil {
		panic("raftfsm: " + err.Error())
	}
	f.log.Error("this member stops", "error", err)
	f.fatal(err)
}

// compareDigests has all members compare what they hold, again and again, as long as this one leads.
func (n *Node) compareDigests() {
	if n.cfg.DigestEvery <= 0 || n.cfg.LogVersion < noteVersion {
		return
	}
	tick := time.NewTicker(n.cfg.DigestEvery)
	defer tick.Stop()
	for {
		select {
		case <-tick.C:
		case <-n.stop:
			return
		}
		if term, leads := n.Office(); !leads {
			n.digests.disputed.Store(false) // the leader's to say
		} else if err := n.compareOnce(term); err != nil {
			n.log.Debug("the members' states were not compared", "error", err)
		}
	}
}

// compareOnce is one round, unless nothing has changed since the last that all agreed in: a mark, the question what everybody noted there,
// and the verdict.
func (n *Node) compareOnce(term uint64) error {
	if a := n.digests.agreed.Load(); a != nil && a.zxid == n.progress.now.Load().state.Zxid {
		return nil
	}
	if err := n.readByAll(n.ctx, noteVersion); err != nil {
		return err
	}
	index, err := n.proposeAbout(term, command.Mark{Version: znode.DigestVersion}.Append(nil))
	if err != nil {
		return err
	}
	notes := n.askNotes(index)
	majority, ok := n.tally(notes)
	if !ok {
		return nil
	}
	for name, theirs := range notes {
		if theirs != majority {
			n.log.Error("a member's state differs from that of the majority: it will stop", "peer", name, "index", index,
				"zxid", majority.zxid, "digest", majority.digest.String(), "its_zxid", theirs.zxid, "its_digest", theirs.digest.String())
		}
	}
	v := command.Verdict{Version: majority.version, Index: index, Zxid: majority.zxid, Digest: majority.digest}
	_, err = n.proposeAbout(term, v.Append(nil))
	return err
}

// tally finds what a majority of the voters noted. Where they contradict one another and none has it, nobody can tell who is right:
// that is said, and nobody stops.
func (n *Node) tally(notes map[string]note) (majority note, ok bool) {
	var voters []string
	for _, s := range n.voters() {
		voters = append(voters, s.Name)
	}
	majority, ok, disputed := majorityOf(notes, voters)
	n.digests.disputed.Store(disputed)
	if disputed {
		for name, theirs := range notes {
			n.log.Error("the members' states differ and there is no majority: some of them are wrong, and a backup may be needed",
				"peer", name, "index", theirs.index, "zxid", theirs.zxid, "digest", theirs.digest.String())
		}
	}
	return majority, ok
}

// majorityOf is the note that more than half of the voters have, those counted that say nothing. disputed says that there is none and that
// voters contradict one another.
func majorityOf(notes map[string]note, voters []string) (majority note, ok, disputed bool) {
	count := make(map[note]int)
	for _, name := range voters {
		if theirs, ok := notes[name]; ok {
			count[theirs]++
		}
	}
	for theirs, votes := range count {
		if votes > len(voters)/2 {
			return theirs, true, false
		}
	}
	return note{}, false, len(count) > 1
}

// proposeAbout has an entry of one command committed that is about the log, and gives its index once it was applied here.
func (n *Node) proposeAbout(term uint64, b []byte) (index uint64, err error) {
	o := n.outbox
	select {
	case o.slots <- struct{}{}:
	case <-n.stop:
		return 0, command.ErrShuttingDown
	}
	entry := command.Entry{Term: term, Time: n.cfg.Now().UnixMilli(), Commands: [][]byte{b}}
	f := n.raft.Apply(entry.Append(nil), enqueueTimeout)
	done := make(chan error, 1)
	o.follow(f, func(err error) { done <- err })
	select {
	case err := <-done:
		if err != nil {
			return 0, err
		}
		return f.Index(), nil
	case <-n.stop:
		return 0, command.ErrShuttingDown
	}
}

// askNotes asks all members what they noted at a mark, and gives what came in time, by name.
func (n *Node) askNotes(index uint64) map[string]note {
	ctx, cancel := context.WithTimeout(n.ctx, noteTimeout)
	defer cancel()
	var mu sync.Mutex // guards of
	of := make(map[string]note)
	var asked sync.WaitGroup
	for _, s := range n.servers() {
		asked.Go(func() {
			theirs, err := n.askNote(ctx, s, index)
			if err != nil {
				n.log.Debug("a member does not say what it noted", "peer", s.Name, "index", index, "error", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			of[s.Name] = theirs
		})
	}
	asked.Wait()
	return of
}

// errNoNote says that a member noted nothing at a mark.
var errNoNote = errors.New("nothing is noted there")

func (n *Node) askNote(ctx context.Context, s server, index uint64) (note, error) {
	if s.Name == n.cfg.Name {
		mine, ok := n.digests.at(index)
		if !ok {
			return note{}, errNoNote
		}
		return mine, nil
	}
	conn, err := n.asks.Get(ctx, s.target())
	if err != nil {
		return note{}, err
	}
	b, err := conn.Call(ctx, kindNote, binary.AppendUvarint(nil, index))
	if err != nil {
		return note{}, err
	}
	nums, rest, ok := uvarints(b, 3)
	if !ok || len(rest) != 0 || nums[0] != znode.DigestVersion {
		return note{}, errors.New("a note that cannot be read")
	}
	return note{index, uint8(nums[0]), znode.Zxid(nums[1]), znode.Digest(nums[2])}, nil
}

// onNote tells the leader what this member noted at a mark, once it has applied it.
func (n *Node) onNote(ctx context.Context, _ peer.Peer, _ byte, b []byte) ([]byte, error) {
	nums, rest, ok := uvarints(b, 1)
	if !ok || len(rest) != 0 {
		return nil, errNoNote
	}
	ctx, cancel := context.WithTimeout(ctx, noteTimeout)
	defer cancel()
	if n.progress.atIndex(ctx, nums[0]) == nil {
		return nil, errNoNote
	}
	mine, ok := n.digests.at(nums[0])
	if !ok {
		return nil, errNoNote
	}
	b = binary.AppendUvarint(nil, uint64(mine.version))
	b = binary.AppendUvarint(b, uint64(mine.zxid))
	return binary.AppendUvarint(b, uint64(mine.digest)), nil
}
