package docker

import (
	"encoding/json"
	"net/http"
	"slices"
	"strconv"
	"strings"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// holds ends the script and checks, on every member, that nothing is lost of what was acknowledged, and nothing was done twice.
func (s *script) holds() {
	s.t.Helper()
	var status int
	harness.Eventually(s.t, harness.SettleTime, "the session answers", func() bool {
		status, _, _ = s.c.Members[0].Get("/v1/sessions/" + s.lease)
		return status == http.StatusOK || status == http.StatusGone
	})
	if status == http.StatusGone {
		s.t.Error("the session is over")
	}
	s.end()
	bytes := s.c.Equal()
	for _, m := range s.c.Members {
		s.holdsOn(m)
	}
	var paths []string
	for _, z := range s.made {
		paths = append(paths, z.path)
	}
	slices.Sort(paths)
	if twice := len(paths) - len(slices.Compact(slices.Clone(paths))); twice > 0 {
		s.t.Errorf("%d names were acknowledged twice", twice)
	}
	for _, f := range s.streams {
		s.told(f)
	}
	s.t.Logf("%d znodes, counted to %d, %d reads, %d renewals of the session: all members have it all, in states of %d bytes", len(s.made),
		s.counted, s.reads, s.renewed, bytes)
}

// holdsOn checks one member.
func (s *script) holdsOn(m *harness.Member) {
	s.t.Helper()
	c := m.Client()
	if _, err := c.Sync(s.t.Context()); err != nil {
		s.t.Fatalf("sync on %s: %v", m.Name, err)
	}
	there, seen := map[string]string{}, map[string]bool{}
	for child, err := range c.AllChildren(s.t.Context(), "/log", client.ChildrenQuery{WithData: true}) {
		if err != nil {
			s.t.Fatalf("reading from %s: %v", m.Name, err)
		}
		if seen[string(child.Data)] {
			s.t.Errorf("%q was written twice, on %s", child.Data, m.Name)
		}
		there["/log/"+child.Name], seen[string(child.Data)] = string(child.Data), true
	}
	for _, z := range s.made {
		if got, ok := there[z.path]; !ok || got != z.data {
			s.t.Errorf("%s was acknowledged with %q and is %q (%v) on %s", z.path, z.data, got, ok, m.Name)
		}
	}
	// Each writer and the one who counts may have been stopped before it was answered.
	if len(there) > len(s.made)+writers {
		s.t.Errorf("%d znodes on %s, %d were acknowledged", len(there), m.Name, len(s.made))
	}
	count, err := c.Get(s.t.Context(), "/count", client.Local)
	if err != nil || count.Stat.Version < s.counted || count.Stat.Version > s.counted+1 || string(count.Data) != strconv.FormatInt(count.Stat.Version, 10) {
		s.t.Errorf("counted to %d, on %s it is %v: %v", s.counted, m.Name, count, err)
	}
	if _, err := c.Stat(s.t.Context(), "/alive", client.Local); err != nil {
		s.t.Errorf("the session's ephemeral on %s: %v", m.Name, err)
	}
}

// told checks that a stream told of every znode once, in the order of zxids, over all its connections, and never said that something
// may be missing.
func (s *script) told(f *harness.Follower) {
	s.t.Helper()
	var last znode
	for _, z := range s.made {
		if len(z.zxid) > len(last.zxid) || len(z.zxid) == len(last.zxid) && z.zxid > last.zxid {
			last = z
		}
	}
	f.Await(harness.SettleTime, "the last znode", func(m harness.Message) bool { return strings.Contains(m.Data, `"`+last.path+`"`) })
	f.Stop()
	var position uint64
	at := map[string]string{} // path → zxid
	for _, m := range f.Messages() {
		var said struct {
			Zxid   uint64
			Reason string
			Events []struct{ Type, Path string }
		}
		if err := json.Unmarshal([]byte(m.Data), &said); err != nil {
			s.t.Fatalf("%s: %v", m.Data, err)
		}
		if m.Event == "reset" {
			s.t.Errorf("the stream was reset: %s", m.Data)
		}
		if m.Event != "message" {
			continue
		}
		if said.Zxid <= position {
			s.t.Errorf("zxid %d after %d", said.Zxid, position)
		}
		position = said.Zxid
		for _, e := range said.Events {
			if e.Type == "NodeCreated" {
				at[e.Path] = strconv.FormatUint(said.Zxid, 10)
			}
		}
	}
	for _, z := range s.made {
		if at[z.path] != z.zxid {
			s.t.Errorf("%s was made at %s, the stream told of it at %q", z.path, z.zxid, at[z.path])
		}
	}
	s.t.Logf("a stream of %d messages over %d connections: nothing missing, nothing twice", len(f.Messages()), len(f.Connections()))
}
