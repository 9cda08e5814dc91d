package znode

import (
	"fmt"
	"maps"
	"slices"
	"sort"
	"strings"
)

// The twin's sessions, watches and events: a map, and lists that are walked from end to end.
type (
	twinSession struct {
		owner, timeout, opened, used int64
	}
	twinEnd struct {
		key               SessionKey
		owner, zxid, time int64
		reason            string
	}
	twinWatch struct {
		owner      int64
		path, mode string
	}
	twinEvent  struct{ what, path, cause string }
	twinTold   struct{ owner, event int64 }
	twinRecord struct {
		zxid   int64
		events []twinEvent
		told   []twinTold
	}
)

func twinOwner(n int64) string {
	if n == 0 {
		return ""
	}
	return fmt.Sprint("s", n)
}

var twinReasons = map[Reason]string{Expired: "expired", Closed: "closed", Killed: "killed"}

func (t *twin) happened(what, path, cause string) {
	t.changes = true
	t.events = append(t.events, twinEvent{what, path, cause})
}

func (t *twin) sessionStep(op Op) twinResult {
	switch op.Kind {
	case OpenSession:
		r := t.openSession(op.Session.Key, op.Session.Timeout)
		if r.code == "ok" {
			r.seal = op.Session.Seal
		}
		return r
	case CloseSession:
		return t.closeSession(op.Session)
	case CheckSession:
		for _, s := range t.sessions {
			if op.Session.Owner == 0 || int64(op.Session.Owner) == s.owner {
				return twinResult{code: "ok"}
			}
		}
		return twinResult{code: "session_expired", at: "/"}
	case AddWatch:
		return t.addWatch(op.Path.String(), op.Session.Watch.String())
	}
	return t.removeWatch(op.Path.String(), op.Session.Watch.String())
}

func (t *twin) openSession(key SessionKey, timeout int64) twinResult {
	_, taken := t.sessions[key]
	for _, e := range t.ended {
		taken = taken || e.key == key
	}
	if taken {
		return twinResult{code: "bad_arguments", at: "/"}
	}
	t.forgetEnds()
	t.sessions[key] = twinSession{owner: t.zxid, timeout: timeout, opened: t.time, used: t.zxid}
	t.changes = true
	return twinResult{code: "ok", session: t.zxid}
}

// forgetEnds forgets what is more than an hour ago.
func (t *twin) forgetEnds() {
	t.ended = slices.DeleteFunc(t.ended, func(e twinEnd) bool { return t.now-e.time > 3600*1000 })
}

func (t *twin) closeSession(so *SessionOp) twinResult {
	if so.Term != 0 && so.Term != t.term {
		return twinResult{code: "stale_term", at: "/"}
	}
	for key, s := range t.sessions {
		if so.Owner != 0 && int64(so.Owner) != s.owner || so.Owner == 0 && so.Key != key {
			continue
		}
		if so.Term != 0 && s.used > int64(so.Used) {
			return twinResult{code: "session_used", at: "/"}
		}
		reason := twinReasons[so.Reason]
		t.watches = slices.DeleteFunc(t.watches, func(w twinWatch) bool { return w.owner == s.owner })
		for _, p := range t.ephemerals(s.owner) {
			t.unlink(p, reason)
		}
		t.happened("SessionEnded", "/", reason)
		t.closed = s.owner
		delete(t.sessions, key)
		t.ended = append(t.ended, twinEnd{key: key, owner: s.owner, zxid: t.zxid, time: t.time, reason: reason})
		t.forgetEnds()
		return twinResult{code: "ok", session: s.owner}
	}
	return twinResult{code: "session_expired", at: "/"}
}

// ephemerals are a session's, sorted.
func (t *twin) ephemerals(owner int64) (paths []string) {
	for p, n := range t.nodes {
		if n.owner == owner {
			paths = append(paths, p)
		}
	}
	sort.Strings(paths)
	return paths
}

func (t *twin) addWatch(p, mode string) twinResult {
	_, exists := t.nodes[p]
	if !exists && (mode == "data" || mode == "children") {
		return twinResult{code: "no_node", at: p}
	}
	w := twinWatch{t.session, p, mode}
	if !slices.Contains(t.watches, w) {
		t.watches = append(t.watches, w)
		t.changes = true
	}
	r := twinResult{code: "ok"}
	if exists {
		r = t.show("ok", p)
	}
	if mode == "children" {
		r.listed = t.children(p)
	}
	return r
}

func (t *twin) removeWatch(p, mode string) twinResult {
	before := len(t.watches)
	t.watches = slices.DeleteFunc(t.watches, func(w twinWatch) bool {
		return w.owner == t.session && w.path == p && (w.mode == mode || mode == "any")
	})
	if len(t.watches) == before {
		return twinResult{code: "no_watch", at: p}
	}
	t.changes = true
	return twinResult{code: "ok"}
}

// tell makes a record of what happened and finds who is told.
func (t *twin) tell() {
	r := twinRecord{zxid: t.zxid}
	for i, e := range t.events {
		if !repeatedLater(t.events[i+1:], e) {
			r.events = append(r.events, e)
		}
	}
	for i, e := range r.events {
		t.fire(&r, int64(i), e)
	}
	if len(r.events) > 0 {
		sort.Slice(r.told, func(i, j int) bool {
			a, b := r.told[i], r.told[j]
			return a.owner < b.owner || a.owner == b.owner && a.event < b.event
		})
		t.records = append(t.records, r)
	}
}

// repeatedLater says of a change of a list of children whether the list of the same znode changes again.
func repeatedLater(later []twinEvent, e twinEvent) bool {
	for _, l := range later {
		if l.path == e.path && l.what == "NodeDeleted" {
			return false
		}
		if l == e && e.what == "NodeChildrenChanged" {
			return true
		}
	}
	return false
}

func (t *twin) fire(r *twinRecord, i int64, e twinEvent) {
	told := map[int64]bool{}
	if e.what == "SessionEnded" {
		told[t.closed] = true
	}
	var left []twinWatch
	for _, w := range t.watches {
		fires := e.what != "SessionEnded" && w.fires(e)
		if fires {
			told[w.owner] = true
		}
		if !fires || strings.HasPrefix(w.mode, "persistent") {
			left = append(left, w)
		}
	}
	t.watches = left
	for owner := range maps.Keys(told) {
		r.told = append(r.told, twinTold{owner, i})
	}
}

func (w twinWatch) fires(e twinEvent) bool {
	here := w.path == e.path
	below := w.path == "/" || strings.HasPrefix(e.path, w.path+"/")
	switch w.mode {
	case "data", "exists":
		return here && (e.what == "NodeCreated" || e.what == "NodeDataChanged" || e.what == "NodeDeleted")
	case "children":
		return here && (e.what == "NodeChildrenChanged" || e.what == "NodeDeleted")
	case "persistent":
		return here
	}
	return (here || below) && e.what != "NodeChildrenChanged"
}
