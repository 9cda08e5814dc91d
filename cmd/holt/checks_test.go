package main

import (
	"testing"
	"time"

	"holt/raftfsm"
)

func TestChecksSpeakToPeople(t *testing.T) {
	now := time.UnixMilli(1_000_000_000_000)
	for _, tt := range []struct{ got, want string }{
		{caughtUpDetail(&raftfsm.Stats{Zxid: 3, AppliedIndex: 4, LastIndex: 5}), "applied to zxid 3, log index 4 of 5"},
		{caughtUpDetail(&raftfsm.Stats{NoVote: true, LastIndex: 1}), "applied to zxid 0, log index 0 of 1; its folder is new, so it has no vote until it has caught up, or all members, or a majority for ten seconds, say that theirs are new, too"},
		{leaderDetail(raftfsm.Status{Term: 4}, &raftfsm.Stats{}), "there is none, term 4"},
		{leaderDetail(raftfsm.Status{Term: 4, Leader: "a"}, &raftfsm.Stats{Leader: true}), "this member, in term 4"},
		{leaderDetail(raftfsm.Status{Term: 4, Leader: "b"}, &raftfsm.Stats{LastContact: 12345 * time.Microsecond}), "b in term 4, heard of 12ms ago"},
		{diskDetail(&raftfsm.Stats{}), "nobody looks at it: HOLT_DISK_RESERVE is 0"},
		{diskDetail(&raftfsm.Stats{DiskFree: 5}), "5 bytes free"},
		{diskDetail(&raftfsm.Stats{DiskFree: 5, DiskFull: true}), "nearly full, only deletes are taken: 5 bytes free"},
		{snapshotDetail(raftfsm.SnapshotMark{}, now), "none yet"},
		{snapshotDetail(raftfsm.SnapshotMark{Zxid: 7, Time: now.UnixMilli() - 90_400}, now), "of zxid 7, 1m30s old"},
		{digestDetail(&raftfsm.Stats{}), "not compared with the other members yet"},
		{digestDetail(&raftfsm.Stats{DigestIndex: 9, DigestZxid: 7}), "the same as the majority's at zxid 7"},
		{digestDetail(&raftfsm.Stats{DigestIndex: 9, DigestDisputed: true}), "members hold different states, and none is that of a majority: see the log"},
	} {
		if tt.got != tt.want {
			t.Errorf("%q, want %q", tt.got, tt.want)
		}
	}
}
