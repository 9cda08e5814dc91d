package httpapi

import (
	"errors"
	"io"
	"mime"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// treeLoad is a tree on its way into the cluster: the goroutine of the request reads lines and gathers a batch while the one before
// it is carried out. What it holds is two batches and a line.
type treeLoad struct {
	x       *exchange
	target  znode.Path // where the first line's znode comes to
	replace bool
	parents bool // whether those of target are made
	key     string

	body  patient
	lines *treeLines

	from  string     // the path of the first line; "" before it
	above []treeDir  // the znodes on the way to the last line, itself included
	batch *treeBatch // being gathered
	under chan batchEnd
	next  int // the number of the next batch
	done  wire.TreeLoaded
	again bool // whether all batches were carried out before, under the same key
}

// treeDir is a znode that further lines may be below of.
type treeDir struct {
	from    string // its path in the lines
	to      znode.Path
	created uint64 // children it had created
	loaded  uint64 // children that were loaded
	skipped bool   // with all below
}

// putTree answers PUT /v1/tree{path}: loads what GET gave, in batches. Each is a transaction; sent again, what is there already is
// the same.
func (a *API) putTree(x *exchange) error {
	l := &treeLoad{x: x, body: patient{x: x}, batch: new(treeBatch), again: true}
	l.done.SkippedPaths = []string{}
	var err error
	if l.target, err = x.znodePath(); err != nil {
		return err
	}
	if l.replace, err = x.query.flag("replace"); err != nil {
		return err
	}
	if l.parents, err = x.query.flag("parents"); err != nil {
		return err
	}
	if err := x.checkLines(); err != nil {
		return err
	}
	if err := x.linger(); err != nil {
		return err
	}
	l.key = x.key
	if err := x.seen(); err != nil {
		return err
	}
	defer x.readUntilEnding()()
	l.lines = newTreeLines(&l.body)
	if err := l.run(); err != nil {
		return l.trouble(err)
	}
	x.setWriteDeadline(time.Now().Add(a.cfg.AnswerTimeout))
	if l.next == 0 {
		x.setOwnZxid()
	} else {
		x.setZxid(znode.Zxid(l.done.Zxid))
	}
	if l.key != "" && l.again && l.next > 0 {
		x.Header()["Idempotent-Replayed"] = replayed
	}
	return x.writeValue(http.StatusOK, &l.done)
}

// checkLines refuses a body that says it is not lines of JSON, as they are.
func (x *exchange) checkLines() error {
	for _, coding := range x.r.Header["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return badArguments("the body must come as it is, not in content coding " + quoted(coding))
		}
	}
	t := x.r.Header.Get("Content-Type")
	if t == "" {
		return nil
	}
	if media, _, err := mime.ParseMediaType(t); err != nil || media != typeNDJSON[0] {
		return badArguments("the body is application/x-ndjson (curl -T FILE), not " + quoted(t))
	}
	return nil
}

// seen waits for the state that the request says it has seen.
func (x *exchange) seen() error {
	asked, err := x.askedZxid()
	if err != nil || asked == 0 {
		return err
	}
	if s, err := x.api.cfg.Reader.State(); err == nil && s.Zxid >= asked {
		return nil
	}
	_, err = x.stateAt(asked)
	return err
}

// readUntilEnding ends the wait for more of the body when the member stops; it gives what ends the watch over it.
func (x *exchange) readUntilEnding() (end func()) {
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		select {
		case <-x.api.ending:
			x.setReadDeadline(time.Now())
		case <-over:
		}
	}()
	return func() { close(over); <-ended }
}

// run reads and loads all lines.
func (l *treeLoad) run() error {
	defer l.abandon()
	for {
		text, err := l.lines.next()
		if err == nil {
			err = l.line(text)
		}
		switch {
		case err == nil:
			continue
		case err == io.EOF && l.from == "":
			return badArguments("the body has no lines")
		case err == io.EOF:
			if err := l.leave(0); err != nil {
				return err
			}
			return l.settle()
		case errors.As(err, new(*batchError)):
			return err
		}
		err = l.lineError(err)
		if l.lines.whole() { // what came before a bad line is loaded, as it would be if the line were the first of another body
			if err := l.settle(); err != nil {
				return err
			}
		}
		return err
	}
}

// line takes a line into the batch.
func (l *treeLoad) line(text []byte) error {
	in, err := l.x.api.parseTreeLine(string(text))
	if err != nil {
		return err
	}
	path := in.path.String()
	if l.from == "" {
		return l.firstLine(in)
	}
	if path == l.from || l.from != "/" && !strings.HasPrefix(path, l.from+"/") {
		return badArguments(path + " is not below " + l.from + ", the path of the first line").about(in.path)
	}
	parent := in.path.Parent().String()
	at := len(l.above) - 1
	for at >= 0 && l.above[at].from != parent {
		at--
	}
	if at < 0 {
		return badArguments("the line of the parent of " + path +
			" is missing, or its lines are not together: parents come first, and all below a znode right behind it").about(in.path)
	}
	if err := l.leave(at + 1); err != nil {
		return err
	}
	to, err := znode.ParsePath(strings.TrimSuffix(l.target.String(), "/") + strings.TrimPrefix(path, strings.TrimSuffix(l.from, "/")))
	if err != nil {
		return badPath(path, err)
	}
	return l.load(in, to, &l.above[at])
}

// firstLine is line for the first, which is at the target wherever it was.
func (l *treeLoad) firstLine(in treeLine) error {
	l.from = in.path.String()
	if !l.target.IsRoot() {
		var ops []znode.Op
		if l.parents {
			for p := l.target.Parent(); !p.IsRoot(); p = p.Parent() {
				ops = append([]znode.Op{znode.LoadOp(p, "", znode.Persistent, 0, false)}, ops...)
			}
		} else {
			ops = append(ops, znode.CheckOp(l.target.Parent()))
		}
		l.batch.ops, l.batch.own = ops, len(ops)
	}
	return l.load(in, l.target, &treeDir{})
}

// load takes a znode into the batch, or notes that it cannot be loaded.
func (l *treeLoad) load(in treeLine, to znode.Path, parent *treeDir) error {
	dir := treeDir{from: in.path.String(), to: to, created: in.created, skipped: in.ephemeral || parent.skipped}
	if dir.skipped {
		l.batch.count(l.lines.n)
		l.batch.skip(to)
	} else {
		parent.loaded++
		op := in.op
		op.Path, op.Replace = to, l.replace
		if err := l.add(op); err != nil {
			return err
		}
		l.batch.count(l.lines.n)
	}
	l.above = append(l.above, dir) // behind the last use of parent, which this may move
	return nil
}

// leave ends the znodes deeper than depth: nothing below them follows. What their sequential children are numbered from goes on from
// where it was.
func (l *treeLoad) leave(depth int) error {
	for i := len(l.above) - 1; i >= depth; i-- {
		if d := &l.above[i]; !d.skipped && d.created > d.loaded {
			if err := l.add(znode.RaiseOp(d.to, d.created)); err != nil {
				return err
			}
		}
		l.above = l.above[:i]
	}
	return nil
}

// lineError says which line an error is about.
func (l *treeLoad) lineError(err error) error {
	line := l.lines.n
	at := "line " + strconv.FormatInt(line, 10) + ": "
	var p *problem
	switch {
	case errors.Is(err, errEnding):
		p = hangUp(refuse(wire.ShuttingDown, "the member is shutting down; send all again to another"))
	case errors.Is(err, errLongLine):
		p = hangUp(tooMany(at+"it has more than "+strconv.Itoa(MaxTreeLineBytes)+" bytes", MaxTreeLineBytes, -1))
	case errors.Is(err, os.ErrDeadlineExceeded):
		p = hangUp(badArguments(at + "too little arrived within " + l.x.api.cfg.BodyTimeout.String()))
	case !l.lines.whole():
		p = hangUp(badArguments(at + "the body broke off: " + err.Error()))
	default:
		p, _ = problemOf(err)
		p.Detail = at + p.Detail
	}
	p.Line = &line
	return p
}

// trouble is the problem of a load that broke off, with what was done before.
func (l *treeLoad) trouble(err error) error {
	x := l.x
	p, _ := problemOf(err)
	if failed := new(batchError); errors.As(err, &failed) {
		p, _ = problemOf(failed.err)
		if p.Line == nil {
			p.Line = &failed.first
		}
	}
	if p.Code == wire.BadArguments && l.done.Lines > 0 || p.Code == wire.TooLarge {
		p.Detail += "; the lines before it are loaded"
	}
	p.Loaded = &l.done
	if !p.zxided && l.done.Zxid > 0 {
		p = p.at(znode.Zxid(l.done.Zxid))
	}
	if !p.hangUp && x.r.ProtoMajor == 1 && l.lines.err == nil {
		// A client that is still sending would not read the answer, and a connection that is closed under it might lose it.
		x.setReadDeadline(time.Now().Add(drainTime))
		if _, err := io.CopyN(io.Discard, x.r.Body, MaxDrainBytes); err != io.EOF {
			p.hangUp = true
		}
	}
	x.setWriteDeadline(time.Now().Add(x.api.cfg.AnswerTimeout))
	return p
}
