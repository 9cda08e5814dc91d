package zookeeper

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"os"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/go-zookeeper/zk"

	"holt/tests/ensemble"
)

// line is a line of a tree, which can be compared.
type line struct {
	Path     string `json:"path"`
	Mode     string `json:"mode"`
	TTL      int64  `json:"ttl_ms"`
	Created  int64  `json:"created"`
	Data     string `json:"data"`
	Encoding string `json:"encoding"`
}

// moved is what was written of a tree, by path, and in what order.
type moved struct {
	lines  map[string]line
	order  []string
	report *Report
}

// data is the data of a line as bytes.
func (m *moved) data(t testing.TB, path string) string {
	t.Helper()
	l, ok := m.lines[path]
	switch {
	case !ok:
		t.Fatalf("there is no line for %s", path)
	case l.Encoding == "base64":
		b, err := base64.StdEncoding.DecodeString(l.Data)
		if err != nil {
			t.Fatal(err)
		}
		return string(b)
	case l.Encoding != "utf8":
		t.Fatalf("%s: encoding %q", path, l.Encoding)
	}
	return l.Data
}

func (m *moved) has(note string) bool {
	return slices.ContainsFunc(m.report.Notes, func(n string) bool { return strings.Contains(n, note) })
}

// readAll reads a source and checks what holds for every one: the order of the lines and the sums of the report.
func readAll(t testing.TB, source string, opt Options) *moved {
	t.Helper()
	m, err := tryAll(t, source, opt)
	if err != nil {
		t.Fatalf("reading %s: %v", source, err)
	}
	return m
}

func tryAll(t testing.TB, source string, opt Options) (*moved, error) {
	t.Helper()
	var out bytes.Buffer
	report, err := Read(t.Context(), source, &out, opt)
	if err != nil {
		return nil, err
	}
	m := &moved{lines: map[string]line{}, report: report}
	bytesOfData := 0
	for text := range strings.Lines(out.String()) {
		var l line
		if err := json.Unmarshal([]byte(text), &l); err != nil {
			t.Fatalf("line %q: %v", text, err)
		}
		m.lines[l.Path] = l
		m.order = append(m.order, l.Path)
		bytesOfData += len(m.data(t, l.Path))
	}
	// Sorted by names, an ancestor before what is below it: as if / came before every other character.
	byNames := func(a, b string) int { return slices.Compare(strings.Split(a, "/"), strings.Split(b, "/")) }
	if len(m.order) > 1 && m.order[0] == "/" {
		if !slices.IsSortedFunc(m.order[1:], byNames) {
			t.Fatalf("the lines are out of order: %q", m.order)
		}
	} else if !slices.IsSortedFunc(m.order, byNames) {
		t.Fatalf("the lines are out of order: %q", m.order)
	}
	if int(report.Znodes) != len(m.order) || len(m.lines) != len(m.order) || int(report.Bytes) != bytesOfData {
		t.Fatalf("the report says %d znodes and %d bytes; there are %d lines of %d paths with %d bytes", report.Znodes, report.Bytes,
			len(m.order), len(m.lines), bytesOfData)
	}
	return m, nil
}

// plain is what a live ensemble tells of these lines: containers and TTLs look persistent there.
func plain(lines map[string]line) map[string]line {
	out := maps.Clone(lines)
	for p, l := range out {
		if l.Mode == "container" || l.Mode == "persistent_with_ttl" {
			l.Mode, l.TTL = "persistent", 0
			out[p] = l
		}
	}
	return out
}

func same(t testing.TB, what string, got, want map[string]line) {
	t.Helper()
	for p := range want {
		if got[p] != want[p] {
			t.Errorf("%s: %s is %.200v, not %.200v", what, p, got[p], want[p])
		}
	}
	for p := range got {
		if _, ok := want[p]; !ok {
			t.Errorf("%s: %s should not be there", what, p)
		}
	}
}

var open = zk.WorldACL(zk.PermAll)

// grow makes a tree with one of everything, and gives back the path of a znode with an ACL.
func grow(t testing.TB, c *zk.Conn) (restricted string) {
	t.Helper()
	must := func(path string, err error) string {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return path
	}
	create := func(path, data string, flags int32) string { return must(c.Create(path, []byte(data), flags, open)) }
	create("/app", "config of the app", 0)
	create("/app/binary", "\x00\xff\xfe<&>", 0)
	create("/app/empty", "", 0)
	create("/app/größe \u2028 <b>", "söme text", 0)
	must(c.Create("/app/null", nil, 0, open))
	create("/app/large", strings.Repeat("0123456789abcdef", 30_000), 0)
	create("/queue", "", 0)
	for range 5 {
		create("/queue/n-", "x", zk.FlagSequence)
	}
	for _, name := range []string{"n-0000000001", "n-0000000003"} {
		if err := c.Delete("/queue/"+name, -1); err != nil {
			t.Fatal(err)
		}
	}
	create("/app/alive", "me", zk.FlagEphemeral)
	must(c.CreateContainer("/box", []byte("b"), zk.FlagContainer, open))
	create("/box/in", "", 0)
	must(c.CreateTTL("/mayfly", []byte("m"), zk.FlagTTL, open, 7*time.Hour))
	create("/many", "", 0)
	for i := range 300 {
		create(fmt.Sprintf("/many/%03d", 299-i), fmt.Sprint(i), 0)
	}
	deep := "/deep"
	create(deep, "", 0)
	for i := range 30 {
		deep += fmt.Sprintf("/%d", i)
		create(deep, "", 0)
	}
	if _, err := c.Set("/app", []byte("config, changed"), -1); err != nil {
		t.Fatal(err)
	}
	_, err := c.Multi(&zk.CreateRequest{Path: "/multi", Data: []byte("1"), Acl: open}, &zk.CreateRequest{Path: "/multi/a", Acl: open},
		&zk.SetDataRequest{Path: "/multi", Data: []byte("2"), Version: -1}, &zk.DeleteRequest{Path: "/multi/a", Version: -1})
	if err != nil {
		t.Fatal(err)
	}
	if _, err := c.Multi(&zk.CreateRequest{Path: "/multi/b", Acl: open}, &zk.CheckVersionRequest{Path: "/multi", Version: 77}); err == nil {
		t.Fatal("a multi with a wrong version came through")
	}
	must(c.Create("/secret", []byte("s"), 0, zk.DigestACL(zk.PermAll, "ann", "pass")))
	if _, err := c.SetACL("/app/empty", zk.WorldACL(zk.PermRead|zk.PermAdmin), -1); err != nil {
		t.Fatal(err)
	}
	return "/app/empty"
}

func TestTheSameTreeIsReadFromALiveServerItsFolderAndASnapshot(t *testing.T) {
	server := ensemble.Start(t)
	c := server.Client()
	grow(t, c)
	opt := Options{DropACLs: true}

	folder := readAll(t, server.Copy(), opt) // while the server runs
	if got := folder.data(t, "/app"); got != "config, changed" {
		t.Errorf("/app has %q", got)
	}
	if got := folder.data(t, "/app/binary"); got != "\x00\xff\xfe<&>" {
		t.Errorf("/app/binary has %q", got)
	}
	for path, want := range map[string]line{
		"/box":                {Path: "/box", Mode: "container", Created: 1, Data: "b", Encoding: "utf8"},
		"/mayfly":             {Path: "/mayfly", Mode: "persistent_with_ttl", TTL: 7 * 3600 * 1000, Data: "m", Encoding: "utf8"},
		"/app/alive":          {Path: "/app/alive", Mode: "ephemeral", Data: "me", Encoding: "utf8"},
		"/queue":              {Path: "/queue", Mode: "persistent", Created: 5, Encoding: "utf8"},
		"/many":               {Path: "/many", Mode: "persistent", Created: 300, Encoding: "utf8"},
		"/multi":              {Path: "/multi", Mode: "persistent", Created: 1, Data: "2", Encoding: "utf8"},
		"/":                   {Path: "/", Mode: "persistent", Created: 8, Encoding: "utf8"},
		"/app/null":           {Path: "/app/null", Mode: "persistent", Encoding: "utf8"},
		"/multi/b":            {},
		"/zookeeper":          {},
		"/queue/n-0000000001": {},
	} {
		if folder.lines[path] != want {
			t.Errorf("%s is %+v, not %+v", path, folder.lines[path], want)
		}
	}
	r := folder.report
	if r.Ephemerals != 1 || r.Containers != 1 || r.TTLs != 1 || r.ACLsDropped != 2 || r.Zxid == 0 || r.NullData == 0 {
		t.Errorf("the report is %+v", r)
	}
	if want := []string{"/app/empty: world:anyone:ra", "/secret: digest:ann:x:cdrwa"}; !slices.Equal(r.DroppedACLs, want) {
		t.Errorf("the ACLs dropped are %q, not %q", r.DroppedACLs, want)
	}

	// A restarted server writes a snapshot; the session goes on, and its ephemeral with it.
	server.Restart()
	again := readAll(t, server.Dir, opt)
	same(t, "the folder after a restart", again.lines, folder.lines)
	snapshots := server.Snapshots()
	alone := readAll(t, snapshots[len(snapshots)-1], opt)
	same(t, "the last snapshot alone", alone.lines, folder.lines)
	if alone.report.Zxid < r.Zxid {
		t.Errorf("the snapshot is of %#x, the folder was of %#x", alone.report.Zxid, r.Zxid)
	}

	// A live server lets only those read who may.
	if _, err := tryAll(t, server.Addr, opt); err == nil || !strings.Contains(err.Error(), "/secret") {
		t.Errorf("reading what may not be read: %v", err)
	}
	c = server.Client()
	if err := c.AddAuth("digest", []byte("ann:pass")); err != nil {
		t.Fatal(err)
	}
	if _, err := c.SetACL("/secret", zk.WorldACL(zk.PermRead), -1); err != nil {
		t.Fatal(err)
	}
	live := readAll(t, server.Addr, opt)
	same(t, "the live server", live.lines, plain(folder.lines))
	if !live.has("one state") || live.has("WARNING") || !live.has("containers") {
		t.Errorf("the notes of a quiet server are %q", live.report.Notes)
	}
	part := readAll(t, server.Addr+"/app", opt)
	for p := range folder.lines {
		if _, ok := part.lines[p]; ok != (p == "/app" || strings.HasPrefix(p, "/app/")) {
			t.Errorf("%s: in the chroot is %v", p, ok)
		}
	}
	if part.order[0] != "/app" {
		t.Errorf("the first line is of %s", part.order[0])
	}
}

func TestACLsAreRefusedUnlessTheyAreToBeDropped(t *testing.T) {
	server := ensemble.Start(t)
	c := server.Client()
	if _, err := c.Create("/a", nil, 0, zk.WorldACL(zk.PermRead)); err != nil {
		t.Fatal(err)
	}
	if _, err := c.Create("/b", nil, 0, zk.WorldACL(zk.PermRead)); err != nil {
		t.Fatal(err)
	}
	for _, source := range []string{server.Dir, server.Addr} {
		var out bytes.Buffer
		_, err := Read(t.Context(), source, &out, Options{})
		var refused *ACLError
		if !errors.As(err, &refused) || refused.Path != "/a" || refused.Count != 2 || out.Len() != 0 {
			t.Errorf("%s: %v, and %d bytes were written", source, err, out.Len())
		}
	}
}

// Snapshots of a server that is being written to are fuzzy: only with the log are they one state.
func TestAFuzzySnapshotAndItsLogGiveTheStateAtTheEnd(t *testing.T) {
	server := ensemble.Start(t, "zookeeper.snapCount=300", "zookeeper.snapshot.compression.method=gz")
	c := server.Client()
	if _, err := c.Create("/w", nil, 0, open); err != nil {
		t.Fatal(err)
	}
	churn(t, c, 3000)
	if n := len(server.Snapshots()); n < 3 {
		t.Fatalf("there are only %d snapshots", n)
	}
	copied := server.Copy()
	live, folder := readAll(t, server.Addr, Options{}), readAll(t, copied, Options{})
	same(t, "the folder", folder.lines, live.lines)

	// Without the newest snapshot the one before and more of the log give the same.
	snapshots, err := files(copied, snapshotName)
	if err != nil {
		t.Fatal(err)
	}
	newest := snapshots[len(snapshots)-1].path
	if err := os.Truncate(newest, 1000); err != nil {
		t.Fatal(err)
	}
	older := readAll(t, copied, Options{})
	same(t, "the snapshot before", older.lines, live.lines)
	if !older.has("not used") {
		t.Errorf("nothing is said of the damaged snapshot: %q", older.report.Notes)
	}
	// With a log missing in between nothing is read.
	logs, err := files(copied, logName)
	if err != nil {
		t.Fatal(err)
	}
	if err := os.Remove(logs[len(logs)-2].path); err != nil {
		t.Fatal(err)
	}
	if _, err := tryAll(t, copied, Options{}); err == nil || !strings.Contains(err.Error(), "missing") {
		t.Errorf("with a log missing: %v", err)
	}
}

// churn makes, changes and deletes znodes and whole small trees below /w, many requests at a time.
func churn(t testing.TB, c *zk.Conn, rounds int) {
	t.Helper()
	const workers = 16
	failed := make(chan error, workers)
	for w := range workers {
		go func() {
			for i := range rounds / workers {
				dir := fmt.Sprintf("/w/%d-%d", w, i%4)
				var err error
				switch i % 7 {
				case 0, 3:
					_, err = c.Create(dir, []byte(fmt.Sprint(i)), 0, open)
				case 1, 4:
					_, err = c.Create(dir+"/s-", []byte(fmt.Sprint(i)), zk.FlagSequence, open)
				case 2:
					_, err = c.Multi(&zk.SetDataRequest{Path: "/w", Data: []byte(fmt.Sprint(w, i)), Version: -1},
						&zk.CreateRequest{Path: dir + "/m", Acl: open})
				case 5:
					_, err = c.Set(dir, []byte(fmt.Sprint("set", i)), -1)
				case 6:
					err = empty(c, dir)
				}
				if err != nil && !slices.Contains([]error{zk.ErrNoNode, zk.ErrNodeExists, zk.ErrNotEmpty}, err) {
					failed <- err
					return
				}
			}
			failed <- nil
		}()
	}
	for range workers {
		if err := <-failed; err != nil {
			t.Fatal(err)
		}
	}
}

// empty deletes a znode and its children.
func empty(c *zk.Conn, dir string) error {
	names, _, err := c.Children(dir)
	if err != nil {
		return err
	}
	for _, n := range names {
		if err := c.Delete(dir+"/"+n, -1); err != nil {
			return err
		}
	}
	return c.Delete(dir, -1)
}

func TestALiveTreeThatChangesIsSaidToBeNoOneState(t *testing.T) {
	server := ensemble.Start(t)
	c := server.Client()
	for i := range 50 {
		if _, err := c.Create(fmt.Sprintf("/%02d", i), nil, 0, open); err != nil {
			t.Fatal(err)
		}
	}
	// The first bytes are written in the second reading: the tree changes then.
	changed := false
	w := writerFunc(func(p []byte) (int, error) {
		if !changed {
			changed = true
			if _, err := c.Set("/49", []byte("new"), -1); err != nil {
				t.Error(err)
			}
		}
		return len(p), nil
	})
	if _, err := c.Set("/00", bytes.Repeat([]byte("x"), 2*lineBuffer), -1); err != nil {
		t.Fatal(err)
	}
	report, err := Read(t.Context(), server.Addr, w, Options{})
	if err != nil {
		t.Fatal(err)
	}
	if m := (&moved{report: report}); !changed || !m.has("WARNING") {
		t.Errorf("the notes are %q", report.Notes)
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

func TestReadingEndsWithItsContext(t *testing.T) {
	server := ensemble.Start(t)
	c := server.Client()
	for i := range 40 {
		if _, err := c.Create(fmt.Sprintf("/%02d", i), bytes.Repeat([]byte("x"), 8<<10), 0, open); err != nil {
			t.Fatal(err)
		}
	}
	ctx, cancel := context.WithCancel(t.Context())
	w := writerFunc(func(p []byte) (int, error) { cancel(); return len(p), nil })
	if _, err := Read(ctx, server.Addr, w, Options{}); !errors.Is(err, context.Canceled) {
		t.Errorf("a reading that was broken off: %v", err)
	}
}
