package zookeeper

import (
	"context"
	"encoding/binary"
	"fmt"
	"hash"
	"hash/fnv"
	"slices"
	"strings"
)

const (
	// maxAhead bounds the answers that are asked for ahead of their turn, all together; with up to 1 MiB of data each.
	maxAhead = 128
	// maxSiblings bounds them among the children of one znode.
	maxSiblings = 16
)

// fetch reads one znode.
type fetch func(ctx context.Context, path string) (*seen, error)

// answer is a znode that was asked for. seen and err are set once done is closed.
type answer struct {
	done chan struct{}
	seen *seen
	err  error
}

// walk reads the subtree at root, and shows the znodes to visit, parents first, siblings sorted by name. visit says
// whether to go below. It returns when nothing is under way any more.
func (c *client) walk(ctx context.Context, root string, f fetch, visit func(*seen) (bool, error)) error {
	ctx, cancel := context.WithCancel(ctx)
	defer c.asking.Wait()
	defer cancel()
	first, err := f(ctx, root)
	switch {
	case err != nil:
		return err
	case first.gone:
		return fmt.Errorf("there is no znode %s", root)
	}
	return c.below(ctx, first, f, visit)
}

// below visits s and then its children.
func (c *client) below(ctx context.Context, s *seen, f fetch, visit func(*seen) (bool, error)) error {
	if in, err := visit(s); err != nil || !in {
		return err
	}
	slices.Sort(s.names)
	prefix := strings.TrimSuffix(s.path, "/") + "/"
	ahead := make([]*answer, 0, maxSiblings) // of the names from the i-th on
	for i, name := range s.names {
		for len(ahead) < min(maxSiblings, len(s.names)-i) {
			a := c.askAhead(ctx, prefix+s.names[i+len(ahead)], f)
			if a == nil {
				break
			}
			ahead = append(ahead, a)
		}
		child, err := (*seen)(nil), error(nil)
		if len(ahead) > 0 {
			child, err = c.take(ahead[0])
			ahead = append(ahead[:0], ahead[1:]...)
		} else {
			child, err = f(ctx, prefix+name)
		}
		if err != nil {
			return err
		}
		if child.gone {
			continue
		}
		if err := c.below(ctx, child, f, visit); err != nil {
			return err
		}
	}
	return nil
}

// askAhead asks for a znode whose turn comes later; nil if too many are asked for already.
func (c *client) askAhead(ctx context.Context, path string, f fetch) *answer {
	select {
	case c.slots <- struct{}{}:
	default:
		return nil
	}
	a := &answer{done: make(chan struct{})}
	c.asking.Go(func() {
		defer close(a.done)
		a.seen, a.err = f(ctx, path)
	})
	return a
}

// take waits for what was asked for.
func (c *client) take(a *answer) (*seen, error) {
	<-a.done
	<-c.slots
	return a.seen, a.err
}

// fingerprint is what two readings of a tree are compared by: the znodes and all that changes with them, in order.
type fingerprint struct {
	sum    hash.Hash
	newest uint64 // the newest zxid that a znode names
}

func newFingerprint() *fingerprint { return &fingerprint{sum: fnv.New128a()} }

func (p *fingerprint) add(s *seen) {
	b := binary.AppendUvarint(nil, uint64(len(s.path)))
	b = append(b, s.path...)
	for _, v := range []int64{s.stat.Czxid, s.stat.Mzxid, s.stat.Pzxid, int64(s.stat.Aversion), s.created} {
		b = binary.BigEndian.AppendUint64(b, uint64(v))
	}
	p.sum.Write(b)
	p.newest = max(p.newest, uint64(s.stat.Czxid), uint64(s.stat.Mzxid), uint64(s.stat.Pzxid))
}

func (p *fingerprint) equal(other *fingerprint) bool {
	return string(p.sum.Sum(nil)) == string(other.sum.Sum(nil))
}
