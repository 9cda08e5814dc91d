package httpapi

import (
	"bytes"
	"errors"
	"io"
	"os"
	"strconv"
	"sync"
	"time"

	"holt/httpapi/wire"
)

// lineBufferBytes is what a line reader has room for, and goes back to after a longer line.
const lineBufferBytes = 64 << 10

// lineReader cuts a body into lines. A line that is too long it reads over without holding it.
type lineReader struct {
	r      io.Reader
	before func() // called before each Read, which may block
	limit  int    // of a line, in bytes
	skip   int    // of a line that is longer and read over

	buf    []byte
	start  int    // where in buf the line begins
	seen   int    // up to where there is no line break
	number uint64 // of the line that next gave last, or looks for, from 1
	begun  bool   // whether the last Read was in the middle of a line
	err    error  // what Read gave last
}

var (
	errLineTooLong = errors.New("line too long")
	errEndless     = errors.New("line without an end")
)

// next is the next line without its line break, the reader's own until the next call. errLineTooLong stands for a line that is; all
// other errors are the last. What comes before io.EOF is a line, before other errors it is none.
func (l *lineReader) next() ([]byte, error) {
	l.number++
	for {
		if i := bytes.IndexByte(l.buf[l.seen:], '\n'); i >= 0 {
			line := l.buf[l.start : l.seen+i]
			l.start = l.seen + i + 1
			l.seen = l.start
			if len(line) > l.limit {
				return nil, errLineTooLong
			}
			return line, nil
		}
		l.seen = len(l.buf)
		if len(l.buf)-l.start > l.limit {
			return nil, l.over()
		}
		if l.err != nil {
			line := l.buf[l.start:]
			l.start = l.seen
			if l.err == io.EOF && len(line) > 0 {
				return line, nil
			}
			return nil, l.err
		}
		l.fill()
	}
}

// fill reads once, behind the line's beginning.
func (l *lineReader) fill() {
	if l.start > 0 {
		n := copy(l.buf, l.buf[l.start:])
		l.buf, l.start, l.seen = l.buf[:n], 0, n
	}
	switch {
	case cap(l.buf) > lineBufferBytes && len(l.buf) < lineBufferBytes/2:
		l.buf = append(make([]byte, 0, lineBufferBytes), l.buf...)
	case len(l.buf) == cap(l.buf):
		l.buf = append(make([]byte, 0, min(max(2*len(l.buf), lineBufferBytes), l.limit+lineBufferBytes)), l.buf...)
	}
	l.begun = len(l.buf) > 0
	l.before()
	n, err := l.r.Read(l.buf[len(l.buf):cap(l.buf)])
	l.buf, l.err = l.buf[:len(l.buf)+n], err
}

// over reads over the rest of a line that is too long.
func (l *lineReader) over() error {
	for skipped := len(l.buf); ; {
		l.buf, l.start, l.seen = l.buf[:0], 0, 0
		if l.err != nil {
			if l.err == io.EOF {
				return errLineTooLong
			}
			return l.err
		}
		l.begun = true
		l.before()
		var n int
		n, l.err = l.r.Read(l.buf[:cap(l.buf)])
		l.buf = l.buf[:n]
		if i := bytes.IndexByte(l.buf, '\n'); i >= 0 {
			l.start, l.seen = i+1, i+1
			return errLineTooLong
		}
		if skipped += n; skipped > l.skip {
			return errEndless
		}
	}
}

// discard reads on, as far as the limit or the deadline, and throws it away.
func (l *lineReader) discard(limit int) {
	if cap(l.buf) == 0 {
		l.buf = make([]byte, 0, lineBufferBytes)
	}
	for read := 0; l.err == nil && read < limit; {
		var n int
		n, l.err = l.r.Read(l.buf[:cap(l.buf)])
		read += n
	}
}

// read is the reader: it takes the lines as they come until there are no more.
func (p *pipeline) read() {
	x := p.x
	in := &lineReader{r: x.r.Body, limit: MaxPipelineLineBytes, skip: MaxPipelineSkipBytes}
	in.before = func() {
		p.offer()
		p.deadline.set(in.number, in.begun)
	}
	for {
		line, err := in.next()
		var l pipeLine
		switch {
		case err == nil && blank(line):
			continue
		case err == nil:
			x.parseLine(&l, string(line))
		case errors.Is(err, errLineTooLong):
			l.refused = tooMany("the line has more than "+strconv.Itoa(MaxPipelineLineBytes)+" bytes", MaxPipelineLineBytes, -1)
		default:
			p.finish(p.inputEnd(err, in))
			if errors.Is(err, errEndless) {
				p.deadline.final(time.Now().Add(drainTime))
				in.discard(MaxDrainBytes)
			}
			return
		}
		l.number = in.number
		if !p.add(&l) {
			in.discard(MaxDrainBytes)
			return
		}
	}
}

// inputEnd is why no more lines come, nil if that is their end.
func (p *pipeline) inputEnd(err error, in *lineReader) *problem {
	x := p.x
	switch {
	case err == io.EOF:
		return nil
	case errors.Is(err, errEndless):
		return tooMany("line "+strconv.FormatUint(in.number, 10)+" has no end", MaxPipelineLineBytes, -1)
	case errors.Is(err, os.ErrDeadlineExceeded) && in.begun:
		return badArguments("the rest of line " + strconv.FormatUint(in.number, 10) + " did not arrive within " + x.api.cfg.BodyTimeout.String())
	case errors.Is(err, os.ErrDeadlineExceeded):
		return badArguments("no line came within " + x.api.cfg.PipelineIdle.String())
	default:
		return refuse(wire.BadArguments, "the request broke off: "+err.Error())
	}
}

// blank says whether a line has nothing in it.
func blank(line []byte) bool {
	for _, c := range line {
		if c != ' ' && c != '\t' && c != '\r' {
			return false
		}
	}
	return true
}

// readDeadline is until when the client of a pipeline must send something: the rest of a line soon, another line some time.
type readDeadline struct {
	x *exchange

	mu    sync.Mutex // guards what follows
	line  uint64     // the incomplete line that was waited for last, 0 if there was none
	since time.Time  // when it was first waited for
	fixed time.Time  // not zero: the last of all deadlines
}

// set is before a Read, in the middle of a line or before it.
func (d *readDeadline) set(line uint64, begun bool) {
	d.mu.Lock()
	defer d.mu.Unlock()
	switch now := time.Now(); {
	case !d.fixed.IsZero():
	case !begun:
		d.line = 0
		d.x.setReadDeadline(now.Add(d.x.api.cfg.PipelineIdle))
	case line != d.line:
		d.line, d.since = line, now
		fallthrough
	default:
		d.x.setReadDeadline(d.since.Add(d.x.api.cfg.BodyTimeout))
	}
}

// lift is for while nothing is read: over HTTP/2 a deadline ends the body then, too.
func (d *readDeadline) lift() {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.line = 0
	if d.fixed.IsZero() {
		d.x.setReadDeadline(time.Time{})
	}
}

// final sets the last deadline. The reader may be blocked in a Read.
func (d *readDeadline) final(t time.Time) {
	d.mu.Lock()
	defer d.mu.Unlock()
	if d.fixed.IsZero() || t.Before(d.fixed) {
		d.fixed = t
		d.x.setReadDeadline(t)
	}
}
