package zookeeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
)

// versionFolder is where ZooKeeper keeps its files in the folders it is given.
const versionFolder = "version-2"

// maxTried bounds how many snapshots are read until one is whole.
const maxTried = 10

// logName is the name of a transaction log: the zxid is of its first transaction.
var logName = regexp.MustCompile(`^log\.([0-9a-f]{1,16})$`)

// file is a snapshot or a log, with the zxid in its name.
type file struct {
	path string
	zxid uint64
}

// readFolder reads the newest whole snapshot in a data folder and the transactions after it. logDir is "" if the logs
// are in the same folder.
func readFolder(ctx context.Context, dir, logDir string, notes *notes) (*tree, error) {
	if logDir == "" {
		logDir = dir
	}
	snapshots, err := files(dir, snapshotName)
	if err != nil {
		return nil, err
	}
	logs, err := files(logDir, logName)
	if err != nil {
		return nil, err
	}
	t, err := newestSnapshot(ctx, dir, snapshots, notes)
	if err != nil {
		return nil, err
	}
	from := t.zxid
	for _, s := range snapshots {
		if s.zxid > from {
			t.marks = append(t.marks, s.zxid)
		}
	}
	if len(logs) == 0 {
		notes.add("there are no transaction logs in %s: the tree is that of the snapshot alone", logDir)
	}
	// The first transaction after the snapshot is in the last log that begins before it.
	first := 0
	for i, l := range logs {
		if l.zxid <= from {
			first = i
		}
	}
	for i, l := range logs[first:] {
		partial, err := replayFile(ctx, l.path, t)
		if err != nil {
			return nil, err
		}
		if partial && i == len(logs[first:])-1 {
			notes.add("the last transaction in %s was not written to its end, and is left out", l.path)
		}
	}
	if missing := t.missingAtEnd(); missing != 0 {
		return nil, missingError(missing, t.zxid)
	}
	notes.add("the tree is as of zxid %#x: the snapshot of %#x and %d transactions logged after it; the log of a server of an "+
		"ensemble may end with some that were never committed", t.zxid, from, t.replayed)
	return t, nil
}

// newestSnapshot reads the newest snapshot that is whole.
func newestSnapshot(ctx context.Context, dir string, snapshots []file, notes *notes) (*tree, error) {
	if len(snapshots) == 0 {
		return nil, fmt.Errorf("%s has no snapshot (snapshot.*): it is not a data folder of ZooKeeper's", dir)
	}
	var failed []error
	for _, s := range slices.Backward(snapshots[max(0, len(snapshots)-maxTried):]) {
		t, err := readSnapshotFile(ctx, s.path)
		if err == nil {
			t.zxid = s.zxid
			return t, nil
		}
		if ctx.Err() != nil {
			return nil, err
		}
		notes.add("not used: %v", err)
		failed = append(failed, err)
	}
	return nil, errors.Join(failed...)
}

// files are the files in dir, or the folder version-2 in it, with such a name, by zxid.
func files(dir string, name *regexp.Regexp) ([]file, error) {
	if inner := filepath.Join(dir, versionFolder); isFolder(inner) {
		dir = inner
	}
	all, err := os.ReadDir(dir)
	if err != nil {
		return nil, err
	}
	var out []file
	for _, e := range all {
		m := name.FindStringSubmatch(e.Name())
		if m == nil || e.Type()&fs.ModeType != 0 {
			continue
		}
		zxid, err := strconv.ParseUint(m[1], 16, 64)
		if err != nil {
			return nil, err
		}
		out = append(out, file{filepath.Join(dir, e.Name()), zxid})
	}
	slices.SortFunc(out, func(a, b file) int { return cmp.Compare(a.zxid, b.zxid) })
	return out, nil
}

func isFolder(path string) bool {
	info, err := os.Stat(path)
	return err == nil && info.IsDir()
}
