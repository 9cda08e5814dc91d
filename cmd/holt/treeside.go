package main

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"

	"holt/httpapi/client"
)

// treeSide is one of two trees that are compared, read from its beginning to its end. Its znodes come in the order of an export, so that
// two sides can be merged without either being held in memory.
type treeSide struct {
	name   string
	next   func() ([]byte, error) // io.EOF behind the last line
	close  func()
	leaves func(*client.TreeNode) bool // what is passed over; nil: nothing

	node *client.TreeNode // where it is; nil behind the last
	root string           // path of the first
	at   string           // path of node below root, "" for the first itself
	line int64
}

// fileSide reads an export: "-" for standard input.
func fileSide(name string, con *console) (*treeSide, error) {
	var in io.ReadCloser
	if name == "-" {
		name, in = "standard input", io.NopCloser(con.in)
	} else {
		f, err := os.Open(name)
		if err != nil {
			return nil, err
		}
		in = f
	}
	s := &treeSide{name: name, next: client.NewTreeLines(in).Next, close: func() { in.Close() }}
	return s, nil
}

// liveSide reads a tree from a cluster. A znode that is not there is a tree without znodes where absent is allowed.
func liveSide(ctx context.Context, c *client.Client, path string, how client.TreeQuery, absent bool) (*treeSide, error) {
	tree, err := c.Tree(ctx, path, how)
	if errors.Is(err, client.NoNode) && absent {
		return &treeSide{name: path, next: func() ([]byte, error) { return nil, io.EOF }, close: func() {}}, nil
	}
	if err != nil {
		return nil, err
	}
	return &treeSide{name: path, next: tree.Next, close: func() { tree.Close() }}, nil
}

// advance goes to the next znode that is not passed over.
func (s *treeSide) advance() error {
	for {
		text, err := s.next()
		if err == io.EOF {
			s.node = nil
			return nil
		}
		var failed *client.Error
		if errors.As(err, &failed) {
			return err
		}
		s.line++
		var n *client.TreeNode
		if err == nil {
			n, err = client.ParseTreeLine(text)
		}
		if err == nil {
			err = s.take(n)
		}
		if err != nil {
			return fmt.Errorf("%s, line %d: %w", s.name, s.line, err)
		}
		if s.leaves == nil || !s.leaves(n) {
			return nil
		}
	}
}

// take makes n the znode where the side is, if that is where one may come.
func (s *treeSide) take(n *client.TreeNode) error {
	if s.line == 1 {
		s.root, s.node, s.at = n.Path, n, ""
		return nil
	}
	below, ok := strings.CutPrefix(n.Path, strings.TrimSuffix(s.root, "/"))
	if !ok || below == "" || below[0] != '/' || below == "/" {
		return fmt.Errorf("%s is not below %s", n.Path, s.root)
	}
	if !treeLess(s.at, below) {
		return fmt.Errorf("%s comes behind %s%s: not in the order of an export", n.Path, strings.TrimSuffix(s.root, "/"), s.at)
	}
	s.node, s.at = n, below
	return nil
}

// treeLess says whether path a comes before b in a tree: parents before what is below them, and that before the next sibling. It is
// the order of bytes if a slash comes before all others.
func treeLess(a, b string) bool {
	for i := range min(len(a), len(b)) {
		if x, y := a[i], b[i]; x != y {
			return y != '/' && (x == '/' || x < y)
		}
	}
	return len(a) < len(b)
}

// treeChange is a way in which two trees differ.
type treeChange struct {
	Change string   `json:"change"` // added, removed or changed; of an import, also kept
	Path   string   `json:"path"`   // as the second tree has it, or would
	What   []string `json:"what"`   // of a change: data, mode, ttl, counter
}

// treeDiff compares two trees.
type treeDiff struct {
	root     string // what the paths of changes begin with, whatever the roots of the sides are; "": that of the second
	data     bool   // whether to compare it
	counters bool
	found    func(treeChange) error

	added, removed, changed, same int64
}

// run compares.
func (d *treeDiff) run(a, b *treeSide) error {
	if err := errors.Join(a.advance(), b.advance()); err != nil {
		return err
	}
	if d.root == "" {
		d.root = cmp.Or(b.root, a.root)
	}
	for a.node != nil || b.node != nil {
		var err error
		switch {
		case b.node == nil, a.node != nil && treeLess(a.at, b.at):
			d.removed++
			err = errors.Join(d.found(treeChange{"removed", d.path(a.at), []string{}}), a.advance())
		case a.node == nil, treeLess(b.at, a.at):
			d.added++
			err = errors.Join(d.found(treeChange{"added", d.path(b.at), []string{}}), b.advance())
		default:
			err = errors.Join(d.both(a, b), a.advance(), b.advance())
		}
		if err != nil {
			return err
		}
	}
	return nil
}

func (d *treeDiff) path(at string) string {
	if at == "" {
		return d.root
	}
	return strings.TrimSuffix(d.root, "/") + at
}

// both compares a znode that both sides have.
func (d *treeDiff) both(a, b *treeSide) error {
	what := []string{}
	if d.data {
		for _, s := range []*treeSide{a, b} {
			if s.node.Data == nil {
				return fmt.Errorf("%s has no data of %s: export with it, or compare with --no-data", s.name, s.node.Path)
			}
		}
		if string(a.node.Data) != string(b.node.Data) {
			what = append(what, "data")
		}
	}
	if a.node.Mode != b.node.Mode {
		what = append(what, "mode")
	}
	if a.node.TTL != b.node.TTL {
		what = append(what, "ttl")
	}
	if d.counters && a.node.Created != b.node.Created {
		what = append(what, "counter")
	}
	if len(what) == 0 {
		d.same++
		return nil
	}
	d.changed++
	return d.found(treeChange{"changed", d.path(b.at), what})
}
