package client

import (
	"bufio"
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"holt/httpapi/wire"
)

const (
	treePrefix = "/v1/tree"
	// treeEnd is the trailer that says how many znodes were told.
	treeEnd = "Holt-Znodes"
	ndjson  = "application/x-ndjson"
	// MaxTreeLine bounds a line of a tree, in bytes.
	MaxTreeLine = 8 << 20
	// treeSilence is how long a member may neither take nor give a part of a tree: longer than it waits itself, for a leader or for us.
	treeSilence = 90 * time.Second
)

// errNotWhole is a tree that ended too early, in a way that looks like an end.
var errNotWhole = errors.New("the tree is not whole")

// TreeQuery says what of a tree is wanted.
type TreeQuery struct {
	Depth       *int // levels below the znode; nil: all
	WithData    bool
	Consistency Consistency
}

// TreeNode is a znode of a tree.
type TreeNode struct {
	Path    string
	Mode    Mode
	TTL     time.Duration // 0 where there is none
	Created uint64        // children ever created below it, which is what sequential names are made from
	Stat    *wire.Stat    // nil where the line has none
	Data    []byte        // nil where the line has none; never nil for data that is empty
}

// ParseTreeLine reads a line of a tree.
func ParseTreeLine(line []byte) (*TreeNode, error) {
	var in wire.TreeLine
	if err := json.Unmarshal(line, &in); err != nil {
		return nil, err
	}
	if in.Path == "" || in.Path[0] != '/' {
		return nil, fmt.Errorf("path %q does not begin with /", in.Path)
	}
	n := &TreeNode{Path: in.Path, Mode: Mode(in.Mode), TTL: time.Duration(in.TTLMs) * time.Millisecond, Created: in.Created, Stat: in.Stat}
	if in.Data == nil {
		return n, nil
	}
	if in.Encoding == "" {
		in.Encoding = wire.UTF8
	}
	data, err := Decode(*in.Data, in.Encoding)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", in.Path, err)
	}
	if n.Data = data; data == nil {
		n.Data = []byte{}
	}
	return n, nil
}

// TreeLines takes what a tree is written in apart into lines. It is for one goroutine.
type TreeLines struct {
	r    *bufio.Reader
	long []byte
	n    int64
}

// NewTreeLines reads lines from r.
func NewTreeLines(r io.Reader) *TreeLines { return &TreeLines{r: bufio.NewReaderSize(r, 64<<10)} }

// Next is the next line that is not blank, without its end, valid until the next call; io.EOF behind the last.
func (t *TreeLines) Next() ([]byte, error) {
	for {
		line, err := t.r.ReadSlice('\n')
		if err == bufio.ErrBufferFull {
			t.long = append(t.long[:0], line...)
			for err == bufio.ErrBufferFull && len(t.long) <= MaxTreeLine {
				line, err = t.r.ReadSlice('\n')
				t.long = append(t.long, line...)
			}
			line = t.long
		}
		if err == bufio.ErrBufferFull {
			return nil, fmt.Errorf("a line has more than %d bytes", MaxTreeLine)
		}
		if err != nil && err != io.EOF {
			return nil, err // what came of a line is none
		}
		if line = bytes.TrimSpace(line); len(line) > 0 {
			t.n++
			return line, nil
		}
		if err != nil {
			return nil, err
		}
	}
}

// Lines is how many there were so far.
func (t *TreeLines) Lines() int64 { return t.n }

// Tree is a znode and all below it, all of one state, on its way from a member. Close it.
type Tree struct {
	*TreeLines
	Zxid uint64 // of the state

	q      *call
	a      *answer
	closed bool
}

// Tree reads the tree at path: parents first, a znode's descendants right behind it, siblings by name. NoNode if there is no
// such znode. ctx bounds all of it, the Client's timeout only its beginning.
func (c *Client) Tree(ctx context.Context, path string, want TreeQuery) (*Tree, error) {
	q := &call{method: http.MethodGet, prefix: treePrefix, path: path, query: want.values(), stream: true}
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return &Tree{TreeLines: NewTreeLines(&impatient{r: a.stream, silence: treeSilence}), Zxid: a.zxid, q: q, a: a}, nil
}

func (want TreeQuery) values() url.Values {
	v := url.Values{}
	if q := want.Consistency.query(); q != nil {
		v = q
	}
	if want.Depth != nil {
		v.Set("depth", strconv.Itoa(*want.Depth))
	}
	if want.WithData {
		v.Set("include", "data")
	}
	return v
}

// Next is the next line, valid until the next call. io.EOF comes behind the last one of a tree that is whole, any other error
// where it is not.
func (t *Tree) Next() ([]byte, error) {
	line, err := t.TreeLines.Next()
	if err == nil {
		return line, nil
	}
	if err == io.EOF {
		if t.a.trailer.Get(treeEnd) == strconv.FormatInt(t.Lines(), 10) {
			return nil, io.EOF
		}
		err = errNotWhole
	}
	return nil, broken(t.q, t.a.endpoint, false, fmt.Errorf("broken off behind line %d: %w", t.Lines(), err))
}

// Close ends it.
func (t *Tree) Close() error {
	if t.closed {
		return nil
	}
	t.closed = true
	return t.a.stream.Close()
}

// TreeCount is how much there is at and below a znode.
type TreeCount struct {
	Descendants int64 // the znode itself is none
	Bytes       int64 // of data, the znode's own too
	Zxid        uint64
}

// CountTree counts. NoNode if there is no such znode.
func (c *Client) CountTree(ctx context.Context, path string, how Consistency) (*TreeCount, error) {
	v := url.Values{"count": {"true"}}
	if how.query() != nil {
		v.Set("consistency", string(how))
	}
	q := &call{method: http.MethodGet, prefix: treePrefix, path: path, query: v, limit: MaxJSONAnswer}
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	var in wire.TreeCount
	if err := a.decode(q, &in); err != nil {
		return nil, err
	}
	return &TreeCount{Descendants: in.Descendants, Bytes: in.Bytes, Zxid: a.zxid}, nil
}

// impatient is a body that must not be silent for long. It is closed if it is.
type impatient struct {
	r       io.ReadCloser
	silence time.Duration
}

func (b *impatient) Read(p []byte) (int, error) {
	timer := time.AfterFunc(b.silence, func() { b.r.Close() })
	n, err := b.r.Read(p)
	if !timer.Stop() && err != nil && err != io.EOF {
		err = fmt.Errorf("nothing came for %s: %w", b.silence, err)
	}
	return n, err
}
