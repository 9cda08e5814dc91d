package main

import (
	"fmt"
	"time"

	"holt/httpapi"
	"holt/raftfsm"
)

// Checks are the reasons to be ready or not, and what else whoever asks will want to know. Those that tell of something that may be wrong
// and are nevertheless well are no reason to take traffic away: metrics tell of them, and alarms.
func (j joined) Checks() []httpapi.Check {
	s := j.Node.Stats()
	is, membership := j.intro.state()
	return []httpapi.Check{
		{Name: "process", OK: true, Live: true, Detail: "running"},
		{Name: "member", OK: is, Detail: membership},
		{Name: "caught_up", OK: s.Ready, Detail: caughtUpDetail(&s)},
		{Name: "leader", OK: s.HasLeader, Detail: leaderDetail(j.Node.Status(), &s)},
		{Name: "peers", OK: true, Detail: fmt.Sprintf("connected to %d of %d other members", s.PeersUp, max(0, s.Members-1))},
		{Name: "disk", OK: true, Detail: diskDetail(&s)}, // reads and deletes are served
		{Name: "snapshot", OK: true, Detail: snapshotDetail(s.Snapshot, time.Now())},
		{Name: "digest", OK: true, Detail: digestDetail(&s)},
	}
}

func caughtUpDetail(s *raftfsm.Stats) string {
	at := fmt.Sprintf("applied to zxid %d, log index %d of %d", s.Zxid, s.AppliedIndex, s.LastIndex)
	if s.NoVote {
		at += "; its folder is new, so it has no vote until it has caught up, or all members, or a majority for ten seconds, say that theirs are new, too"
	}
	return at
}

func leaderDetail(c raftfsm.Status, s *raftfsm.Stats) string {
	switch {
	case c.Leader == "":
		return fmt.Sprintf("there is none, term %d", c.Term)
	case s.Leader:
		return fmt.Sprintf("this member, in term %d", c.Term)
	default:
		return fmt.Sprintf("%s in term %d, heard of %v ago", c.Leader, c.Term, s.LastContact.Round(time.Millisecond))
	}
}

func diskDetail(s *raftfsm.Stats) string {
	switch {
	case s.DiskFull:
		return fmt.Sprintf("nearly full, only deletes are taken: %d bytes free", s.DiskFree)
	case s.DiskFree == 0:
		return "nobody looks at it: HOLT_DISK_RESERVE is 0"
	default:
		return fmt.Sprintf("%d bytes free", s.DiskFree)
	}
}

func snapshotDetail(mark raftfsm.SnapshotMark, now time.Time) string {
	if mark == (raftfsm.SnapshotMark{}) {
		return "none yet"
	}
	return fmt.Sprintf("of zxid %d, %v old", mark.Zxid, now.Sub(time.UnixMilli(mark.Time)).Round(time.Second))
}

func digestDetail(s *raftfsm.Stats) string {
	switch {
	case s.DigestDisputed:
		return "members hold different states, and none is that of a majority: see the log"
	case s.DigestIndex == 0:
		return "not compared with the other members yet"
	default:
		return fmt.Sprintf("the same as the majority's at zxid %d", s.DigestZxid)
	}
}
