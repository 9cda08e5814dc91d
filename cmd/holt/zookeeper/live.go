package zookeeper

import (
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"strings"
	"sync"
	"time"

	"github.com/go-zookeeper/zk"

	"holt/raftfsm/znode"
)

const (
	sessionTimeout = 30 * time.Second
	// connectTime is what Options.Timeout is if it is 0.
	connectTime = 30 * time.Second
	// maxServers bounds the list of addresses.
	maxServers = 64
	// maxAnswer bounds an answer, in bytes: that of a znode with very many children is the longest.
	maxAnswer = 256 << 20
	// attempts is how often a question is asked when the connection breaks.
	attempts = 5
)

// parseEnsemble divides host:port[,host:port...][/path]; the path is "/" if there is none.
func parseEnsemble(source string) (servers []string, root string, err error) {
	list, root := source, "/"
	if i := strings.IndexByte(source, '/'); i >= 0 {
		list, root = source[:i], source[i:]
	}
	servers = strings.Split(list, ",")
	if len(servers) > maxServers {
		return nil, "", fmt.Errorf("%d servers, and %d is the limit", len(servers), maxServers)
	}
	for _, s := range servers {
		host, port, err := net.SplitHostPort(s)
		if err != nil || host == "" || port == "" {
			return nil, "", fmt.Errorf("%q is not host:port", s)
		}
	}
	if root != "/" {
		root = strings.TrimSuffix(root, "/")
	}
	if root != "/" {
		// A path that is holt's own may well be a chroot.
		if _, err := znode.ParsePath("/x" + root); err != nil {
			return nil, "", err
		}
	}
	if root == systemPath || strings.HasPrefix(root, systemPath+"/") {
		return nil, "", fmt.Errorf("%s is ZooKeeper's own: nothing of it is moved", root)
	}
	return servers, root, nil
}

// readLive reads a subtree twice: first what everything is like, then the data. If nothing changed in between, the
// second reading is the state at the time between the two.
func readLive(ctx context.Context, servers []string, root string, w io.Writer, opt Options) (*Report, error) {
	c, err := connect(ctx, servers, cmp.Or(opt.Timeout, connectTime))
	if err != nil {
		return nil, err
	}
	defer c.conn.Close()
	stop := context.AfterFunc(ctx, c.conn.Close)
	defer stop()
	report, err := c.move(ctx, root, w, opt)
	if ctx.Err() != nil { // whatever came of it
		return nil, ctx.Err()
	}
	return report, err
}

// move is readLive, connected.
func (c *client) move(ctx context.Context, root string, w io.Writer, opt Options) (*Report, error) {
	// What was written before this is read, also from a server that is behind.
	if err := ask(ctx, root, func() error { _, err := c.conn.Sync(root); return err }); err != nil && !errors.Is(err, zk.ErrNoNode) {
		return nil, err
	}
	survey, before := newMover(io.Discard, root, opt), newFingerprint()
	if err := c.walk(ctx, root, c.look, func(s *seen) (bool, error) { before.add(s); return survey.lookAt(&s.found) }); err != nil {
		return nil, err
	}
	m, after := newMover(w, root, opt), newFingerprint()
	if err := m.settleACLs(survey); err != nil {
		return nil, err
	}
	if err := c.walk(ctx, root, c.read, func(s *seen) (bool, error) { after.add(s); return m.move(&s.found) }); err != nil {
		return nil, err
	}
	c.quotas(ctx, root, m)
	if c.conn.SessionID() != c.session {
		return nil, errors.New("the session ended while the tree was read, so that it may be of several times: read it again")
	}
	var notes notes
	if before.equal(after) {
		notes.add("the ensemble was read live: nothing changed while it was read, so this is one state, of zxid %#x or later", after.newest)
	} else {
		notes.add("WARNING: the tree changed while it was read (newest change %#x before, %#x after), so this is not one state: "+
			"stop the writers and read again, or read a server's data folder", before.newest, after.newest)
	}
	notes.add("a live ensemble does not tell which znodes are containers or have a TTL: they come as persistent ones; a data " +
		"folder or a snapshot does tell")
	return m.finish(after.newest, notes)
}

// client is a connection that the tree is read over.
type client struct {
	conn    *zk.Conn
	session int64
	slots   chan struct{} // taken by what is asked for ahead of its turn
	asking  sync.WaitGroup
}

// silent drops what the library logs: what goes wrong comes back as errors.
type silent struct{}

func (silent) Printf(string, ...any) {}

// connect opens a session, within a time.
func connect(ctx context.Context, servers []string, within time.Duration) (*client, error) {
	conn, events, err := zk.Connect(servers, sessionTimeout, zk.WithLogger(silent{}), zk.WithLogInfo(false), zk.WithMaxBufferSize(maxAnswer))
	if err != nil {
		return nil, err
	}
	deadline := time.NewTimer(within)
	defer deadline.Stop()
	for {
		select {
		case e := <-events:
			if e.State == zk.StateHasSession {
				return &client{conn: conn, session: conn.SessionID(), slots: make(chan struct{}, maxAhead)}, nil
			}
		case <-deadline.C:
			conn.Close()
			return nil, fmt.Errorf("no server of %s gives a session within %v: check that they are ZooKeeper's, and their client port",
				strings.Join(servers, ","), within)
		case <-ctx.Done():
			conn.Close()
			return nil, ctx.Err()
		}
	}
}

// ask asks again when the connection broke. A session that is over is not replaced: another server may be behind what
// was read already.
func ask(ctx context.Context, path string, f func() error) error {
	var err error
	for range attempts {
		if err = f(); ctx.Err() != nil {
			return ctx.Err()
		}
		if !errors.Is(err, zk.ErrConnectionClosed) && !errors.Is(err, zk.ErrNoServer) {
			break
		}
	}
	switch {
	case errors.Is(err, zk.ErrNoAuth):
		return fmt.Errorf("%s may not be read by everyone: read a server's data folder instead", path)
	case err != nil && !errors.Is(err, zk.ErrNoNode):
		return fmt.Errorf("reading %s: %w", path, err)
	}
	return err
}

// seen is a znode at one reading. The names are of its children.
type seen struct {
	found
	gone  bool
	names []string
	stat  zk.Stat
}

func (s *seen) know(stat *zk.Stat) {
	s.stat = *stat
	s.size = int64(stat.DataLength)
	s.created = (int64(stat.Cversion) + int64(stat.NumChildren)) / 2
	if stat.EphemeralOwner != 0 {
		s.kind = ephemeral
	}
}

// look reads everything of a znode but its data.
func (c *client) look(ctx context.Context, path string) (*seen, error) {
	s := &seen{found: found{path: path}}
	err := ask(ctx, path, func() error {
		names, stat, err := c.conn.Children(path)
		if err != nil {
			return err
		}
		list, aclStat, err := c.conn.GetACL(path)
		if err != nil {
			return err
		}
		s.know(stat)
		s.stat.Aversion = aclStat.Aversion
		s.names = names
		ids := make([]identity, len(list))
		for i, a := range list {
			ids[i] = identity{a.Perms, a.Scheme, a.ID}
		}
		s.acl = newACL(ids)
		return nil
	})
	return s.orGone(err)
}

// read reads a znode's data and the names of its children.
func (c *client) read(ctx context.Context, path string) (*seen, error) {
	s := &seen{found: found{path: path}}
	err := ask(ctx, path, func() error {
		data, stat, err := c.conn.Get(path)
		if err != nil {
			return err
		}
		s.know(stat)
		s.data, s.size = data, int64(len(data))
		if stat.NumChildren == 0 {
			return nil
		}
		names, below, err := c.conn.Children(path)
		if err != nil {
			return err
		}
		s.names = names
		s.stat.Pzxid = below.Pzxid
		s.created = (int64(below.Cversion) + int64(below.NumChildren)) / 2
		return nil
	})
	return s.orGone(err)
}

// orGone takes a znode that went while it was read for what it is; its parent's stat tells that something changed.
func (s *seen) orGone(err error) (*seen, error) {
	if errors.Is(err, zk.ErrNoNode) {
		return &seen{found: s.found, gone: true}, nil
	}
	return s, err
}

// quotas notes the quotas on what is moved. Who may not look at them is told so.
func (c *client) quotas(ctx context.Context, root string, m *mover) {
	err := c.walk(ctx, quotaPath, c.look, func(s *seen) (bool, error) {
		path := strings.TrimPrefix(s.path, quotaPath)
		if of, ok := strings.CutSuffix(path, "/"+limitName); ok && within(of, root) {
			m.quota("/" + strings.TrimPrefix(of, "/"))
		}
		return true, nil
	})
	if err != nil {
		(*notes)(&m.report.Notes).add("quotas, which are not moved, could not be listed: %v", err)
	}
}

func within(path, root string) bool {
	return root == "/" || path == root || strings.HasPrefix(path, root+"/")
}
