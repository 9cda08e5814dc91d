package main

import (
	"context"
	"encoding/json"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holt/httpapi/apitest"
	"holt/httpapi/client/clienttest"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// saveTo saves a backup of garden's server.
func saveTo(t *testing.T) (s *clienttest.Server, file string) {
	t.Helper()
	s, file = garden(t), filepath.Join(t.TempDir(), "backup")
	ends(t, exitDone, "", "snapshot", "save", file)
	return s, file
}

func TestABackupIsSavedLookedAtAndRestored(t *testing.T) {
	s, file := saveTo(t)
	zxid := s.State().Zxid
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	if _, said := ends(t, exitUsage, "", "snapshot", "save", file); !strings.Contains(said, "--force") {
		t.Error(said)
	}
	_, said := ends(t, exitDone, "", "snapshot", "save", file, "--force", "--json", "--consistency", "linearizable")
	var is saved
	b, err := os.ReadFile(file)
	if err != nil || json.Unmarshal([]byte(said), &is) != nil || is != (saved{file, uint64(zxid), int64(len(b))}) {
		t.Errorf("%v, said %s of %d bytes", err, said, len(b))
	}
	if out, _ := ends(t, exitDone, "", "snapshot", "save", "-"); out != string(b) {
		t.Error("on standard output it is another")
	}
	for _, in := range [][2]string{{file, ""}, {"-", string(b)}} {
		if out, _ := ends(t, exitDone, in[1], "snapshot", "verify", in[0]); !strings.Contains(out, "is whole") {
			t.Error(out)
		}
	}
	out, _ := ends(t, exitDone, "", "snapshot", "inspect", file, "--json", "--top", "2")
	var has contents
	if err := json.Unmarshal([]byte(out), &has); err != nil {
		t.Fatal(err)
	}
	tree := s.State().Tree
	if has.Zxid != uint64(zxid) || has.Znodes != tree.Len() || has.DataBytes != tree.Bytes() || has.Sessions != 1 || has.Ephemerals != 1 || has.Format != 3 ||
		len(has.Largest) != 2 || has.Largest[0] != (directory{"/", tree.Len(), tree.Bytes()}) || has.Largest[1] != (directory{"/app", tree.Len() - 1, tree.Bytes()}) {
		t.Errorf("%+v", has)
	}
	if out, _ := ends(t, exitDone, "", "snapshot", "inspect", file); !strings.Contains(out, "last change  1970-01-01T00:00:00Z\n") || !strings.Contains(out, "/app\n") {
		t.Error(out)
	}

	s.Apply(znode.PutOp(znode.MustPath("/app"), "newer"))
	if _, said := ends(t, exitRefused, "", "snapshot", "restore", file); !strings.Contains(said, "--replace") || dataAt(s, "/app") != "newer" {
		t.Error(said)
	}
	out, _ = ends(t, exitDone, "", "snapshot", "restore", file, "--replace", "--json")
	if !strings.Contains(out, `"from":`) || dataAt(s, "/app") != "one" || dataAt(s, "/app/e") != "(none)" {
		t.Error(out)
	}
	ends(t, exitDone, string(b), "snapshot", "restore", "-", "--replace")
	if s.State().Zxid != zxid+3 {
		t.Errorf("zxid %d", s.State().Zxid)
	}
}

func TestBackupsThatFail(t *testing.T) {
	s, file := saveTo(t)
	b, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	bad := filepath.Join(t.TempDir(), "bad")
	if err := os.WriteFile(bad, b[:len(b)-1], 0o600); err != nil {
		t.Fatal(err)
	}
	before := s.State().Zxid
	for _, c := range []struct {
		args string
		exit int
		says string
	}{
		{"verify " + bad, exitFailed, "ends too early"},
		{"inspect " + bad, exitFailed, "ends too early"},
		{"inspect " + file + " --top -1", exitUsage, "--top"},
		{"verify /no/such/file", exitFailed, "no such file"},
		{"restore /no/such/file", exitFailed, "no such file"},
		{"restore " + bad + " --replace", exitUsage, "holt snapshot verify"},
		{"save /no/such/folder/file", exitFailed, "no such file"},
		{"restore " + file + " --replace --endpoints http://127.0.0.1:1", exitUnreachable, "no answer"},
	} {
		if _, said := ends(t, c.exit, "", append([]string{"snapshot"}, strings.Fields(c.args)...)...); !strings.Contains(said, c.says) || strings.Count(said, "\n") != 1 {
			t.Errorf("%s: said %q, want %q", c.args, said, c.says)
		}
	}
	if s.State().Zxid != before {
		t.Error("something was done")
	}
	// A member that cannot be reached is passed over; one that has the backup is the last that is asked.
	ends(t, exitDone, "", "snapshot", "restore", file, "--replace", "--endpoints", "http://127.0.0.1:1,"+s.URL)
	s.Node.Fail(apitest.Faults{Propose: command.ErrUnknown})
	ends(t, exitUnknown, "", "snapshot", "restore", file, "--replace")
	s.Node.Fail(apitest.Faults{Propose: command.ErrNoLeader})
	ends(t, exitUnreachable, "", "snapshot", "restore", file, "--replace", "--endpoints", s.URL+","+s.URL)
	s.Node.Fail(apitest.Faults{})
	s.Lose(1)
	ends(t, exitUnknown, "", "snapshot", "restore", file, "--replace", "--endpoints", s.URL+","+s.URL)
}

// A backup that breaks off on the way leaves no file, and one that comes in full but wrong neither.
func TestASaveThatIsCutOff(t *testing.T) {
	s := garden(t)
	file := filepath.Join(t.TempDir(), "backup")
	for what, c := range map[string]struct {
		exit   int
		answer http.HandlerFunc
	}{
		"cut": {exitUnreachable, func(w http.ResponseWriter, _ *http.Request) {
			_, _ = w.Write([]byte("holtstate"))
			_ = http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		}},
		"wrong": {exitFailed, func(w http.ResponseWriter, _ *http.Request) { _, _ = w.Write([]byte("holtstate, but not one")) }},
	} {
		s.Before(c.answer)
		_, said := ends(t, c.exit, "", "snapshot", "save", file, "--endpoints", s.URL)
		entries, err := os.ReadDir(filepath.Dir(file))
		if err != nil || len(entries) > 0 {
			t.Errorf("%s: %v, %v; said %s", what, entries, err, said)
		}
	}
}

// Whoever interrupts a restore before the backup has gone out knows that nothing was done.
func TestARestoreThatIsInterrupted(t *testing.T) {
	s := garden(t)
	before := s.State().Zxid
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if exit, _, said := holt(ctx, "x", "snapshot", "restore", "-", "--replace"); exit == exitDone || exit == exitUnknown {
		t.Errorf("exit %d, said %s", exit, said)
	}
	if s.State().Zxid != before {
		t.Error("something was done")
	}
}
