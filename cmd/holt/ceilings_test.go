package main

import (
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
)

func TestWhatIsTooLowIsSaidWithNumbersAndWhatToSet(t *testing.T) {
	n := need{files: 24352, memory: 900 << 20, disk: 600 << 20}
	for name, c := range map[string]struct {
		has  ceilings
		want [3][]string
	}{
		"enough of all": {ceilings{files: 24352, memory: 900 << 20, disk: 600 << 20}, [3][]string{}},
		"nothing known": {ceilings{}, [3][]string{}},
		"files":         {ceilings{files: 1024}, [3][]string{{"1024", "24352", "LimitNOFILE", "HOLT_MAX_STREAMS", "HOLT_MAX_REQUESTS"}}},
		"memory": {ceilings{memory: 512 << 20, source: "the limit of its cgroup"},
			[3][]string{nil, {"512 MiB", "900 MiB", "the limit of its cgroup", "HOLT_MAX_STREAMS"}}},
		"disk": {ceilings{disk: 599 << 20}, [3][]string{nil, nil, {"599 MiB", "600 MiB", "HOLT_DATA_DIR", "HOLT_SNAPSHOT_BYTES", "HOLT_DISK_RESERVE"}}},
	} {
		for i, says := range c.has.lacks(n) {
			if (says == "") != (c.want[i] == nil) {
				t.Errorf("%s: %q", name, says)
			}
			for _, part := range c.want[i] {
				if !strings.Contains(says, part) {
					t.Errorf("%s: %q does not say %q", name, says, part)
				}
			}
		}
	}
}

func TestWhatAMemberNeedsGrowsWithWhatItHolds(t *testing.T) {
	cfg := serveDefaults()
	empty, full := cfg.needOf(1, 0), cfg.needOf(1_000_000, 256_000_000)
	if empty.files != full.files || empty.files < uint64(cfg.MaxStreams+cfg.MaxRequests) {
		t.Errorf("files: %d, %d", empty.files, full.files)
	}
	// 637 bytes each were measured for such znodes.
	if grown := full.memory - empty.memory; grown < 637_000_000 || grown > 3*637_000_000 {
		t.Errorf("memory of a million znodes: %d", grown)
	}
	if full.disk <= empty.disk || empty.disk < cfg.DiskReserve+uint64(cfg.SnapshotBytes) {
		t.Errorf("disk: %d, %d", empty.disk, full.disk)
	}
}

func TestTheLimitOfMemoryIsFound(t *testing.T) {
	const machine = "MemTotal:        8000000 kB\nMemFree: 1 kB\n"
	for name, c := range map[string]struct {
		files  map[string]string
		want   uint64
		source string
	}{
		"nothing":      {nil, 0, ""},
		"the machine":  {map[string]string{"proc/meminfo": machine}, 8_000_000 << 10, "machine"},
		"version 2":    {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "1000\n"}, 1000, "cgroup"},
		"one above it": {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/a/b\n", "sys/fs/cgroup/a/b/memory.max": "max\n", "sys/fs/cgroup/a/memory.max": "2000\n"}, 2000, "cgroup"},
		"in a container": {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/docker/of/the/host\n", "sys/fs/cgroup/memory.max": "3000\n"},
			3000, "cgroup"},
		"version 1": {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "5:cpu:/x\n4:memory:/a\n", "sys/fs/cgroup/memory/a/memory.limit_in_bytes": "4000\n"}, 4000, "cgroup"},
		"version 1 without": {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "4:memory:/a\n",
			"sys/fs/cgroup/memory/a/memory.limit_in_bytes": "9223372036854771712\n"}, 8_000_000 << 10, "machine"},
		"more than there is": {map[string]string{"proc/meminfo": machine, "proc/self/cgroup": "0::/\n", "sys/fs/cgroup/memory.max": "99000000000000\n"}, 8_000_000 << 10, "machine"},
		"nonsense":           {map[string]string{"proc/meminfo": "?", "proc/self/cgroup": "what\n0:\n::\n0::/../..\n", "sys/fs/cgroup/memory.max": "much\n"}, 0, ""},
	} {
		root := t.TempDir()
		for path, text := range c.files {
			path = filepath.Join(root, path)
			if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
				t.Fatal(err)
			}
			if err := os.WriteFile(path, []byte(text), 0o600); err != nil {
				t.Fatal(err)
			}
		}
		got, source := memoryLimit(root)
		if got != c.want || !strings.Contains(source, c.source) {
			t.Errorf("%s: %d, %q; want %d, %q", name, got, source, c.want, c.source)
		}
	}
}

func TestAServerWarnsOfTooFewFilesAtItsStart(t *testing.T) {
	s := startServe(t, "ulimit -S -n 300; ulimit -H -n 500", "HOLT_MAX_STREAMS=100000")
	s.says(`level=WARN msg="this process may open (?:499|500) files, .* allow clients to take 104352: `) // the soft limit was raised
	s.ready()
	enough := startServe(t, "ulimit -S -n 300; ulimit -H -n 600", "HOLT_MAX_STREAMS=200", "HOLT_MAX_REQUESTS=100")
	enough.ready()
	enough.signal(syscall.SIGTERM)
	if code, _ := enough.exit(); code != exitDone || strings.Contains(enough.said.String(), "may open") {
		t.Errorf("exit code %d", code)
	}
}
