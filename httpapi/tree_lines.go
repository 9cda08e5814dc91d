package httpapi

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

const (
	// MaxTreeLineBytes bounds a line of a tree that is loaded: data of which every byte is escaped, the longest path, a stat.
	MaxTreeLineBytes = 8 << 20
	// MinLoadBytes is how much of a tree must come in each BodyTimeout, unless the server was not ready for more: a client that
	// sends a byte now and then would otherwise hold its place for ever.
	MinLoadBytes = 1 << 10
	// lineBuffer is how much of a body is read at once.
	lineBuffer = 64 << 10
)

// errLongLine is a line above its limit.
var errLongLine = errors.New("line too long")

// treeLines takes a body apart into lines.
type treeLines struct {
	r    *bufio.Reader
	long []byte // room for a line that is longer than the reader's buffer
	n    int64  // the number of the last line, from 1
	err  error  // how the body ended, once it has
}

func newTreeLines(r io.Reader) *treeLines { return &treeLines{r: bufio.NewReaderSize(r, lineBuffer)} }

// whole says that the body has not broken off so far: the same body would give the same lines.
func (t *treeLines) whole() bool { return t.err == nil || t.err == io.EOF || t.err == errLongLine }

// next is the next line that is not blank, valid until the one after it; io.EOF behind the last, which need not end with a newline.
// What comes before the body broke off is no line: nobody can say that it was whole.
func (t *treeLines) next() ([]byte, error) {
	for t.err == nil {
		line, err := t.line()
		if err != nil && err != io.EOF {
			t.err = err
			break
		}
		t.err = err
		if line = bytes.TrimSpace(line); len(line) > 0 {
			t.n++
			return line, nil
		}
		if err == nil {
			t.n++
		}
	}
	if t.err != io.EOF {
		t.n++ // the line that could not be had
	}
	return nil, t.err
}

// line is all up to the next newline.
func (t *treeLines) line() ([]byte, error) {
	line, err := t.r.ReadSlice('\n')
	if err != bufio.ErrBufferFull {
		return line, err
	}
	t.long = append(t.long[:0], line...)
	for err == bufio.ErrBufferFull {
		if line, err = t.r.ReadSlice('\n'); len(t.long)+len(line) > MaxTreeLineBytes {
			return nil, errLongLine
		}
		t.long = append(t.long, line...)
	}
	line = t.long
	if cap(t.long) > keptBytes {
		t.long = nil // one large znode among many small ones
	}
	return line, err
}

// patient reads a body that may take long, as long as it gets on: MinLoadBytes within each BodyTimeout.
type patient struct {
	x     *exchange
	until time.Time // the end of this BodyTimeout; zero for one that begins with the next read
	bytes int       // that came in it
}

// again begins another BodyTimeout: what was waited for was not the client.
func (p *patient) again() { p.until = time.Time{} }

func (p *patient) Read(b []byte) (int, error) {
	if p.until.IsZero() || p.bytes >= MinLoadBytes {
		p.until, p.bytes = time.Now().Add(p.x.api.cfg.BodyTimeout), 0
		p.x.setReadDeadline(p.until)
	}
	if p.ending() { // looked at behind the deadline, which readUntilEnding may have set before
		return 0, errEnding
	}
	n, err := p.x.r.Body.Read(b)
	p.bytes += n
	if err != nil && err != io.EOF && p.ending() {
		err = errEnding
	}
	return n, err
}

func (p *patient) ending() bool {
	select {
	case <-p.x.api.ending:
		return true
	default:
		return false
	}
}

// parseTreeLine is a line as a load of the path it names. An ephemeral is no load: it goes with its session, and none comes along.
func (a *API) parseTreeLine(text string) (l treeLine, err error) {
	var in struct {
		wire.TreeLine
		ACL *[]any `json:"acl"`
	}
	if !scanTreeLine(text, &in.TreeLine) {
		in.TreeLine = wire.TreeLine{}
		if err := wire.Decode(text, &in); err != nil {
			return l, badArguments("it is not the JSON that belongs here: " + err.Error())
		}
	}
	if in.ACL != nil {
		return l, notYet("field acl")
	}
	path, err := znode.ParsePath(in.Path)
	if err != nil {
		return l, badPath(in.Path, err)
	}
	mode, ok := znode.ParseMode(in.Mode)
	if !ok || mode.Sequential() {
		return l, badArguments("mode is persistent, ephemeral, container or persistent_with_ttl, not " + quoted(in.Mode))
	}
	if in.Data == nil {
		return l, badArguments("there is no data, which may be empty: export with include=data")
	}
	data, err := decodeData(*in.Data, in.Encoding)
	if err != nil {
		return l, err
	}
	if len(data) > a.cfg.MaxDataBytes {
		return l, tooMany("the data is too large", a.cfg.MaxDataBytes, int64(len(data)))
	}
	l.path, l.ephemeral, l.created = path, mode.Ephemeral(), in.Created
	if l.ephemeral {
		return l, nil
	}
	l.op = znode.LoadOp(path, data, mode, in.TTLMs, false)
	raise := znode.RaiseOp(path, in.Created)
	if err := errors.Join(l.op.Validate(), raise.Validate()); err != nil {
		return l, badArguments(err.Error())
	}
	return l, nil
}

// treeLine is one znode that is to be loaded.
type treeLine struct {
	path      znode.Path // as the line has it
	op        znode.Op   // of an ephemeral, none
	ephemeral bool
	created   uint64
}
