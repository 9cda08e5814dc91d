package tests

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// holt runs the program with arguments and gives its exit code and what it said.
func holt(t *testing.T, args ...string) (int, string) {
	t.Helper()
	cmd := exec.Command(bin.Path, args...)
	cmd.Env = []string{"HOME=" + t.TempDir()}
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// recoverFolder runs holt recover on a member's folder, which must succeed and say all this.
func recoverFolder(t *testing.T, m *harness.Member, says ...string) {
	t.Helper()
	code, out := holt(t, "recover", "--data-dir", m.Dir, "--yes")
	if code != 0 {
		t.Fatalf("holt recover: exit code %d\n%s", code, out)
	}
	for _, s := range says {
		if !strings.Contains(out, s) {
			t.Errorf("holt recover does not say %q:\n%s", s, out)
		}
	}
}

// Two of three members burn down. The third becomes a cluster of its own with all that it had been told; what it had not been told is
// lost, and no zxid of it comes again; the others begin anew and join.
func TestTheMemberThatIsLeftIsRecovered(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "65536"}).Start()
	l := startLoad(t, c)
	l.goOn(300)
	l.end()
	c.Equal()
	session, err := c.Client(0).OpenSession(t.Context(), time.Hour)
	if err != nil {
		t.Fatal(err)
	}
	left := c.Followers()[0]
	var lost []*harness.Member
	for _, m := range c.Members {
		if m != left {
			lost = append(lost, m)
		}
	}
	alone := left.Alone()
	follower := alone.Follow(0, "/v1/watch/made?recursive=true").Open()
	c.Equal()

	left.Signal(syscall.SIGSTOP)
	others := harness.NewClient(t, lost[0].URL, lost[1].URL)
	var w *client.Written
	for range 100 { // acknowledged by the two that are lost, and never heard of by the one that is left
		if w, err = others.Put(t.Context(), "/lost", []byte("acknowledged"), client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	for _, m := range append(lost, left) {
		m.Kill()
	}
	old := lost[0].Dir + "-as-it-was"
	if err := os.Rename(lost[0].Dir, old); err != nil {
		t.Fatal(err)
	}
	if err := os.RemoveAll(lost[1].Dir); err != nil {
		t.Fatal(err)
	}

	before := folder(t, left.Dir)
	code, out := holt(t, "recover", "--data-dir", left.Dir)
	if code != 0 || !strings.Contains(out, "Nothing was changed") || !strings.Contains(out, "LOST FOR EVER") || folder(t, left.Dir) != before {
		t.Fatalf("what it would do: exit code %d\n%s", code, out)
	}
	left.Start().Listening()
	if code, out := holt(t, "recover", "--data-dir", left.Dir, "--yes"); code != exitStorage || !strings.Contains(out, "another holt holds this folder") {
		t.Fatalf("while the member runs: exit code %d\n%s", code, out)
	}
	left.Kill()
	recoverFolder(t, left, "Done: "+left.Name+" is the only member", "IS LOST", "HOLT_JOIN="+left.URL, lost[0].Name+", "+lost[1].Name)

	left.Start().Ready()
	l.c = alone
	l.holds()
	if _, err := left.Client().Get(t.Context(), "/lost", client.Linearizable); !errors.Is(err, client.NoNode) {
		t.Errorf("what was never heard of: %v", err)
	}
	again, err := left.Client().Put(t.Context(), "/after", nil, client.Any())
	if err != nil || again.Zxid <= w.Zxid {
		t.Errorf("the first write has zxid %d, %v; %d was given before", again.Zxid, err, w.Zxid)
	}
	follower.Await(harness.SettleTime, "it is told to read again", func(m harness.Message) bool {
		return m.Event == "reset" && strings.Contains(m.Data, "history")
	})
	if _, err := left.Client().Session(t.Context(), session.Owner); err != nil {
		t.Errorf("the session that it knew of: %v", err)
	}

	// One that comes back with its old folder is nobody's member.
	term := left.Metric("holt_raft_term")
	wiped := lost[0].Dir
	lost[0].Dir, lost[0].Env["HOLT_DATA_DIR"] = old, old
	lost[0].Start().Listening()
	harness.Eventually(t, harness.SettleTime, "the member that was not wiped is refused", func() bool {
		return left.Log.Has("member refused", "member="+lost[0].Name, "cluster") || lost[0].Log.Has("another cluster")
	})
	if _, err := left.Client().Put(t.Context(), "/after", nil, client.Any()); err != nil {
		t.Errorf("meanwhile: %v", err)
	}
	if status := lost[0].Status("/readyz"); status != http.StatusServiceUnavailable || left.Metric("holt_raft_term") != term ||
		lost[0].Metric("holt_raft_has_leader") != 0 {
		t.Errorf("it is ready: %d, and the term went from %v to %v", status, term, left.Metric("holt_raft_term"))
	}
	lost[0].Kill()
	lost[0].Dir, lost[0].Env["HOLT_DATA_DIR"] = wiped, wiped

	for _, m := range lost {
		delete(m.Env, "HOLT_CLUSTER")
		m.Env["HOLT_JOIN"] = left.URL
		m.Start()
	}
	for _, m := range lost {
		m.Ready()
	}
	l.c = c
	l.holds()
	harness.Eventually(t, harness.SettleTime, "all vote", func() bool {
		cl, err := left.Client().Cluster(t.Context())
		votes := 0
		if err == nil {
			for _, m := range cl.Members {
				if m.Voter {
					votes++
				}
			}
		}
		return votes == 3
	})
	left.Kill() // the others can do without it now
	if _, err := harness.NewClient(t, lost[0].URL, lost[1].URL).Put(t.Context(), "/after", nil, client.Any()); err != nil {
		t.Errorf("without the one that was left: %v", err)
	}
}

// Killed at any moment, a recovery leaves a folder that serves as before, or is refused and can be recovered.
func TestARecoveryIsKilled(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_SNAPSHOT_BYTES": "1048576"}).Start()
	for i := range 200 { // 8 MB, which take a while to write
		if _, err := c.Client(0).Put(t.Context(), fmt.Sprintf("/n%03d", i), make([]byte, 40_000), client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	c.Equal()
	model := c.Members[0]
	for _, m := range c.Members {
		m.Kill()
	}
	const before, rounds, most = 4, 16, 100
	refused := 0
	for i := 0; i < rounds || refused == 0 && i < most; i++ {
		dir := t.TempDir() + "/data"
		if err := os.CopyFS(dir, os.DirFS(model.Dir)); err != nil {
			t.Fatal(err)
		}
		// A few before anything is noted, the others ever later after it: how long a recovery takes depends on the disk.
		delay := time.Duration(i) * time.Millisecond
		if i >= before {
			delay = time.Duration((i-before)%rounds) * 3 * time.Millisecond
		}
		killRecovery(t, dir, i >= before, delay)
		switch code, out := holt(t, "check", dir); {
		case code == exitStorage && strings.Contains(out, "run holt recover again"):
			refused++
		case code != 0:
			t.Fatalf("killed after %v, the folder is damaged: exit code %d\n%s", delay, code, out)
		}
		if code, out := holt(t, "recover", "--data-dir", dir, "--yes", "--json"); code != 0 || !strings.Contains(out, `"znodes":201,`) {
			t.Fatalf("killed after %v: exit code %d\n%s", delay, code, out)
		}
		if code, out := holt(t, "check", dir); code != 0 {
			t.Fatalf("killed after %v, then recovered: exit code %d\n%s", delay, code, out)
		}
	}
	t.Logf("%d recoveries were killed between their first step and their last", refused)
	if refused == 0 {
		t.Error("no recovery was killed halfway")
	}
}

// killRecovery starts a recovery and kills it some time after its start, or after it has noted that it began.
func killRecovery(t *testing.T, dir string, begun bool, after time.Duration) {
	t.Helper()
	first, err := os.ReadFile(filepath.Join(dir, identityFile))
	if err != nil {
		t.Fatal(err)
	}
	cmd := exec.Command(bin.Path, "recover", "--data-dir", dir, "--yes")
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	look := time.NewTicker(100 * time.Microsecond)
	defer look.Stop()
	for deadline := time.Now().Add(endTime); begun && time.Now().Before(deadline); <-look.C {
		b, err := os.ReadFile(filepath.Join(dir, identityFile))
		if err != nil {
			t.Fatal(err)
		}
		if !bytes.Equal(b, first) {
			break
		}
	}
	defer time.AfterFunc(after, func() { _ = cmd.Process.Kill() }).Stop()
	_ = cmd.Wait() // it may have been quicker
}

func TestWhatHoltRecoverRefuses(t *testing.T) {
	model := lived(t, "model")
	empty := t.TempDir()
	for name, c := range map[string]struct {
		dir    string
		damage func(t *testing.T, dir string)
		code   int
		says   []string
	}{
		"a folder that is none":      {"/no/such/folder", nil, exitUsage, []string{"--data-dir", "not the data folder of a member"}},
		"a folder nobody was in":     {empty, nil, exitUsage, []string{"not the data folder of a member"}},
		"a log that is cut":          {"", halve, exitStorage, []string{"cut short", "what to do: ", "another member that is left"}},
		"a log with a lost page":     {"", zeroPages, exitStorage, []string{"damaged", "what to do: ", "snapshot"}},
		"a log that is gone":         {"", func(t *testing.T, dir string) { remove(t, dir+"/"+logFile) }, exitStorage, []string{"missing", "what to do: "}},
		"an identity that is broken": {"", func(t *testing.T, dir string) { write(t, dir+"/"+identityFile, []byte("{")) }, exitStorage, []string{identityFile, "what to do: "}},
	} {
		t.Run(name, func(t *testing.T) {
			if c.dir == "" {
				c.dir = t.TempDir() + "/data"
				if err := os.CopyFS(c.dir, os.DirFS(model.Dir)); err != nil {
					t.Fatal(err)
				}
				c.damage(t, c.dir)
			}
			code, out := holt(t, "recover", "--data-dir", c.dir, "--yes")
			if code != c.code || strings.Contains(out, "goroutine ") {
				t.Errorf("exit code %d, want %d\n%s", code, c.code, out)
			}
			for _, s := range c.says {
				if !strings.Contains(out, s) {
					t.Errorf("it does not say %q:\n%s", s, out)
				}
			}
		})
	}
	if left, err := os.ReadDir(empty); err != nil || len(left) > 0 {
		t.Errorf("in the empty folder there is now %v, %v", left, err)
	}
}
