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
}

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
		UptimeMs: uint64(time.Since(n.started).Milliseconds()),
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
