package main

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"

	"holt/httpapi/client"
)

type exportCmd struct {
	clientFlags
	readFlags
	sessionFlags
	Path   string `arg:"" default:"/" help:"The znode that is exported with all below it (/ by default)."`
	Output string `short:"o" placeholder:"FILE" help:"Where to (standard output by default). The file is there when it is whole, not before; only its owner can read it."`
	NoData bool   `help:"Without the data: for looking and comparing, not for import."`
	Depth  *int   `placeholder:"N" help:"Only so many levels below the znode."`
}

// Help is the end of the help text.
func (cmd *exportCmd) Help() string {
	return `A line of JSON for each znode, parents first, all as they were at one zxid: what holt import reads. How many there were, how
many bytes were written, and the zxid are said on standard error (as JSON with --json). On standard output an export that broke
off looks like one that did not, but for the exit code.`
}

// exported says what an export was, for --json.
type exported struct {
	Path   string `json:"path"`
	Zxid   uint64 `json:"zxid"`
	Znodes int64  `json:"znodes"`
	Bytes  int64  `json:"bytes"` // written
}

// Run exports.
func (cmd *exportCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	if cmd.Depth != nil && *cmd.Depth < 0 {
		return usagef("--depth is a number from 0")
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	tree, err := cmd.as(c).Tree(ctx, cmd.Path, client.TreeQuery{Depth: cmd.Depth, WithData: !cmd.NoData, Consistency: cmd.Consistency})
	if err != nil {
		return err
	}
	defer tree.Close()
	done := exported{Path: cmd.Path, Zxid: tree.Zxid}
	write := func(w io.Writer) error {
		for {
			line, err := tree.Next()
			if err == io.EOF {
				done.Znodes = tree.Lines()
				return nil
			}
			if err != nil {
				return err
			}
			n, err := w.Write(line)
			if err == nil {
				_, err = io.WriteString(w, "\n")
			}
			if err != nil {
				return fmt.Errorf("writing the export: %w", err)
			}
			done.Bytes += int64(n) + 1
		}
	}
	if cmd.Output == "" || cmd.Output == "-" {
		err = errors.Join(write(con.out), con.flush())
	} else {
		err = writeWhole(cmd.Output, write)
	}
	switch {
	case err != nil:
		return err
	case cmd.JSON:
		return writeJSON(con.err, done)
	}
	_, err = fmt.Fprintf(con.err, "%d znodes of %s at zxid %d, %d bytes\n", done.Znodes, done.Path, done.Zxid, done.Bytes)
	return err
}

// writeWhole makes a file that is there once it is whole and on the disk. Until then it has another name, and goes if that never is.
func writeWhole(name string, write func(io.Writer) error) (err error) {
	f, err := os.CreateTemp(filepath.Dir(name), "."+filepath.Base(name)+".*")
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			f.Close()
			os.Remove(f.Name())
		}
	}()
	w := bufio.NewWriterSize(f, 256<<10)
	if err := write(w); err != nil {
		return err
	}
	if err := w.Flush(); err != nil {
		return fmt.Errorf("writing the export: %w", err)
	}
	if err := f.Sync(); err != nil {
		return err
	}
	if err := f.Close(); err != nil {
		return err
	}
	return os.Rename(f.Name(), name)
}
