package main

import (
	"context"
	"fmt"
	"log/slog"
	"math"
	"os"
	"path/filepath"
	"runtime/debug"
	"strconv"
	"strings"
	"syscall"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// What a member may take, roughly: the numbers are measured or are its own limits.
const (
	// fileSpare is how many file descriptors are needed besides clients: log, snapshots, members, the web server's own.
	fileSpare = 256
	// baseMemory is the program, its heap's slack and the limits of its queues, in bytes.
	baseMemory = 64<<20 + raftfsm.MaxCallBytes + watch.MaxPendingBytes + znode.MaxHistoryBytes + znode.MaxOutcomeBytes
	// streamMemory is what a stream takes with its connection, in bytes.
	streamMemory = 22 << 10
	// znodeMemory is what a znode takes besides its data, in bytes.
	znodeMemory = 400
	// The state is in memory once and garbage is a quarter of it; a snapshot that is installed is there beside it: 9/4 together.
	stateTimes, stateParts = 9, 4
	// snapshotCopies is how many snapshots may be on the disk at a time, one of them being written.
	snapshotCopies = 3
	// logTimes is how much of the disk the log takes, in what is applied between snapshots: what trails, free pages, overhead.
	logTimes = 4
	// memoryShare of a memory limit, in percent, is what the collector keeps the heap below.
	memoryShare = 90
	// ceilingsEvery is how often the growing state is held against the ceilings.
	ceilingsEvery = time.Minute
	// cgroupNoLimit: version 1 of cgroups writes a number near 2^63 for none.
	cgroupNoLimit = math.MaxInt64 / 2
)

// ceilings are the limits of the machine that a member would otherwise meet by surprise.
type ceilings struct {
	files  uint64 // 0: not known
	memory uint64 // bytes; 0: not known
	source string // of memory
	disk   uint64 // bytes free; 0: not known
}

// need is what a member may take of them.
type need struct{ files, memory, disk uint64 }

// needOf is what a member with so large a state may take.
func (c ServeConfig) needOf(znodes int, dataBytes int64) need {
	state := uint64(dataBytes) + uint64(znodes)*znodeMemory
	logs := max(uint64(c.SnapshotBytes), state/4)
	return need{
		files:  uint64(c.MaxStreams) + uint64(c.MaxRequests) + fileSpare,
		memory: baseMemory + uint64(c.MaxStreams)*streamMemory + state*stateTimes/stateParts,
		disk:   c.DiskReserve + logs*logTimes + state*snapshotCopies,
	}
}

// lacks are the warnings, of files, memory and disk: a sentence each, "" where there is enough.
func (c ceilings) lacks(n need) (sentences [3]string) {
	if c.files > 0 && n.files > c.files {
		sentences[0] = fmt.Sprintf("this process may open %d files, and HOLT_MAX_STREAMS and HOLT_MAX_REQUESTS allow clients to take %d: "+
			"raise the limit (LimitNOFILE= of a unit, ulimits of a container, ulimit -n) or lower them", c.files, n.files)
	}
	if c.memory > 0 && n.memory > c.memory {
		sentences[1] = fmt.Sprintf("this process may use %s of memory (%s), and may need %s with a state of this size and all of "+
			"HOLT_MAX_STREAMS: raise the limit, or lower HOLT_MAX_STREAMS", mebibytes(c.memory), c.source, mebibytes(n.memory))
	}
	if c.disk > 0 && n.disk > c.disk {
		sentences[2] = fmt.Sprintf("the disk of HOLT_DATA_DIR has %s free, and log, snapshots and HOLT_DISK_RESERVE may come to %s: "+
			"make room, or lower HOLT_SNAPSHOT_BYTES", mebibytes(c.disk), mebibytes(n.disk))
	}
	return sentences
}

func mebibytes(n uint64) string { return fmt.Sprintf("%d MiB", n>>20) }

// watchCeilings warns of what the member may want and cannot have, now and when its state has grown: once of each.
func (m *member) watchCeilings(ctx context.Context) {
	var warned [3]bool
	tick := time.NewTicker(ceilingsEvery)
	defer tick.Stop()
	for {
		c, s := m.ceilings(), m.node.Stats()
		for i, sentence := range c.lacks(m.cfg.needOf(s.Znodes, s.DataBytes)) {
			if sentence != "" && !warned[i] {
				warned[i] = true
				m.log.Warn(sentence)
			}
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// ceilings are those of now.
func (m *member) ceilings() (c ceilings) {
	var files syscall.Rlimit
	if syscall.Getrlimit(syscall.RLIMIT_NOFILE, &files) == nil {
		c.files = files.Cur // the runtime has raised the soft limit to the hard one
	}
	c.memory, c.source = memoryLimit("/")
	if free, err := m.folder.FreeBytes(); err == nil {
		c.disk = free
		if used, err := folderBytes(m.cfg.DataDir); err == nil {
			c.disk += used // which is of what it may come to
		}
	}
	return c
}

// folderBytes is what the files of the data folder take.
func folderBytes(dir string) (n uint64, err error) {
	err = filepath.WalkDir(dir, func(_ string, e os.DirEntry, err error) error {
		if err != nil || e.IsDir() {
			return err
		}
		if info, err := e.Info(); err == nil { // it may be gone
			n += uint64(info.Size())
		}
		return nil
	})
	return n, err
}

// memoryLimit is how much memory this process may use, in bytes, and whose limit that is: of its cgroup, or of one above it, or of the
// machine. 0 if it is not known. root is "/" but in tests.
func memoryLimit(root string) (limit uint64, source string) {
	if limit = machineMemory(root); limit > 0 {
		source = "all this machine has"
	}
	b, err := os.ReadFile(filepath.Join(root, "proc/self/cgroup"))
	if err != nil {
		return limit, source
	}
	for line := range strings.Lines(string(b)) {
		fields := strings.SplitN(strings.TrimSpace(line), ":", 3)
		if len(fields) != 3 {
			continue
		}
		base, file := filepath.Join(root, "sys/fs/cgroup"), "memory.max"
		switch controllers := "," + fields[1] + ","; {
		case fields[0] == "0" && fields[1] == "":
		case strings.Contains(controllers, ",memory,"):
			base, file = filepath.Join(base, "memory"), "memory.limit_in_bytes"
		default:
			continue
		}
		// The limit of any group above holds as well. In a container the path may be one of the host: the top is its own then.
		for path := filepath.Clean("/" + fields[2]); ; path = filepath.Dir(path) {
			if n := readNumber(filepath.Join(base, path, file)); n > 0 && n < cgroupNoLimit && (limit == 0 || n < limit) {
				limit, source = n, "the limit of its cgroup"
			}
			if path == "/" {
				break
			}
		}
	}
	return limit, source
}

// readNumber is the number in a file; 0 if there is none.
func readNumber(path string) uint64 {
	b, err := os.ReadFile(path)
	if err != nil {
		return 0
	}
	n, err := strconv.ParseUint(strings.TrimSpace(string(b)), 10, 64)
	if err != nil {
		return 0 // "max"
	}
	return n
}

// machineMemory is what the kernel says the machine has.
func machineMemory(root string) uint64 {
	b, err := os.ReadFile(filepath.Join(root, "proc/meminfo"))
	if err != nil {
		return 0
	}
	for line := range strings.Lines(string(b)) {
		var kib uint64
		if n, _ := fmt.Sscanf(line, "MemTotal: %d kB", &kib); n == 1 {
			return kib << 10
		}
	}
	return 0
}

// heedMemoryLimit has the collector work harder before a limit of memory ends the process. GOMEMLIMIT in the environment turns it off.
func heedMemoryLimit(log *slog.Logger) {
	limit, source := memoryLimit("/")
	if limit == 0 || os.Getenv("GOMEMLIMIT") != "" {
		return
	}
	debug.SetMemoryLimit(int64(limit / 100 * memoryShare))
	log.Debug("the heap is kept below the limit of memory", "bytes", limit, "source", source)
}
