package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/raftfsm/znode"
	"holt/tests/harness"
)

// snapshotVerb runs a verb of holt snapshot, which must end with the code.
func snapshotVerb(t *testing.T, code int, args ...string) string {
	t.Helper()
	got, out := holt(t, append([]string{"snapshot"}, args...)...)
	if got != code {
		t.Fatalf("holt snapshot %s: exit code %d, want %d\n%s", strings.Join(args, " "), got, code, out)
	}
	return out
}

// endpoints is the flag that names all members of a cluster, beginning with one.
func endpoints(c *harness.Cluster, first int) string {
	return "--endpoints=" + strings.Join(c.URLs(first), ",")
}

// decoded is the state in a backup.
func decoded(t *testing.T, file string) *znode.State {
	t.Helper()
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	s, err := znode.DecodeState(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("%s: %v", file, err)
	}
	return s
}

// noise writes so many znodes of 100 kB that do not compress.
func noise(t *testing.T, c *harness.Cluster, under string, n int) {
	t.Helper()
	cl := c.Client(0)
	source := rand.NewChaCha8([32]byte{byte(len(under))})
	for i := -1; i < n; i++ {
		path, b := under, make([]byte, 100_000)
		source.Read(b) // never fails
		if i >= 0 {
			path += fmt.Sprintf("/%04d", i)
		}
		if _, err := cl.Put(t.Context(), path, b, client.Any()); err != nil {
			t.Fatal(err)
		}
	}
}

// A backup is taken from a cluster that is written to while members die, checked, looked at, and restored where there is nothing yet.
func TestABackupOfABusyClusterIsRestoredIntoAFreshOne(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "262144"}).Start()
	noise(t, c, "/before", 20)
	session, err := c.Client(0).OpenSession(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := session.Client().Create(t.Context(), "/here", nil, client.Ephemeral); err != nil {
		t.Fatal(err)
	}
	l := startLoad(t, c)
	l.goOn(100)
	dir := t.TempDir()
	var files []string
	for i, m := range append(c.Followers(), c.Leader()) {
		file := filepath.Join(dir, fmt.Sprintf("%d.snapshot", i))
		m.Kill()
		snapshotVerb(t, 0, "save", file, endpoints(c, i))
		files = append(files, file)
		m.Start().Ready()
		l.goOn(50)
	}
	l.end()
	for _, file := range files {
		s := decoded(t, file)
		if out := snapshotVerb(t, 0, "verify", file); !strings.Contains(out, "is whole") {
			t.Error(out)
		}
		out := snapshotVerb(t, 0, "inspect", file)
		for _, says := range []string{fmt.Sprintf("zxid         %d\n", s.Zxid), "1, with 1 ephemerals", "/before\n"} {
			if !strings.Contains(out, says) {
				t.Errorf("inspect does not say %q:\n%s", says, out)
			}
		}
	}
	if out := snapshotVerb(t, 2, "save", files[0], endpoints(c, 0)); !strings.Contains(out, "--force") {
		t.Error(out)
	}
	snapshotVerb(t, 0, "save", files[0], endpoints(c, 0), "--force")

	fresh := bin.NewCluster(t, 3, nil).Start()
	file := files[len(files)-1]
	s := decoded(t, file)
	snapshotVerb(t, 0, "restore", file, endpoints(fresh, 1))
	fresh.Equal()
	if z := fresh.Zxid(); z <= uint64(s.Zxid) {
		t.Errorf("restored at zxid %d, the backup is of %d", z, s.Zxid)
	}
	got := decodedFrom(t, fresh)
	for n := range s.Tree.All() {
		is := got.Tree.Get(n.Path())
		switch {
		case n.Owner() != 0:
			if is != nil {
				t.Errorf("%s was ephemeral, and is there", n.Path())
			}
		case is == nil || is.Data() != n.Data() || is.Version() != n.Version() || is.Czxid() != n.Czxid():
			t.Errorf("%s is not as it was", n.Path())
		}
	}
	if out := snapshotVerb(t, exitRefused, "restore", file, endpoints(fresh, 0)); !strings.Contains(out, "--replace") {
		t.Errorf("over a tree that is not empty:\n%s", out)
	}
}

// exitRefused is the exit code of a command that a member refused.
const exitRefused = 7

// decodedFrom is the state of the first member.
func decodedFrom(t *testing.T, c *harness.Cluster) *znode.State {
	t.Helper()
	var b bytes.Buffer
	if _, err := c.Client(0).Snapshot(t.Context(), &b); err != nil {
		t.Fatal(err)
	}
	s, err := znode.DecodeState(&b)
	if err != nil {
		t.Fatal(err)
	}
	return s
}

// The tree of a running cluster is replaced. Whoever followed it, on whichever member, is told: streams that it is another, sessions
// that they are over, held answers what there is now. Zxids go on.
func TestARunningClusterIsRestored(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	cl := c.Client(0)
	put := func(data string) *client.Written {
		t.Helper()
		w, err := cl.Put(t.Context(), "/a", []byte(data), client.Any())
		if err != nil {
			t.Fatal(err)
		}
		return w
	}
	put("old")
	file := filepath.Join(t.TempDir(), "backup")
	snapshotVerb(t, 0, "save", file, endpoints(c, 0), "--consistency=linearizable")
	put("newer")
	put("new")
	c.Equal()
	_, header, _ := c.Members[0].Get("/v1/znodes/a")
	tag := header.Get("ETag")

	type polled struct {
		body string
		tag  string
	}
	polls := make(chan polled, len(c.Members))
	var follows []*harness.Follower
	var sessions []*client.Session
	for i, m := range c.Members {
		follows = append(follows, c.Follow(i, "/v1/watch?path=/&recursive=true").Open())
		s, err := m.Client().OpenSession(t.Context(), time.Hour)
		if err != nil {
			t.Fatal(err)
		}
		sessions = append(sessions, s)
		if _, err := s.Client().Create(t.Context(), "/e"+m.Name, nil, client.Ephemeral); err != nil {
			t.Fatal(err)
		}
		go func() {
			r, _ := http.NewRequestWithContext(t.Context(), "GET", m.URL+"/v1/znodes/a?wait=1m", nil)
			r.Header.Set("If-None-Match", tag)
			res, err := http.DefaultClient.Do(r)
			if err != nil {
				polls <- polled{body: err.Error()}
				return
			}
			defer res.Body.Close()
			var b bytes.Buffer
			_, _ = b.ReadFrom(res.Body)
			polls <- polled{b.String(), res.Header.Get("ETag")}
		}()
	}
	for _, m := range c.Members {
		harness.Eventually(t, endTime, "the answer is held", func() bool { return m.Metric("holt_streams") >= 2 })
	}
	before := c.Zxid()
	snapshotVerb(t, 0, "restore", file, endpoints(c, 2), "--replace")
	c.Equal()
	z := c.Zxid()
	if z <= before {
		t.Errorf("zxid %d after %d", z, before)
	}
	for range c.Members {
		if p := <-polls; p.body != "old" || p.tag == tag {
			t.Errorf("a held answer: %+v", p)
		}
	}
	for i, f := range follows {
		f.Await(endTime, "it is told of the restore", func(m harness.Message) bool {
			return m.Event == "reset" && strings.Contains(m.Data, `"reason":"restored"`)
		})
		renewed, err := c.Members[i].Client().Keepalive(t.Context(), sessions[i].ID)
		if err != nil || !errors.Is(renewed[0].Err, client.SessionExpired) {
			t.Errorf("a keepalive after the restore: %v, %v", renewed, err)
		}
	}
	// The tag of before fits nothing any more, and nobody overwrites what they have not read.
	if _, err := cl.Put(t.Context(), "/a", []byte("lost"), client.Tag(tag)); !errors.Is(err, client.BadVersion) {
		t.Errorf("with a tag of before: %v", err)
	}
	if w := put("after"); w.Zxid <= z {
		t.Errorf("the first write after %d has zxid %d", z, w.Zxid)
	}
	for _, f := range follows {
		f.Await(endTime, "the stream goes on", func(m harness.Message) bool { return strings.Contains(m.Data, "NodeDataChanged") })
	}
	for _, m := range c.Members {
		m.Restart()
	}
	for _, m := range c.Members {
		m.Ready()
	}
	c.Equal()
}

// restoredZnodes is how many of 100 kB there are in the trees that are restored while members are killed.
const restoredZnodes = 60

// Members are killed in the middle of restores, the leader or a follower. Afterwards all hold the one tree or all the other, and who
// was told that it is done, or that it is not, was told the truth.
func TestARestoreIsKilled(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "4194304"}).Start()
	dir := t.TempDir()
	cl := c.Client(0)
	files := map[string]string{}
	for _, which := range []string{"one", "two"} {
		if _, err := cl.Put(t.Context(), "/which", []byte(which), client.Any()); err != nil {
			t.Fatal(err)
		}
		if which == "two" {
			if _, err := cl.DeleteTree(t.Context(), "/of-one", client.Any()); err != nil {
				t.Fatal(err)
			}
		}
		noise(t, c, "/of-"+which, restoredZnodes)
		files[which] = filepath.Join(dir, which)
		snapshotVerb(t, 0, "save", files[which], endpoints(c, 0), "--consistency=linearizable")
	}
	is, outcomes := "two", map[string]int{}
	for round, who := range []string{"the leader", "a follower", "the follower it is sent to", "the leader it is sent to"} {
		next := map[string]string{"one": "two", "two": "one"}[is]
		backup, err := os.ReadFile(files[next])
		if err != nil {
			t.Fatal(err)
		}
		leader, followers := c.Leader(), c.Followers()
		through, victim := followers[0], leader
		switch who {
		case "a follower":
			victim = followers[1]
		case "the follower it is sent to":
			victim = through
		case "the leader it is sent to":
			through = leader
		}
		from := victim.Metric("holt_raft_last_index") // before any piece of it can be there
		ended := make(chan error, 1)
		go func() {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			_, err := through.Client().Restore(ctx, bytes.NewReader(backup), true)
			ended <- err
		}()
		harness.Eventually(t, harness.SettleTime, "pieces are in the log", func() bool {
			return victim.Metric("holt_raft_last_index") > from+float64(3+6*round)
		})
		victim.Kill()
		err = <-ended
		victim.Start()
		for _, m := range c.Members {
			m.Ready()
		}
		c.Equal()
		s := decodedFrom(t, c)
		was := is
		is = s.Tree.Get(znode.MustPath("/which")).Data()
		for _, other := range []string{"one", "two"} {
			n := s.Tree.Get(znode.MustPath("/of-" + other))
			if (n != nil) != (other == is) || n != nil && n.NumChildren() != restoredZnodes {
				t.Fatalf("%s: the tree is %q, and /of-%s is %v", who, is, other, n)
			}
		}
		switch {
		case err == nil:
			outcomes[who+": done"]++
		case errors.Is(err, client.OutcomeUnknown):
			outcomes[who+": unknown"]++
		default:
			outcomes[who+": not done"]++
		}
		if err == nil && is == was || err != nil && is != was && !errors.Is(err, client.OutcomeUnknown) {
			t.Errorf("%s: %v, and the tree went from %q to %q", who, err, was, is)
		}
		if err == nil {
			continue
		}
		// Whatever is left of it ends with its term, or in half a minute: another must not be held up by it for longer.
		harness.Eventually(t, harness.SettleTime, "the next restore", func() bool {
			_, err := c.Client(0).Restore(t.Context(), bytes.NewReader(backup), true)
			return err == nil
		})
		is = next
	}
	t.Log(outcomes)
	c.Equal()
}

// What is wrong with a backup is found by verify, and by the member it is sent to, wherever it is.
func TestADamagedBackupIsFound(t *testing.T) {
	c := bin.NewCluster(t, 1, nil).Start()
	noise(t, c, "/made", 3)
	if _, err := c.Client(0).OpenSession(t.Context(), time.Hour); err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	file, bad := filepath.Join(dir, "good"), filepath.Join(dir, "bad")
	snapshotVerb(t, 0, "save", file, endpoints(c, 0))
	good, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	before := c.Zxid()
	for i := range 12 {
		at := i * (len(good) - 1) / 11
		flipped := bytes.Clone(good)
		flipped[at] ^= 1 << (i % 8)
		for what, b := range map[string][]byte{"cut": good[:at], "flipped": flipped} {
			if err := os.WriteFile(bad, b, 0o600); err != nil {
				t.Fatal(err)
			}
			snapshotVerb(t, 1, "verify", bad)
			if _, err := c.Client(0).Restore(t.Context(), bytes.NewReader(b), true); !errors.Is(err, client.BadArguments) {
				t.Errorf("%s at %d: %v", what, at, err)
			}
		}
	}
	snapshotVerb(t, 2, "restore", bad, endpoints(c, 0), "--replace")
	if z := c.Zxid(); z != before {
		t.Errorf("something was done: zxid %d after %d", z, before)
	}
}

// A member writes backups by itself, and what it wrote is what it held.
func TestScheduledBackupsAreWritten(t *testing.T) {
	dir := filepath.Join(t.TempDir(), "backups")
	c := bin.NewCluster(t, 1, harness.Env{"HOLT_BACKUP_DIR": dir, "HOLT_BACKUP_EVERY": "1s", "HOLT_BACKUP_KEEP": "2"}).Start()
	m := c.Members[0]
	newest := func() (name string, n int) {
		entries, err := os.ReadDir(dir)
		if err != nil {
			t.Fatal(err)
		}
		for _, e := range entries {
			if strings.HasSuffix(e.Name(), ".snapshot") {
				name, n = filepath.Join(dir, e.Name()), n+1
			}
		}
		return name, n
	}
	for i := range 4 {
		if i == 2 {
			m.Restart().Ready()
		}
		w, err := c.Client(0).Put(t.Context(), "/a", fmt.Append(nil, i), client.Any())
		if err != nil {
			t.Fatal(err)
		}
		harness.Eventually(t, endTime, "a backup of it", func() bool {
			name, n := newest()
			return n <= 2 && strings.Contains(name, fmt.Sprintf("holt-%020d-", w.Zxid))
		})
	}
	harness.Eventually(t, endTime, "no more than two are kept", func() bool { _, n := newest(); return n == 2 })
	name, _ := newest()
	snapshotVerb(t, 0, "verify", name)
	if s := decoded(t, name); s.Tree.Get(znode.MustPath("/a")).Data() != "3" {
		t.Error("the newest backup holds something else")
	}
	if m.Metric("holt_backup_last_success_timestamp_seconds") < float64(time.Now().Add(-time.Minute).Unix()) || m.Metric("holt_backup_failures_total") != 0 {
		t.Error("the numbers say something else")
	}
}
