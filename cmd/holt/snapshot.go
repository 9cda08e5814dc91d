package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"holt/httpapi/client"
	"holt/raftfsm/znode"
)

type snapshotCmd struct {
	Save    snapshotSaveCmd    `cmd:"" help:"Write a backup of the whole tree to a file."`
	Verify  snapshotVerifyCmd  `cmd:"" help:"Check a backup to the last byte; asks no member."`
	Inspect snapshotInspectCmd `cmd:"" help:"Tell what is in a backup; asks no member."`
	Restore snapshotRestoreCmd `cmd:"" help:"Put a backup in the place of the tree of the whole cluster. All sessions end."`
}

// stdio stands for standard output, or standard input, in the place of a file.
const stdio = "-"

type snapshotSaveCmd struct {
	clientFlags
	readFlags
	File  string `arg:"" help:"Where to, - for standard output. The file is there when it is whole, not before; only its owner can read it."`
	Force bool   `help:"Overwrite a file that is there."`
}

// saved says what a backup was, for --json.
type saved struct {
	File  string `json:"file"`
	Zxid  uint64 `json:"zxid"`
	Bytes int64  `json:"bytes"`
}

// Run saves.
func (cmd *snapshotSaveCmd) Run(ctx context.Context, con *console) error {
	if _, err := os.Lstat(cmd.File); err == nil && !cmd.Force && cmd.File != stdio {
		return usagef("%s is there already; --force overwrites it", cmd.File)
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if cmd.Consistency == client.Linearizable {
		if _, err := c.Sync(ctx); err != nil {
			return err
		}
	}
	done := saved{File: cmd.File}
	write := func(w io.Writer) error {
		var sum znode.Checksum
		if done.Zxid, done.Bytes, err = c.Backup(ctx, io.MultiWriter(w, &sum)); err != nil {
			return err
		}
		return sum.Whole()
	}
	if cmd.File == stdio {
		err = errors.Join(write(con.out), con.flush())
	} else {
		err = writeWhole(cmd.File, write)
	}
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.err, done)
	}
	_, err = fmt.Fprintf(con.err, "%d bytes, the tree at zxid %d\n", done.Bytes, done.Zxid)
	return err
}

// backupFile is a file that holds a backup, as an argument.
type backupFile struct {
	File string `arg:"" help:"The backup, - for standard input."`
}

// open opens it.
func (f *backupFile) open(con *console) (io.ReadCloser, error) {
	if f.File == stdio {
		return io.NopCloser(con.in), nil
	}
	return os.Open(f.File)
}

// read reads and checks all of it.
func (f *backupFile) read(con *console) (*znode.State, int64, error) {
	in, err := f.open(con)
	if err != nil {
		return nil, 0, err
	}
	defer in.Close()
	n := &counted{r: in}
	s, err := znode.DecodeState(n)
	if err != nil {
		return nil, n.bytes, fmt.Errorf("%s: %w", f.File, err)
	}
	return s, n.bytes, nil
}

// counted counts what is read.
type counted struct {
	r     io.Reader
	bytes int64
}

func (c *counted) Read(p []byte) (int, error) {
	n, err := c.r.Read(p)
	c.bytes += int64(n)
	return n, err
}

type snapshotVerifyCmd struct {
	backupFile
	JSON bool `name:"json" help:"Print JSON, errors too."`
}

// Run verifies.
func (cmd *snapshotVerifyCmd) Run(con *console) error {
	s, bytes, err := cmd.read(con)
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, saved{File: cmd.File, Zxid: uint64(s.Zxid), Bytes: bytes})
	}
	_, err = fmt.Fprintf(con.out, "%s is whole: %d bytes, %d znodes at zxid %d\n", cmd.File, bytes, s.Tree.Len(), s.Zxid)
	return err
}

type snapshotInspectCmd struct {
	backupFile
	JSON bool `name:"json" help:"Print JSON, errors too."`
	Top  int  `default:"10" help:"How many of the largest directories to list."`
}

// contents is what a backup holds, for --json.
type contents struct {
	File       string      `json:"file"`
	Bytes      int64       `json:"bytes"`
	Format     int         `json:"format"`
	Zxid       uint64      `json:"zxid"`
	Time       int64       `json:"time"` // of the last transaction, ms since the Unix epoch
	Znodes     int         `json:"znodes"`
	DataBytes  int64       `json:"data_bytes"`
	Sessions   int         `json:"sessions"`
	Ephemerals int         `json:"ephemerals"`
	Watches    int         `json:"watches"`
	Largest    []directory `json:"largest"`
}

// Run tells.
func (cmd *snapshotInspectCmd) Run(con *console) error {
	if cmd.Top < 0 {
		return usagef("--top is a number from 0")
	}
	s, bytes, err := cmd.read(con)
	if err != nil {
		return err
	}
	in := contents{
		File: cmd.File, Bytes: bytes, Format: s.Format(), Zxid: uint64(s.Zxid), Time: s.Time, Znodes: s.Tree.Len(), DataBytes: s.Tree.Bytes(),
		Sessions: s.Sessions.Len(), Ephemerals: s.Sessions.NumEphemerals(), Watches: s.Sessions.NumWatches(), Largest: largest(s.Tree, cmd.Top),
	}
	if cmd.JSON {
		return writeJSON(con.out, in)
	}
	t := tabwriter.NewWriter(con.out, 0, 0, 2, ' ', 0)
	fmt.Fprintf(t, "file\t%s, %d bytes, format %d\n", in.File, in.Bytes, in.Format)
	fmt.Fprintf(t, "zxid\t%d\n", in.Zxid)
	fmt.Fprintf(t, "last change\t%s\n", time.UnixMilli(in.Time).UTC().Format(time.RFC3339))
	fmt.Fprintf(t, "znodes\t%d, %d bytes of data\n", in.Znodes, in.DataBytes)
	fmt.Fprintf(t, "sessions\t%d, with %d ephemerals and %d watches: not restored\n", in.Sessions, in.Ephemerals, in.Watches)
	if err := t.Flush(); err != nil {
		return err
	}
	if len(in.Largest) == 0 {
		return nil
	}
	fmt.Fprintln(con.out, "\nlargest directories, all below them counted:")
	fmt.Fprintln(t, "ZNODES\tBYTES\tPATH")
	for _, d := range in.Largest {
		fmt.Fprintf(t, "%d\t%d\t%s\n", d.Znodes, d.Bytes, oneLine(d.Path))
	}
	return t.Flush()
}

type snapshotRestoreCmd struct {
	clientFlags
	backupFile
	Replace bool `help:"Also where there are znodes: they go, with all that was written since the backup."`
}

// Help is the end of the help text.
func (cmd *snapshotRestoreCmd) Help() string {
	return `The backup is checked by the member that gets it before anything is done. Then the tree is replaced on all members at once, or, if
that is interrupted, on none. Ephemerals are left out, all sessions end, streams are told to read again; zxids go on from the greater of
the cluster's and the backup's. It is sent to one member, the first that answers, and not sent again.`
}

// Run restores.
func (cmd *snapshotRestoreCmd) Run(ctx context.Context, con *console) error {
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	in, err := cmd.open(con)
	if err != nil {
		return err
	}
	defer in.Close()
	done, err := c.Restore(ctx, in, cmd.Replace)
	switch {
	case errors.Is(err, client.NotEmpty):
		return advised{error: err, advice: "--replace, if what is there may go"}
	case errors.Is(err, client.BadArguments):
		return advised{error: err, advice: "holt snapshot verify says more"}
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.out, done)
	}
	_, err = fmt.Fprintf(con.out, "%d znodes, from zxid %d; the cluster is at zxid %d\n", done.Znodes, done.From, done.Zxid)
	return err
}

// directory is how much there is below a znode, itself included.
type directory struct {
	Path   string `json:"path"`
	Znodes int    `json:"znodes"`
	Bytes  int64  `json:"bytes"` // of data
}

// largest are the directories with the most bytes below them, at most n.
func largest(t *znode.Tree, n int) []directory {
	all := make(map[string]*directory)
	for node := range t.All() {
		path := node.Path().String()
		if node.NumChildren() > 0 {
			all[path] = &directory{Path: path}
		}
		for up := path; ; {
			if d := all[up]; d != nil {
				d.Znodes++
				d.Bytes += int64(len(node.Data()))
			}
			if up == "/" {
				break
			}
			if up = up[:strings.LastIndexByte(up, '/')]; up == "" {
				up = "/"
			}
		}
	}
	return mostBytes(all, n)
}

// mostBytes are the n directories with the most bytes, then znodes; of equal ones the first by path.
func mostBytes(all map[string]*directory, n int) []directory {
	out := make([]directory, 0, len(all))
	for _, d := range all {
		out = append(out, *d)
	}
	slices.SortFunc(out, func(a, b directory) int {
		return cmp.Or(cmp.Compare(b.Bytes, a.Bytes), cmp.Compare(b.Znodes, a.Znodes), strings.Compare(a.Path, b.Path))
	})
	return out[:min(n, len(out))]
}
