package httpapi

import (
	"net/http"
	"runtime"
	"strconv"
	"strings"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// Limits of trees that are read.
const (
	// MaxTreeReads bounds the trees that are read at once; more are told to come again. Each holds a state, and with it what has
	// been replaced since.
	MaxTreeReads = 16
	// MinTreeRate is how fast a client must take a tree, in bytes a second on the average, beyond the AnswerTimeout that it has
	// for anything: a state is not held for whoever does not read.
	MinTreeRate = 16 << 10
	// restBytes is after how much of a tree its sender rests, for as long as that took, at most maxRest: reading a tree takes at most
	// half a processor from those who write.
	restBytes = 256 << 10
	maxRest   = 2 * time.Millisecond
	// countBatch is how many znodes are counted before others are let go first.
	countBatch = 4096
)

// treeEnd is the trailer that says how many znodes came: what breaks off has none.
const treeEnd = "Holt-Znodes"

// subtree is what a request for a tree asks for.
type subtree struct {
	depth int // levels below the znode, -1 for all
	data  bool
	count bool
}

// getTree answers GET /v1/tree{path}: a znode and all that is below it, as NDJSON, from one state.
func (a *API) getTree(x *exchange) error {
	want, err := x.subtree()
	if err != nil {
		return err
	}
	path, err := x.znodePath()
	if err != nil {
		return err
	}
	if !x.head && !want.count {
		if err := x.linger(); err != nil {
			return err
		}
		defer a.treeReads.Add(-1)
		if a.treeReads.Add(1) > MaxTreeReads {
			return refuse(wire.Throttled, strconv.Itoa(MaxTreeReads)+" trees are being read already")
		}
	}
	s, err := x.state()
	if err != nil {
		return err
	}
	n := s.Tree.Get(path)
	if n == nil {
		return noNode(path, s.Zxid)
	}
	x.setZxid(s.Zxid)
	if want.count {
		return x.countTree(s.Tree, n, want.depth)
	}
	return x.sendTree(s.Tree, n, want)
}

// subtree reads the parameters.
func (x *exchange) subtree() (want subtree, err error) {
	want.depth = -1
	if v, ok := x.query.get("depth"); ok {
		want.depth, err = strconv.Atoi(v)
		if err != nil || want.depth < 0 || want.depth > znode.MaxPathDepth {
			return want, badArguments("depth is a number from 0 to " + strconv.Itoa(znode.MaxPathDepth) + ", not " + quoted(v))
		}
	}
	if v, ok := x.query.get("include"); ok {
		for what := range strings.SplitSeq(v, ",") {
			switch {
			case what == "acl":
				return want, notYet("include=acl")
			case what == "data" && !want.data:
				want.data = true
			default:
				return want, badArguments("include is data, not " + quoted(v))
			}
		}
	}
	want.count, err = x.query.flag("count")
	if err == nil && want.count && want.data {
		err = badArguments("a count includes no data")
	}
	return want, err
}

// countTree answers with how much there is.
func (x *exchange) countTree(t *znode.Tree, n *znode.Node, depth int) error {
	c := wire.TreeCount{Path: n.Path().String()}
	if n.Path().IsRoot() && depth < 0 {
		c.Descendants, c.Bytes = int64(t.Len()-1), t.Bytes()
		return x.writeValue(http.StatusOK, &c)
	}
	c.Descendants = -1 // itself
	err := eachBelow(t, n, depth, func(n *znode.Node) error {
		c.Descendants++
		c.Bytes += int64(len(n.Data()))
		if c.Descendants%countBatch == 0 {
			runtime.Gosched()
			return x.r.Context().Err()
		}
		return nil
	})
	if err != nil {
		panic(http.ErrAbortHandler) // nobody is there any more
	}
	return x.writeValue(http.StatusOK, &c)
}

// eachBelow calls f for n and what is below it down to a depth, parents first and a znode's descendants right behind it, siblings by
// name. No path is deep enough for the recursion to matter.
func eachBelow(t *znode.Tree, n *znode.Node, depth int, f func(*znode.Node) error) error {
	if err := f(n); err != nil || depth == 0 || n.NumChildren() == 0 {
		return err
	}
	for child := range t.Children(n.Path(), "") {
		if err := eachBelow(t, child, depth-1, f); err != nil {
			return err
		}
	}
	return nil
}

// sendTree answers with the znodes, a line for each.
func (x *exchange) sendTree(t *znode.Tree, n *znode.Node, want subtree) error {
	h := x.Header()
	h["Content-Type"] = typeNDJSON
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	if x.head {
		x.WriteHeader(http.StatusOK)
		return nil
	}
	h["Trailer"] = []string{treeEnd}
	x.WriteHeader(http.StatusOK)
	b := buffers.Get().(*[]byte)
	w := &treeWriter{x: x, b: *b, began: time.Now(), busy: time.Now()}
	defer func() { *b = w.b; giveBack(b) }()
	znodes := 0
	err := eachBelow(t, n, want.depth, func(n *znode.Node) error {
		znodes++
		w.b = appendTreeLine(w.b, n, want.data)
		if len(w.b) < flushBytes {
			return nil
		}
		return w.flush()
	})
	if err == nil {
		err = w.flush()
	}
	if err != nil {
		return err // which cuts the answer off
	}
	h[treeEnd] = []string{strconv.Itoa(znodes)}
	return nil
}

// treeWriter writes a tree in pieces.
type treeWriter struct {
	x     *exchange
	b     []byte // gathered, and not written yet
	began time.Time
	sent  int64 // bytes

	busy   time.Time // since when
	unrest int       // bytes sent since then
}

// flush writes what is gathered, and lets others go first. A client that takes a piece too slowly, or all of them, is cut off.
func (w *treeWriter) flush() error {
	x := w.x
	for b := w.b; len(b) > 0; {
		select {
		case <-x.api.ending:
			return errEnding
		default:
		}
		piece := b[:min(len(b), pieceBytes)]
		w.sent += int64(len(piece))
		whole := w.began.Add(x.api.cfg.AnswerTimeout + time.Duration(float64(w.sent)/MinTreeRate*float64(time.Second)))
		if each := time.Now().Add(x.api.cfg.AnswerTimeout); each.Before(whole) {
			whole = each
		}
		x.setWriteDeadline(whole)
		if _, err := x.ResponseWriter.Write(piece); err != nil {
			return err
		}
		b = b[len(piece):]
	}
	w.unrest += len(w.b)
	w.b = w.b[:0]
	w.rest()
	return nil
}

// rest lets others work.
func (w *treeWriter) rest() {
	if w.unrest < restBytes {
		runtime.Gosched()
		return
	}
	time.Sleep(min(time.Since(w.busy), maxRest))
	w.unrest, w.busy = 0, time.Now()
}

// appendTreeLine is wire.TreeLine, and the end of the line.
func appendTreeLine(b []byte, n *znode.Node, data bool) []byte {
	stat := n.Stat()
	b = appendString(append(b, `{"path":`...), n.Path().String())
	b = append(append(b, `,"mode":"`...), n.Mode().String()...)
	b = appendNumber(append(b, `","ttl_ms":`...), uint64(n.TTL()))
	b = appendNumber(append(b, `,"created":`...), n.Created())
	b = appendStat(append(b, `,"stat":`...), &stat)
	if data {
		b = appendValue(append(b, ','), n.Data())
	}
	return append(b, '}', '\n')
}
