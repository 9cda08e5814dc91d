package raftfsm

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"sync"
	"time"

	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

const (
	// reportTimeout bounds how long members are waited for who are asked how they are.
	reportTimeout = time.Second
	// MaxReportBytes bounds what one of them may say, encoded.
	MaxReportBytes = 4 << 10
	// MaxVersionBytes bounds the version of its program.
	MaxVersionBytes = 128
)

// Report is how a member says it is. Members of other versions may know other fields, so it goes over the wire as JSON.
type Report struct {
	Zxid         znode.Zxid
	Ready        bool // whether it has caught up since it started
	AppliedIndex uint64
	Snapshot     SnapshotMark
	Znodes       uint64
	DataBytes    uint64
	DiskFree     uint64 // bytes; 0 if nobody looks
	DiskFull     bool
	Sessions     uint64
	Streams      uint64 // of events, and long polls
	Version      string // of its program
	UptimeMs     uint64
	LogVersion   uint8 `json:",omitempty"` // the newest version of the log that it reads; version 1 did not say
}

// SnapshotMark says of which state the newest snapshot is that a member has on its disk. The zero value is none.
type SnapshotMark struct {
	Zxid znode.Zxid
	// Time is when it was written, ms since the Unix epoch; of one that the member found when it started, or was sent, when
	// its last transaction was.
	Time int64
}

// reports shares one round of asking among all who want to know: however many there are, no member is asked more than
// once at a time.
type reports struct {
	mu      sync.Mutex // guards what follows
	running *reportRound
	closed  bool
	words   map[string]word // of present members, by name
}

// word is what a member said last about the log it reads.
type word struct {
	version uint8
	at      time.Time
}

// wordTime is how long a member's word is good: it may have been started again as another program since.
const wordTime = time.Minute

// reportRound is one round; of is there once done is closed, and nobody changes it then.
type reportRound struct {
	done chan struct{}
	of   map[string]Report
}

// Reports asks all members how they are, and gives what came within a second, by name; who is not there could not be
// asked. This member is always there. The map is shared: nobody may change it.
func (n *Node) Reports(ctx context.Context) map[string]Report {
	rs := &n.reports
	rs.mu.Lock()
	r := rs.running
	if r == nil && !rs.closed {
		r = &reportRound{done: make(chan struct{})}
		rs.running = r
		n.wg.Go(func() {
			r.of = n.askAll()
			rs.mu.Lock()
			rs.running = nil
			n.keepWords(r.of)
			rs.mu.Unlock()
			close(r.done)
		})
	}
	rs.mu.Unlock()
	if r != nil {
		select {
		case <-r.done:
			return r.of
		case <-ctx.Done():
		case <-n.stop:
		}
	}
	return map[string]Report{n.cfg.Name: n.report()}
}

// keepWords notes who reads what, and forgets who is no member any more. It is called with reports.mu held.
func (n *Node) keepWords(of map[string]Report) {
	words := make(map[string]word)
	for _, s := range n.servers() {
		if r, ok := of[s.Name]; ok {
			words[s.Name] = word{max(r.LogVersion, 1), time.Now()}
		} else if w, ok := n.reports.words[s.Name]; ok && (time.Since(w.at) <= wordTime || uint32(w.version) >= n.digests.log.Load()) {
			words[s.Name] = w // an old word counts no more once something newer was written: that member has been upgraded, or will stop
		}
	}
	n.reports.words = words
}

// errNotReadByAll says that some member may not read what is to be written.
var errNotReadByAll = errors.New("not every member is known to read this version of the log")

// readByAll returns nil if all members read a version of the log: all have said so within wordTime, or something of that version is in the
// log already, so that there is no way back, and nobody says otherwise. The leader asks before it writes what came with a version.
func (n *Node) readByAll(ctx context.Context, version uint8) error {
	n.Reports(ctx)
	n.reports.mu.Lock()
	defer n.reports.mu.Unlock()
	begun := n.digests.log.Load() >= uint32(version)
	for _, s := range n.servers() {
		w, ok := n.reports.words[s.Name]
		switch {
		case ok && w.version < version:
			return fmt.Errorf("%w: %s reads version %d, this is of version %d", errNotReadByAll, s.Name, w.version, version)
		case !begun && (!ok || time.Since(w.at) > wordTime):
			return fmt.Errorf("%w: %s has not said", errNotReadByAll, s.Name)
		}
	}
	return nil
}

// close lets no further round begin; one that runs ends by itself, with n.ctx.
func (rs *reports) close() {
	rs.mu.Lock()
	defer rs.mu.Unlock()
	rs.closed = true
}

// askAll is one round.
func (n *Node) askAll() map[string]Report {
	ctx, cancel := context.WithTimeout(n.ctx, reportTimeout)
	defer cancel()
	var mu sync.Mutex // guards of
	of := map[string]Report{n.cfg.Name: n.report()}
	var asked sync.WaitGroup
	for _, s := range n.servers() {
		if s.Name == n.cfg.Name {
			continue
		}
		asked.Go(func() {
			r, err := n.askReport(ctx, s.target())
			if err != nil {
				n.log.Debug("a member does not say how it is", "peer", s.Name, "error", err)
				return
			}
			mu.Lock()
			defer mu.Unlock()
			of[s.Name] = r
		})
	}
	asked.Wait()
	return of
}

func (n *Node) askReport(ctx context.Context, to peer.Target) (r Report, err error) {
	conn, err := n.asks.Get(ctx, to)
	if err != nil {
		return r, err
	}
	b, err := conn.Call(ctx, kindReport, nil)
	if err != nil {
		return r, err
	}
	if len(b) > MaxReportBytes {
		return r, fmt.Errorf("a report of %d bytes, the limit is %d", len(b), MaxReportBytes)
	}
	if err := json.Unmarshal(b, &r); err != nil {
		return r, fmt.Errorf("a report that cannot be read: %w", err)
	}
	if len(r.Version) > MaxVersionBytes {
		return r, errors.New("a report with too long a version")
	}
	return r, nil
}

// report is this member's own. It never waits.
func (n *Node) report() Report {
	s := n.Stats()
	r := Report{
		Zxid: s.Zxid, Ready: s.Ready, AppliedIndex: s.AppliedIndex, Znodes: uint64(s.Znodes), DataBytes: uint64(s.DataBytes),
		DiskFree: s.DiskFree, DiskFull: s.DiskFull, Sessions: uint64(s.Sessions), Version: n.cfg.Version,
		UptimeMs:   uint64(time.Since(n.started).Milliseconds()),
		LogVersion: n.cfg.LogVersion,
	}
	if r.LogVersion == 1 {
		r.LogVersion = 0 // as version 1 did
	}
	if mark := n.progress.saved.Load(); mark != nil {
		r.Snapshot = *mark
	}
	if n.cfg.Streams != nil {
		r.Streams = uint64(n.cfg.Streams())
	}
	return r
}

// onReport answers another member's Reports.
func (n *Node) onReport(context.Context, peer.Peer, byte, []byte) ([]byte, error) {
	return json.Marshal(n.report())
}
