package zookeeper

import (
	"context"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"strings"
	"time"

	"holt/raftfsm/znode"
)

// Options say how a tree is read.
type Options struct {
	// DropACLs moves znodes without their ACLs. Otherwise an ACL other than world:anyone:cdrwa is an error.
	DropACLs bool
	// Into is the path that the first line gets, and the others below it; "" is the one it has at the source. It is for
	// a tree whose own paths holt refuses, such as /holt. The lists in the report have the source's paths.
	Into string
	// LogDir is the folder with the transaction logs, where they are kept apart from the snapshots (dataLogDir). Only
	// for a data folder.
	LogDir string
	// Timeout bounds how long it may take to be served by one of the servers of a live ensemble; 30 s if 0.
	Timeout time.Duration
}

// ACLError says that znodes have ACLs, which would be lost. Nothing was written.
type ACLError struct {
	Path  string // the first such znode
	ACL   string // its ACL
	Count int64  // of such znodes
}

func (e *ACLError) Error() string {
	return fmt.Sprintf("%d znodes have an ACL other than %s, the first is %s (%s): they would be open to everyone; "+
		"ask for the ACLs to be dropped if that is meant", e.Count, openACL, e.Path, e.ACL)
}

// ErrCorrupt is wrapped by the errors about files that are damaged or not ZooKeeper's.
var ErrCorrupt = errors.New("damaged, or not a file of ZooKeeper's")

// Read writes the tree at source to w, one JSON line a znode with its data, parents first, siblings sorted by name.
// source is the path of a snapshot file, the path of a data folder (version-2 or the one above it), or
// host:port[,host:port...][/path] for a live ensemble. With an error from w, ctx or the source what was written is cut
// off; with an *ACLError nothing was written.
func Read(ctx context.Context, source string, w io.Writer, opt Options) (*Report, error) {
	if opt.Into != "" {
		if _, err := znode.ParsePath(opt.Into); err != nil {
			return nil, err
		}
	}
	info, err := os.Stat(source)
	switch {
	case err == nil && info.IsDir():
		return readFiles(ctx, w, opt, func(notes *notes) (*tree, error) { return readFolder(ctx, source, opt.LogDir, notes) })
	case opt.LogDir != "":
		return nil, fmt.Errorf("%s is not a data folder: only one of those has a folder of logs beside it", source)
	case err == nil && info.Mode().IsRegular():
		return readFiles(ctx, w, opt, func(notes *notes) (*tree, error) { return readSnapshotAlone(ctx, source, notes) })
	case err == nil:
		return nil, fmt.Errorf("%s is neither a file nor a folder", source)
	case !errors.Is(err, fs.ErrNotExist):
		return nil, err
	case strings.HasPrefix(source, "/") || strings.HasPrefix(source, ".") || !strings.Contains(source, ":"):
		return nil, fmt.Errorf("%s: no such file or folder, and not the addresses of servers (host:port,...)", source)
	}
	servers, root, err := parseEnsemble(source)
	if err != nil {
		return nil, err
	}
	return readLive(ctx, servers, root, w, opt)
}

// readFiles writes the tree that load reads from files.
func readFiles(ctx context.Context, w io.Writer, opt Options, load func(*notes) (*tree, error)) (*Report, error) {
	var notes notes
	t, err := load(&notes)
	if err != nil {
		return nil, err
	}
	survey := newMover(io.Discard, "/", opt)
	if err := t.walk(ctx, survey.lookAt); err != nil {
		return nil, err
	}
	m := newMover(w, "/", opt)
	if err := m.settleACLs(survey); err != nil {
		return nil, err
	}
	if err := t.walk(ctx, m.move); err != nil {
		return nil, err
	}
	for _, path := range t.quotas() {
		m.quota(path)
	}
	return m.finish(t.zxid, notes)
}
