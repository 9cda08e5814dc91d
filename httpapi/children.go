package httpapi

import (
	"iter"
	"math"
	"net/http"
	"strconv"
	"strings"
	"unicode/utf8"

	"holt/raftfsm/znode"
)

// listing is what a request for children asks for.
type listing struct {
	limit      int // 0 for none
	offset     int // how many to leave out from the front; nothing is asked for after or by prefix then
	after      string
	prefix     string
	stat, data bool // what to include of each child
}

// getChildren answers GET /v1/children{path}, all of it from one state. It is written as it is read from the tree: a
// znode may have more children than fit in memory twice.
func (a *API) getChildren(x *exchange) error {
	l, err := x.listing()
	if err != nil {
		return err
	}
	if l.stat || l.data {
		if _, waits := x.query.get("wait"); waits && len(x.r.Header["If-None-Match"]) > 0 {
			return badArguments("wait with If-None-Match is for the names alone: the tag says nothing of what is in the children")
		}
	}
	n, s, err := x.node(itsChildren)
	if err != nil {
		return err
	}
	stat := n.Stat()
	x.setZxid(s.Zxid)
	if !l.stat && !l.data { // the tag says nothing of what is in the children
		tag, _ := itsChildren.tag(&stat)
		same, err := noneMatch(x.r.Header["If-None-Match"], tag, "")
		if err != nil {
			return err
		}
		x.Header()["Etag"] = []string{`"` + tag + `"`}
		if same {
			return x.notModified()
		}
	}
	path := n.Path()
	offset := l.stand(s.Tree, path, int(stat.NumChildren))
	next := l.next(s.Tree, path)
	if next != "" {
		target := "/v1/children"
		if !path.IsRoot() {
			target += escapePath(path.String())
		}
		x.linkNext(target, next)
	}
	return x.writeChildren(s.Tree, path, &stat, l, next, offset)
}

// listing reads the parameters.
func (x *exchange) listing() (l listing, err error) {
	if l.limit, err = x.limit(0, math.MaxInt); err != nil {
		return l, err
	}
	for name, to := range map[string]*string{"after": &l.after, "prefix": &l.prefix} {
		*to, _ = x.query.get(name)
		if len(*to) > znode.MaxPathBytes || strings.ContainsRune(*to, '/') || !utf8.ValidString(*to) {
			return l, badArguments(name + " is the beginning of a name, without /")
		}
	}
	if v, ok := x.query.get("offset"); ok {
		if l.offset, err = strconv.Atoi(v); err != nil || l.offset < 0 {
			return l, badArguments("offset is a number from 0, not " + quoted(v))
		}
		_, after := x.query.get("after")
		if _, prefix := x.query.get("prefix"); after || prefix {
			return l, badArguments("offset counts all children: it cannot be there with after or prefix")
		}
	}
	if v, ok := x.query.get("include"); ok {
		for what := range strings.SplitSeq(v, ",") {
			switch {
			case what == "stat" && !l.stat:
				l.stat = true
			case what == "data" && !l.data:
				l.data = true
			default:
				return l, badArguments("include is stat, data or stat,data, not " + quoted(v))
			}
		}
	}
	return l, nil
}

// stand finds where the listing begins: how many of the children sort before the first that is asked for. A listing by offset
// goes on as one after a name.
func (l *listing) stand(t *znode.Tree, path znode.Path, children int) int {
	if l.offset == 0 {
		return t.Rank(path, max(l.after, justBefore(l.prefix)))
	}
	at := min(l.offset, children)
	if n := t.Nth(path, at-1); n != nil {
		l.after = n.Name()
	}
	return at
}

// in yields the children that are asked for, however many.
func (l *listing) in(t *znode.Tree, path znode.Path) iter.Seq[*znode.Node] {
	return func(yield func(*znode.Node) bool) {
		for n := range t.Children(path, max(l.after, justBefore(l.prefix))) {
			if !strings.HasPrefix(n.Name(), l.prefix) || !yield(n) {
				return
			}
		}
	}
}

// justBefore is a string less than s and its continuations, and greater than every name less than s: names are UTF-8
// and hold no byte 0xff.
func justBefore(s string) string {
	if s == "" {
		return ""
	}
	last := len(s) - 1
	if s[last] == 0 {
		return s[:last]
	}
	return s[:last] + string([]byte{s[last] - 1, 0xff})
}

// next is the last name of this page if there is another page, else "".
func (l *listing) next(t *znode.Tree, path znode.Path) (last string) {
	if l.limit == 0 {
		return ""
	}
	seen := 0
	for n := range l.in(t, path) {
		if seen++; seen > l.limit {
			return last
		}
		last = n.Name()
	}
	return ""
}

// writeChildren writes wire.Children, or wire.ChildrenWith, in pieces.
func (x *exchange) writeChildren(t *znode.Tree, path znode.Path, stat *znode.Stat, l listing, next string, offset int) error {
	w := x.begin(http.StatusOK)
	defer w.free()
	w.b = appendString(append(w.b, `{"path":`...), path.String())
	w.b = append(w.b, `,"children":[`...)
	written := 0
	for n := range l.in(t, path) {
		if l.limit > 0 && written == l.limit || !w.comma(written) {
			break
		}
		written++
		w.b = l.appendChild(w.b, n)
	}
	w.b = appendStat(append(w.b, `],"stat":`...), stat)
	w.b = appendString(append(w.b, `,"next":`...), next)
	w.b = strconv.AppendInt(append(w.b, `,"offset":`...), int64(offset), 10)
	w.b = append(w.b, '}', '\n')
	return w.end()
}

// appendChild is a name, or wire.Child with what is to be included.
func (l *listing) appendChild(b []byte, n *znode.Node) []byte {
	if !l.stat && !l.data {
		return appendString(b, n.Name())
	}
	b = appendString(append(b, `{"name":`...), n.Name())
	if l.stat {
		stat := n.Stat()
		b = appendStat(append(b, `,"stat":`...), &stat)
	}
	if l.data {
		b = appendValue(append(b, ','), n.Data())
	}
	return append(appendMode(b, n.Mode(), n.TTL()), '}')
}
