package httpapi

import (
	"cmp"
	"strings"
	"time"

	"holt/raftfsm/znode"
)

// dump is the present state on its way to a client: one block a znode, gathered and written now and then.
type dump struct {
	*stream
	tree *znode.Tree
	b    []byte
}

// dump sends the znodes of the stream as they are in now, each once, parents first.
func (s *stream) dump(now *znode.State) error {
	b := buffers.Get().(*[]byte)
	d := &dump{stream: s, tree: now.Tree, b: *b}
	defer func() { *b = d.b; giveBack(b) }()
	f := &s.wish.filter
	for _, p := range f.Paths {
		n := now.Tree.Get(p)
		if n == nil || f.Recursive && s.covered(p) {
			continue
		}
		if err := d.add(n); err != nil {
			return err
		}
	}
	return d.write()
}

// covered says whether a path is below another of the stream's.
func (s *stream) covered(p znode.Path) bool {
	for _, other := range s.wish.filter.Paths {
		if other != p && (other.IsRoot() || strings.HasPrefix(p.String(), other.String()+"/")) {
			return true
		}
	}
	return false
}

// add sends a znode and, in a recursive stream, what is below it. No path is deep enough for the recursion to matter.
func (d *dump) add(n *znode.Node) error {
	if err := d.addOne(n); err != nil {
		return err
	}
	if !d.wish.filter.Recursive || n.NumChildren() == 0 {
		return nil
	}
	for child := range d.tree.Children(n.Path(), "") {
		if err := d.add(child); err != nil {
			return err
		}
	}
	return nil
}

func (d *dump) addOne(n *znode.Node) error {
	if d.wish.data && len(n.Data()) > largeBytes {
		return d.addLarge(n)
	}
	d.b = appendState(d.b, n, d.wish.data)
	if len(d.b) < flushBytes {
		return nil
	}
	return d.write()
}

// addLarge is addOne for data that has to wait for room.
func (d *dump) addLarge(n *znode.Node) error {
	if err := cmp.Or(d.write(), d.mayGoOn()); err != nil {
		return err
	}
	size := valueBytes(n.Data()) + len(n.Path().String()) + stateBytes
	room := &d.x.api.streaming.data
	place := room.ask(MaxStreamBytes, size, nil)
	defer room.giveBack(MaxStreamBytes, place)
	if err := d.await(place.granted, "waiting for room for data"); err != nil {
		return err
	}
	return d.stream.write(appendState(make([]byte, 0, size), n, true))
}

// stateBytes is about what a state has besides path and data.
const stateBytes = 400

// mayGoOn ends a dump with the stream: a client that takes little at a time must not keep its turn for longer than that, nor
// hold up a member that stops.
func (d *dump) mayGoOn() error {
	if d.ending() || !time.Now().Before(d.dies) {
		return errEnding
	}
	return nil
}

// write writes what is gathered.
func (d *dump) write() error {
	if len(d.b) == 0 {
		return nil
	}
	if err := d.mayGoOn(); err != nil {
		return err
	}
	err := d.stream.write(d.b)
	d.b = d.b[:0]
	return err
}
