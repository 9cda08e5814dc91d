package main

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"
	"time"
)

// The unit is one systemd takes, shut off from the rest of the machine, and gives the member the time it needs.
func TestTheUnitOfSystemd(t *testing.T) {
	b, err := os.ReadFile("holt.service")
	if err != nil {
		t.Fatal(err)
	}
	unit := string(b)
	value := func(key string) string {
		found := regexp.MustCompile(`(?m)^` + key + `=(.*)$`).FindStringSubmatch(unit)
		if found == nil {
			t.Fatalf("the unit has no %s", key)
		}
		return found[1]
	}
	seconds := func(key string) time.Duration {
		n, err := strconv.Atoi(value(key))
		if err != nil {
			t.Fatal(err)
		}
		return time.Duration(n) * time.Second
	}
	if stop := seconds("TimeoutStopSec"); stop < handOverTime+drainTime+5*time.Second {
		t.Errorf("%v to stop, which may take %v and some to close", stop, handOverTime+drainTime)
	}
	if watchdog := seconds("WatchdogSec"); watchdog < 20*statusEvery {
		t.Errorf("a sign of life each %v, and it is looked for each %v", watchdog, statusEvery)
	}
	if value("Type") != "notify" || value("RestartPreventExitStatus") != strconv.Itoa(exitUsage) {
		t.Error("the unit does not fit the program")
	}
	files, err := strconv.ParseUint(value("LimitNOFILE"), 10, 64)
	if err != nil || files < serveDefaults().needOf(0, 0).files {
		t.Errorf("%d files, %v: the defaults want more", files, err)
	}

	self, err := os.Executable()
	if err != nil {
		t.Fatal(err)
	}
	path := filepath.Join(t.TempDir(), "holt.service")
	if err := os.WriteFile(path, []byte(strings.Replace(unit, "/usr/local/bin/holt", self, 1)), 0o600); err != nil {
		t.Fatal(err)
	}
	if out, err := exec.Command("systemd-analyze", "verify", path).CombinedOutput(); err != nil || len(out) > 0 {
		t.Errorf("systemd-analyze verify: %v\n%s", err, out)
	}
	// In tenths of the worst there is.
	if out, err := exec.Command("systemd-analyze", "security", "--offline=true", "--threshold=15", "--no-pager", path).CombinedOutput(); err != nil {
		t.Errorf("systemd-analyze security: %v\n%s", err, out)
	}
}
