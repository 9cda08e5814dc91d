package guard

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"

	"github.com/hashicorp/raft"
)

// checkFileEnv names the file that the test binary, started again as a child, is to check.
const checkFileEnv = "GUARD_TEST_CHECK_FILE"

// Exit codes of a checking child: its own, and that of a Go process that died of a panic.
const (
	exitFound = 3
	exitPanic = 2
)

func TestMain(m *testing.M) {
	path := os.Getenv(checkFileEnv)
	if path == "" {
		os.Exit(m.Run())
	}
	if err := CheckFile(path); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(exitFound)
	}
}

func checkInChild(path string) error {
	cmd := exec.Command(os.Args[0])
	cmd.Env = append(os.Environ(), checkFileEnv+"="+path, "GORACE=atexit_sleep_ms=0")
	return CheckInChild(cmd, path)
}

func TestSoundFilePasses(t *testing.T) {
	dir := livedIn(t)
	must(t, CheckFile(filepath.Join(dir, BoltFile)))
	must(t, checkInChild(filepath.Join(dir, BoltFile)))
	must(t, CheckFile(filepath.Join(dir, "no such file")))
}

// Every page in turn is lost to zeros. Either the check in a child refuses the file, or the page mattered to nobody and every entry can
// still be read. Some of these files would have killed the member, not just the child.
func TestZeroedPage(t *testing.T) {
	const pages, last = 16, 400
	dir := t.TempDir()
	sound := filepath.Join(dir, "sound.db")
	db, err := OpenBolt(sound)
	must(t, err)
	want := entries(1, last, 1)
	for run := range slices.Chunk(want, 100) {
		must(t, db.StoreLogs(run))
	}
	must(t, db.DeleteRange(1, last/2)) // leaves pages nobody needs
	want = want[last/2:]
	must(t, db.Close())

	page := os.Getpagesize()
	refused, died := 0, 0
	for n := 2; n < 2+pages; n++ {
		path := filepath.Join(dir, fmt.Sprintf("zeroed%d.db", n))
		b, err := os.ReadFile(sound)
		must(t, err)
		clear(b[n*page : (n+1)*page])
		must(t, os.WriteFile(path, b, 0o600))

		err = checkInChild(path)
		if err == nil {
			readAll(t, path, want)
			continue
		}
		var bad *StoreError
		if !errors.As(err, &bad) || bad.Reason != ReasonDamaged || bad.Path != path {
			t.Errorf("page %d: %v, want a StoreError for the file", n, err)
		}
		refused++
		var exit *exec.ExitError
		if errors.As(err, &exit) && exit.ExitCode() == exitPanic {
			died++
			if !strings.Contains(bad.Detail, "panic") || strings.Contains(bad.Detail, "goroutine") {
				t.Errorf("page %d: the message should say what killed the child, without its stack: %s", n, bad.Detail)
			}
		}
	}
	t.Logf("%d of %d files refused, %d killed the child", refused, pages, died)
	if refused == pages || died == 0 {
		t.Errorf("%d files refused, %d killed the child: one side is not tested, or the child is not needed any more", refused, died)
	}
}

// readAll opens a store and compares every entry.
func readAll(t *testing.T, path string, want []*raft.Log) {
	t.Helper()
	db, err := OpenBolt(path)
	must(t, err)
	defer db.Close()
	for _, w := range want {
		var got raft.Log
		if err := db.GetLog(w.Index, &got); err != nil || !slices.Equal(got.Data, w.Data) {
			t.Fatalf("%s passed the check, but entry %d is %v, %v", path, w.Index, got.Data, err)
		}
	}
}

func TestChildThatCannotStart(t *testing.T) {
	err := CheckInChild(exec.Command(filepath.Join(t.TempDir(), "no such program")), "raft.db")
	var bad *StoreError
	if err == nil || errors.As(err, &bad) {
		t.Errorf("got %v; that says nothing about the file", err)
	}
}

func TestHeadKeepsTheBeginning(t *testing.T) {
	h := &head{limit: 5}
	for _, s := range []string{"abc", "def", "ghi"} {
		if n, err := h.Write([]byte(s)); n != 3 || err != nil {
			t.Errorf("write: %d, %v", n, err)
		}
	}
	if string(h.kept) != "abcde" {
		t.Errorf("kept %q", h.kept)
	}
}
