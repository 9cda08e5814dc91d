package main

import (
	"context"
	"errors"
	"os"
	"os/exec"
	"path/filepath"
	"reflect"
	"strings"
	"sync"
	"testing"
	"time"
)

// leakMark is in every secret of these tests, and must be in nothing the program says.
const leakMark = "do-not-show-me"

// nonsense is what a variable must not be set to, with what else is set then.
type nonsense struct {
	value string
	with  []string
	also  string // besides the variable, what the sentence names
}

func values(all ...string) (out []nonsense) {
	for _, v := range all {
		out = append(out, nonsense{value: v})
	}
	return out
}

// aList is a cluster in which m1 is a member.
const aList = "m1=127.0.0.1:1=http://127.0.0.1:2,m2=127.0.0.1:3=http://127.0.0.1:4"

// nonsenses are of every variable of holt serve.
func nonsenses() map[string][]nonsense {
	long := strings.Repeat("n", 256)
	notAddresses := []string{"127.0.0.1", "7070", "127.0.0.1:99999", "127.0.0.1:-1", "127.0.0.1:no-such-port", "a b:70", "http://127.0.0.1:7070"}
	notURLs := []string{"host:7070", "ftp://host", "http://", "://", "http://a b", "/path"}
	notNumbers := []string{"many", "1.5", "1e3", "0x", "99999999999999999999"}
	notTimes := []string{"500", "soon", "1 hour", "10000000h", "-1s"}
	notBools := []string{"perhaps", "2", "ja"}
	return map[string][]nonsense{
		"HOLT_NAME":           append(values(long, "two words", "line\nline"), nonsense{"m9", []string{"HOLT_CLUSTER=" + aList}, "HOLT_CLUSTER"}),
		"HOLT_HTTP_ADDR":      values(append(notAddresses, "203.0.113.1:7070")...),
		"HOLT_URL":            values(notURLs...),
		"HOLT_RAFT_ADDR":      append(values(append(notAddresses, "203.0.113.1:7070")...), nonsense{"0.0.0.0:7071", nil, "HOLT_PEER_SECRET"}),
		"HOLT_RAFT_ADVERTISE": append(values(notAddresses...), nonsense{"10.1.2.3:7071", nil, "HOLT_PEER_SECRET"}, nonsense{"127.0.0.1:9", []string{"HOLT_CLUSTER=" + aList}, "m1"}),
		"HOLT_DATA_DIR":       values("/dev/null/data", "/proc/no-such-folder/data"),
		"HOLT_CLUSTER": values("m1", "m1=127.0.0.1", "m1=127.0.0.1=http://h", "m1=127.0.0.1:99999=http://h", "m1=127.0.0.1:1=h:7070", "m1=127.0.0.1:1=http://h,",
			"=127.0.0.1:1=http://h", aList+",m1=127.0.0.1:9=http://h", aList+",m3=127.0.0.1:1=http://h", "m1=0.0.0.0:1=http://h,m2=127.0.0.1:2=http://i"),
		"HOLT_JOIN":             append(values("http://", "ftp://h", "http://h,,", "http://a,http://b:x", "http://host/path", strings.Repeat("http://a,", 64)+"http://a"), nonsense{"http://127.0.0.1:1", []string{"HOLT_CLUSTER=" + aList}, "HOLT_CLUSTER"}),
		"HOLT_VOTER":            append(values(notBools...), nonsense{"false", nil, "HOLT_JOIN"}),
		"HOLT_PEER_SECRET":      {{value: leakMark}, {leakMark + leakMark, []string{"HOLT_PEER_SECRET_FILE=/etc/hostname"}, "HOLT_PEER_SECRET_FILE"}},
		"HOLT_PEER_SECRET_FILE": {{value: "/no/such/file"}, {value: "/proc"}, {"SHORT", nil, "16 characters"}},

		"HOLT_MAX_DATA_BYTES":       values(append(notNumbers, "0", "-1", "1048577")...),
		"HOLT_MAX_REQUESTS":         values(append(notNumbers, "0", "-1")...),
		"HOLT_ALLOWED_HOSTS":        values("http://host", "a b", ":7070", "host/path", "good,,bad"),
		"HOLT_REQUIRE_PRECONDITION": values(notBools...),
		"HOLT_MAX_STREAMS":          values(append(notNumbers, "0", "-1")...),
		"HOLT_SESSION_TIMEOUT_MIN":  append(values(append(notTimes, "0", "1ns")...), nonsense{"10s", []string{"HOLT_SESSION_TIMEOUT_MAX=5s"}, "HOLT_SESSION_TIMEOUT_MAX"}),
		"HOLT_SESSION_TIMEOUT_MAX":  values(append(notTimes, "1ms")...),
		"HOLT_WRITE_WAIT":           values(append(notTimes, "0")...),
		"HOLT_HEARTBEAT":            values(append(notTimes, "0", "1ns")...),
		"HOLT_SNAPSHOT_BYTES":       values(append(notNumbers, "0", "-1")...),
		"HOLT_DISK_RESERVE":         values(append(notNumbers, "-1", "9223372036854775808")...),
		"HOLT_DIGEST_EVERY":         values(append(notTimes, "1ms")...),
		"HOLT_BACKUP_DIR":           {{value: "/some/folder"}, {"/dev/null/backups", []string{"HOLT_BACKUP_EVERY=1h"}, "HOLT_BACKUP_DIR"}},
		"HOLT_BACKUP_EVERY":         append(values(append(notTimes, "1ms")...), nonsense{"1h", nil, "HOLT_BACKUP_DIR"}),
		"HOLT_BACKUP_KEEP":          values(append(notNumbers, "0", "-1", "100001")...),
		"HOLT_UI_BANNER":            values("red:", "two\nlines", "\x1b[31m", strings.Repeat("é", 201)),
		"HOLT_UI_READ_ONLY":         values(notBools...),
		"HOLT_LOG_LEVEL":            values("loud", "INFO!"),
		"HOLT_LOG_FORMAT":           values("xml", "TEXT"),
		"HOLT_PPROF_ADDR":           values(append(notAddresses, "0.0.0.0:6060", ":6060", "10.1.2.3:6060", "example.com:6060", "[::]:6060")...),
		"HOLT_ACCESS_LOG":           values(notBools...),
	}
}

// Every variable set to what it cannot be: exit code 2 and one sentence that names it, before there is a folder.
func TestAConfigurationThatCannotWorkIsRefusedByName(t *testing.T) {
	all := nonsenses()
	for f := range reflect.TypeFor[ServeConfig]().Fields() {
		if name := variableOf(flagOf(f)); len(all[name]) == 0 {
			t.Errorf("there is no nonsense of %s here: list some", name)
		}
	}
	all["HOLT_NO_SUCH"] = values("1") // misspelt
	short := filepath.Join(t.TempDir(), "secret")
	if err := os.WriteFile(short, []byte(leakMark), 0o600); err != nil {
		t.Fatal(err)
	}
	var wg sync.WaitGroup
	at := make(chan struct{}, 4) // processes at a time
	for variable, list := range all {
		for _, n := range list {
			if n.value == "SHORT" {
				n.value = short
			}
			wg.Go(func() {
				at <- struct{}{}
				defer func() { <-at }()
				refuses(t, variable, n)
			})
		}
	}
	wg.Wait()
}

// refuses starts holt serve, which must not like it. It does not end the test: several run at a time.
func refuses(t *testing.T, variable string, n nonsense) {
	self, err := os.Executable()
	if err != nil {
		t.Error(err)
		return
	}
	ctx, cancel := context.WithTimeout(t.Context(), endsWithin)
	defer cancel()
	cmd := exec.CommandContext(ctx, self, "serve")
	cmd.Dir = t.TempDir()
	cmd.Env = append(append([]string{"HOLT_NAME=m1", "HOLT_HTTP_ADDR=127.0.0.1:0", "HOLT_RAFT_ADDR=127.0.0.1:0"}, n.with...), variable+"="+n.value)
	cmd.WaitDelay = time.Second
	out, err := cmd.CombinedOutput()
	var exit *exec.ExitError
	says := strings.TrimSuffix(string(out), "\n")
	switch {
	case !errors.As(err, &exit) || exit.ExitCode() != exitUsage:
		t.Errorf("%s=%q: %v, want exit code %d: %s", variable, n.value, err, exitUsage, says)
	case !strings.Contains(says, variable) || !strings.Contains(says, n.also) || strings.Contains(says, "\n") || len(says) > 600:
		t.Errorf("%s=%q: want one sentence that names it%s, not: %s", variable, n.value, " "+n.also, says)
	case strings.Contains(says, leakMark):
		t.Errorf("%s=%q: the secret is shown: %s", variable, n.value, says)
	}
	if made, err := os.ReadDir(cmd.Dir); err != nil || len(made) > 0 {
		t.Errorf("%s=%q: it left %v, %v", variable, n.value, made, err)
	}
}
