package zookeeper

import (
	"bytes"
	"compress/gzip"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"holt/raftfsm/znode"
)

// put writes a file into a data folder, beside the others.
func put(t testing.TB, dir, name, content string) string {
	t.Helper()
	path := filepath.Join(dir, versionFolder, name)
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(path, []byte(content), 0o600); err != nil {
		t.Fatal(err)
	}
	return path
}

func root(created int32) persisted { return persisted{path: "", acl: openACLNumber, created: created} }

func open1(path, data string, zxid int64) persisted {
	return persisted{path: path, data: data, acl: openACLNumber, zxid: zxid}
}

// outline is every line in short: path, data, how many children were ever created.
func (m *moved) outline() (out []string) {
	for _, p := range m.order {
		l := m.lines[p]
		out = append(out, fmt.Sprintf("%s=%s/%d", p, l.Data, l.Created))
	}
	return out
}

// Each is a data folder and the tree that ZooKeeper would have after a restart on it.
func TestReplay(t *testing.T) {
	const s1, s2 = 0x1001, 0x1002
	bare := snapshotOf(nil, root(0))
	tests := map[string]struct {
		snapshot string
		log      []string
		want     []string
	}{
		"what is before the snapshot is passed over": {
			bare, []string{txnOf(s1, 4, txnCreate, createBody("/old", "", false, 1)), txnOf(s1, 5, txnCreate, createBody("/old2", "", false, 2)),
				txnOf(s1, 6, txnCreate, createBody("/new", "", false, 3))},
			[]string{"/=/3", "/new=/0"}},
		"a create that the snapshot has keeps the newer data and counts": {
			snapshotOf(nil, root(0), open1("/a", "newer", 7)),
			[]string{txnOf(s1, 6, txnCreate, createBody("/a", "first", false, 4))},
			[]string{"/=/4", "/a=newer/0"}},
		"a znode made again before the snapshot was done, with children": {
			snapshotOf(nil, root(3), persisted{"/a", "second", openACLNumber, 8, 1, 0}, open1("/a/x", "", 9)),
			[]string{
				txnOf(s1, 6, txnCreate, createBody("/a", "first", false, 2)),
				txnOf(s1, 7, txnDelete, text("/a")),
				txnOf(s1, 8, txnCreate, createBody("/a", "second", false, 3)),
				txnOf(s1, 9, txnCreate, createBody("/a/x", "", false, 1)),
			},
			[]string{"/=/3", "/a=second/1", "/a/x=/0"}},
		"what a later transaction deleted is made and deleted again, or cannot be": {
			bare, []string{
				txnOf(s1, 6, txnCreate, createBody("/gone/x", "", false, 1)),
				txnOf(s1, 7, txnSetData, text("/gone/x")+text("d")+num(int32(1))),
				txnOf(s1, 8, txnDelete, text("/gone/x")),
			},
			[]string{"/=/0"}},
		"a multi, one that failed, and an error": {
			bare, []string{
				txnOf(s1, 6, txnMulti, multiBody(opOf(txnCreate, createBody("/m", "1", false, 1)), opOf(txnCheck, text("/m")+num(int32(0))),
					opOf(txnSetData, text("/m")+text("2")+num(int32(1))), opOf(txnCreate, createBody("/m/a", "", false, 1)), opOf(txnDelete, text("/m/a")))),
				txnOf(s1, 7, txnMulti, multiBody(opOf(txnError, num(int32(0))), opOf(txnError, num(int32(-103))), opOf(txnDelete, text("/m")))),
				txnOf(s1, 8, txnError, num(int32(-101))),
			},
			[]string{"/=/1", "/m=2/1"}},
		"the ephemerals of a session that closes, as its transaction lists them": {
			bare, []string{
				txnOf(s1, 6, txnCreateSession, num(int32(1000))),
				txnOf(s1, 7, txnCreate, createBody("/e1", "", true, 1)),
				txnOf(s2, 8, txnCreate, createBody("/e2", "", true, 2)),
				txnOf(s1, 9, txnCloseSession, num(int32(1))+text("/e1")+strings.Repeat("d", digestBytes)),
			},
			[]string{"/=/2", "/e2=/0"}},
		"and as the tree knows them, from the snapshot too": {
			snapshotOf([]int64{s1}, root(1), persisted{"/e0", "", openACLNumber, 4, 0, s1}),
			[]string{
				txnOf(s1, 6, txnCreate, createBody("/e1", "", true, 2)),
				txnOf(s1, 7, txnCloseSession, ""),
			},
			[]string{"/=/2"}},
		"a create of the first versions, without a count": {
			bare, []string{txnOf(s1, 6, txnCreate, text("/v0")+text("d")+openACLs+num(false))},
			[]string{"/=/1", "/v0=d/0"}},
		"a digest of the tree behind a transaction": {
			bare, []string{txnOf(s1, 6, txnCreate, createBody("/a", "", false, 1)+num(int32(2))+num(int64(99)))},
			[]string{"/=/1", "/a=/0"}},
		"the counter begins again with another leader": {
			bare, []string{txnOf(s1, 6, txnCreate, createBody("/a", "", false, 1)), txnOf(s1, 1<<32+1, txnCreate, createBody("/b", "", false, 2))},
			[]string{"/=/2", "/a=/0", "/b=/0"}},
		"an ACL that the snapshot lacks comes from the log": {
			snapshotOf(nil, root(1), persisted{"/a", "", 9, 6, 0, 0}), []string{txnOf(s1, 6, txnCreate, createBody("/a", "", false, 1))},
			[]string{"/=/1", "/a=/0"}},
		"the ACL that was set last counts": {
			snapshotOf(nil, root(1), persisted{"/a", "", 1, 5, 0, 0}), []string{txnOf(s1, 6, txnSetACL, text("/a")+openACLs+num(int32(1)))},
			[]string{"/=/1", "/a=/0"}},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "snapshot.5", tt.snapshot)
			put(t, dir, "log.4", logOf(tt.log...))
			if got := readAll(t, dir, Options{}).outline(); !slices.Equal(got, tt.want) {
				t.Errorf("the tree is %q, not %q", got, tt.want)
			}
		})
	}
}

func TestDamagedFilesAreErrors(t *testing.T) {
	good := snapshotOf([]int64{1}, root(1), open1("/a", "data", 3))
	create := txnOf(1, 6, txnCreate, createBody("/b", "", false, 2))
	head := logMagic + num(int32(2)) + num(int64(0))
	tests := map[string]struct{ snapshot, log string }{
		"an empty snapshot":           {"", ""},
		"a snapshot cut off":          {good[:len(good)-20], ""},
		"a snapshot without an end":   {good[:len(good)-13], ""},
		"a snapshot with another bit": {strings.Replace(good, "data", "dbta", 1), ""},
		"another format":              {sealed(snapshotMagic + num(int32(3))), ""},
		"no root":                     {snapshotOf(nil), ""},
		"a znode without a parent":    {snapshotOf(nil, root(0), open1("/a/b", "", 1)), ""},
		"a znode without a name":      {snapshotOf(nil, root(0), open1("//", "", 1)), ""},
		"an absurd length":            {snapshotMagic + num(int32(2)) + num(int64(0)) + num([]int32{0, 0}) + num(int32(1<<31-1)), ""},
		"a negative length":           {snapshotMagic + num(int32(2)) + num(int64(0)) + num([]int32{0, 0}) + num(int32(-7)), ""},
		"gzip cut off":                {gzipped(good)[:40], ""},
		"a log as a snapshot":         {logOf(create), ""},
		"a log with another bit":      {good, strings.Replace(logOf(create), "/b", "/c", 1)},
		"a log of another kind":       {good, strings.Replace(logOf(create), logMagic, "nope", 1)},
		"an absurd transaction":       {good, head + num(int64(0)) + num(int32(1<<31-1))},
		"a type that is not known":    {good, logOf(txnOf(1, 6, 99, ""))},
		"a multi in a multi":          {good, logOf(txnOf(1, 6, txnMulti, multiBody(opOf(txnMulti, multiBody()))))},
		"a multi that is cut off":     {good, logOf(txnOf(1, 6, txnMulti, num(int32(2))+num(int32(1))+num(int32(1<<30))))},
		"a transaction cut off":       {good, logOf(txnOf(1, 6, txnCreate, text("/x")))},
		"a transaction is missing":    {good, logOf(create, txnOf(1, 8, txnDelete, text("/b")))},
		"an epoch's first is missing": {good, logOf(create, txnOf(1, 1<<32+2, txnDelete, text("/b")))},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "snapshot.5", tt.snapshot)
			if tt.log != "" {
				put(t, dir, "log.6", tt.log)
			}
			if m, err := tryAll(t, dir, Options{}); err == nil {
				t.Errorf("it was read as %q", m.outline())
			}
		})
	}
}

// A server that is killed leaves a transaction half written; one that is copied does too.
func TestALogMayEndInTheMiddle(t *testing.T) {
	whole := strings.TrimRight(logOf(txnOf(1, 6, txnCreate, createBody("/a", "", false, 1)), txnOf(1, 7, txnCreate, createBody("/b", "", false, 2))), "\x00")
	cut := len(strings.TrimRight(logOf(txnOf(1, 6, txnCreate, createBody("/a", "", false, 1))), "\x00"))
	for end := cut + 1; end < len(whole); end++ {
		for _, filled := range []string{"", strings.Repeat("\x00", 500)} {
			dir := t.TempDir()
			put(t, dir, "snapshot.5", snapshotOf(nil, root(0)))
			put(t, dir, "log.6", whole[:end]+filled)
			m := readAll(t, dir, Options{})
			if got := m.outline(); !slices.Equal(got, []string{"/=/1", "/a=/0"}) || m.report.Zxid != 6 {
				t.Fatalf("cut at %d: the tree is %q at %d", end, got, m.report.Zxid)
			}
		}
	}
}

func gzipped(s string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	if _, err := z.Write([]byte(s)); err != nil {
		panic(err)
	}
	if err := z.Close(); err != nil {
		panic(err)
	}
	return b.String()
}

func TestCompressedSnapshots(t *testing.T) {
	dir := t.TempDir()
	good := snapshotOf(nil, root(1), open1("/a", "data", 3))
	m := readAll(t, put(t, dir, "snapshot.5.gz", gzipped(good)), Options{})
	if got := m.outline(); !slices.Equal(got, []string{"/=/1", "/a=data/0"}) || m.report.Zxid != 5 {
		t.Errorf("the tree is %q at %d", got, m.report.Zxid)
	}
	if _, err := tryAll(t, put(t, dir, "snapshot.6.snappy", string(snappyMagic)+good), Options{}); !errors.Is(err, ErrSnappy) {
		t.Errorf("a snapshot that is compressed with snappy: %v", err)
	}
	// In a folder it is passed over: the one before and the log have it all.
	put(t, dir, "log.6", logOf(txnOf(1, 6, txnCreate, createBody("/b", "", false, 2))))
	m = readAll(t, dir, Options{})
	if got := m.outline(); !slices.Equal(got, []string{"/=/2", "/a=data/0", "/b=/0"}) || !m.has("snappy") {
		t.Errorf("the tree is %q, the notes %q", got, m.report.Notes)
	}
}

func TestASnapshotAloneSaysWhatItMayLack(t *testing.T) {
	dir := t.TempDir()
	m := readAll(t, put(t, dir, "snapshot.5", snapshotOf(nil, root(1), open1("/a", "", 7))), Options{})
	if m.report.Zxid != 5 || !m.has("while the tree changed") {
		t.Errorf("zxid %d, notes %q", m.report.Zxid, m.report.Notes)
	}
	m = readAll(t, put(t, dir, "backup", snapshotOf(nil, root(1), open1("/a", "", 7))), Options{})
	if m.report.Zxid != 7 || !m.has("no zxid") {
		t.Errorf("zxid %d, notes %q", m.report.Zxid, m.report.Notes)
	}
}

func TestLogsInAFolderOfTheirOwn(t *testing.T) {
	data, logs := t.TempDir(), t.TempDir()
	put(t, data, "snapshot.5", snapshotOf(nil, root(0)))
	put(t, logs, "log.6", logOf(txnOf(1, 6, txnCreate, createBody("/a", "", false, 1))))
	if m := readAll(t, data, Options{}); len(m.order) != 1 || !m.has("no transaction logs") {
		t.Errorf("without the logs: %q, %q", m.order, m.report.Notes)
	}
	if m := readAll(t, data, Options{LogDir: logs}); len(m.order) != 2 {
		t.Errorf("with the logs: %q", m.order)
	}
}

func TestWhatCannotBeMovedIsLeftOutWithWhatIsBelow(t *testing.T) {
	large := strings.Repeat("x", znode.MaxDataBytes)
	deep := strings.Repeat("/d", znode.MaxPathDepth)
	znodes := []persisted{root(0), open1("/big", large+"x", 1), open1("/big/below", "", 1), open1("/fits", large, 1),
		open1("/holt", "", 1), open1("/holt/x", "", 1), open1("/bad\x01", "", 1), open1("/zookeeper", "", 1), open1("/zookeeper/quota", "", 1),
		open1("/zookeeper/quota/fits", "", 1), open1("/zookeeper/quota/fits/zookeeper_limits", "count=1", 1)}
	for p := "/d"; len(p) <= len(deep)+2; p += "/d" {
		znodes = append(znodes, open1(p, "", 1))
	}
	source := put(t, t.TempDir(), "snapshot.5", snapshotOf(nil, znodes...))
	m := readAll(t, source, Options{})
	if len(m.order) != 2+znode.MaxPathDepth || len(m.lines["/fits"].Data) != znode.MaxDataBytes || m.order[len(m.order)-2] != deep {
		t.Errorf("%d lines, the last of %q", len(m.order), m.order[len(m.order)-2:])
	}
	if m.report.SkippedRoots != 4 || len(m.report.Skipped) != 4 || !m.has("quota on /fits") {
		t.Errorf("the report is %+v", m.report)
	}
	// Elsewhere /holt is a name like any other, but there is less room below.
	m = readAll(t, source, Options{Into: "/from/zk"})
	if _, ok := m.lines["/from/zk/holt/x"]; !ok || m.order[0] != "/from/zk" || m.report.SkippedRoots != 3 {
		t.Errorf("%q..., %+v", m.order[:3], m.report)
	}
}

func TestListsOfTheReportAreBounded(t *testing.T) {
	znodes := []persisted{root(0)}
	for i := range 3 * MaxListed {
		znodes = append(znodes, persisted{fmt.Sprintf("/a%d", i), "", 1, 1, 0, 0}, open1(fmt.Sprintf("/b%d\x01", i), "", 1))
	}
	r := readAll(t, put(t, t.TempDir(), "snapshot.5", snapshotOf(nil, znodes...)), Options{DropACLs: true}).report
	if r.ACLsDropped != 3*MaxListed || len(r.DroppedACLs) != MaxListed || r.SkippedRoots != 3*MaxListed || len(r.Skipped) != MaxListed {
		t.Errorf("%d ACLs, %d listed; %d skipped, %d listed", r.ACLsDropped, len(r.DroppedACLs), r.SkippedRoots, len(r.Skipped))
	}
}

func TestKindOf(t *testing.T) {
	const known = ^int64(0x00ff_ffff_ffff_ff00) // a session of server 255 that looks like a TTL
	tests := []struct {
		owner uint64
		kind  kind
		ttl   int64
	}{
		{0, persistent, 0},
		{0x8000000000000000, container, 0},
		{0xff00000000000001, ttl, 1},
		{0xff0000ffffffffff, ttl, znode.MaxTTL},
		{0xff00000000000000, ephemeral, 0},    // no TTL at all
		{0xff00010000000001, ephemeral, 0},    // of server 255
		{0x100000000000001, ephemeral, 0},     // of server 1
		{0x8000000000002710, ttl, 10_000},     // as 3.5.3 wrote it
		{0x8001234512345678, ephemeral, 0},    // of server 128
		{uint64(1)<<63 | 1<<40, ephemeral, 0}, // too long for a TTL
		{0xff000000000000ff, ephemeral, 0},    // known
	}
	for _, tt := range tests {
		k, ms := kindOf(int64(tt.owner), func(id int64) bool { return id == known })
		if k != tt.kind || ms != tt.ttl {
			t.Errorf("%#x is %v of %d ms, not %v of %d", tt.owner, k, ms, tt.kind, tt.ttl)
		}
	}
}

func TestSources(t *testing.T) {
	for source, want := range map[string]struct {
		servers []string
		root    string
	}{
		"a:1":             {[]string{"a:1"}, "/"},
		"a:1,b:2/app/x":   {[]string{"a:1", "b:2"}, "/app/x"},
		"[::1]:2181/":     {[]string{"[::1]:2181"}, "/"},
		"a:1/app/":        {[]string{"a:1"}, "/app"},
		"a:1/holt":        {[]string{"a:1"}, "/holt"},
		"a":               {},
		"a:1,":            {},
		"a:1//x":          {},
		"a:1/zookeeper/x": {},
		":1":              {},
		strings.Repeat("a:1,", maxServers) + "b:1": {},
	} {
		servers, root, err := parseEnsemble(source)
		if !slices.Equal(servers, want.servers) && err == nil || root != want.root && err == nil || (err == nil) != (want.root != "") {
			t.Errorf("%.50s: %q %q %v", source, servers, root, err)
		}
	}
	for _, source := range []string{"/no/such/file", "nosuch", t.TempDir(), ""} {
		if _, err := Read(t.Context(), source, &bytes.Buffer{}, Options{}); err == nil {
			t.Errorf("%q was read", source)
		}
	}
}

// A follower that was far behind is sent a snapshot in place of what its log lacks. If that snapshot is damaged, the one
// before and the log look whole, but are not.
func TestASnapshotThatCannotBeReadProvesWhatTheLogsLack(t *testing.T) {
	del := func(zxid int64) string { return txnOf(1, zxid, txnDelete, text("/nothing")) }
	const other = 1 << 32 // the next epoch
	tests := map[string]struct {
		damaged string // the name of a newer snapshot
		log     []string
		whole   bool
	}{
		"the log ends before it":                {"snapshot.9", []string{del(6), del(7), del(8)}, false},
		"there is no log":                       {"snapshot.9", nil, false},
		"the epoch ended before it":             {"snapshot.9", []string{del(6), del(7), del(8), del(other + 1)}, false},
		"the log reaches it":                    {"snapshot.9", []string{del(6), del(7), del(8), del(9)}, true},
		"the log reaches it in its epoch":       {"snapshot.9", []string{del(6), del(7), del(8), del(9), del(other + 1)}, true},
		"it was made where an epoch began":      {"snapshot.100000000", []string{del(6), del(other + 1)}, true},
		"it was made where no txn followed yet": {"snapshot.100000000", []string{del(6)}, true},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			dir := t.TempDir()
			put(t, dir, "snapshot.5", snapshotOf(nil, root(0)))
			put(t, dir, tt.damaged, "")
			put(t, dir, "log.6", logOf(tt.log...))
			m, err := tryAll(t, dir, Options{})
			if (err == nil) != tt.whole {
				t.Errorf("read %v, %v", m, err)
			}
		})
	}
}
