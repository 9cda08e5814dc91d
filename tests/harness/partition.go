package harness

import (
	"fmt"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"syscall"
	"testing"
)

// Split is a cluster whose members can be kept from hearing each other. Each reaches each other one through a proxy of
// the test, by a host name that means another address to every member. Clients reach all members all the time.
type Split struct {
	*Cluster
	links map[link]*proxy
	hosts map[string]string // the file of host names of each member
}

type link struct{ from, to string }

// NewSplit is NewCluster, but that its members can be kept apart.
func (b *Binary) NewSplit(t testing.TB, n int, more Env) *Split {
	t.Helper()
	requirePrivate(t, syscall.CLONE_NEWNS)
	s := &Split{Cluster: b.NewCluster(t, n, more), links: map[link]*proxy{}, hosts: map[string]string{}}
	var list []string
	for _, to := range s.Members {
		_, port, _ := net.SplitHostPort(to.RaftAddr)
		list = append(list, fmt.Sprintf("%s=%s.test:%s=%s", to.Name, to.Name, port, to.URL))
	}
	for _, from := range s.Members {
		names := "127.0.0.1 localhost\n"
		for _, to := range s.Members {
			host, port, _ := net.SplitHostPort(to.RaftAddr)
			if to != from {
				host = b.takeHost()
				s.links[link{from.Name, to.Name}] = newProxy(t, net.JoinHostPort(host, port), to.RaftAddr)
			}
			names += fmt.Sprintf("%s %s.test\n", host, to.Name)
		}
		file := filepath.Join(t.TempDir(), "hosts")
		if err := os.WriteFile(file, []byte(names), 0o644); err != nil {
			t.Fatal(err)
		}
		s.hosts[from.Name] = file
		from.Env["HOLT_CLUSTER"] = strings.Join(list, ",")
	}
	return s
}

// StartMember starts one member, which knows the others by its own names.
func (s *Split) StartMember(m *Member) *Member {
	s.t.Helper()
	const script = `mount --make-rprivate / && mount --bind "$1" /etc/hosts && exec "$2" serve`
	return m.StartAs(private(syscall.CLONE_NEWNS), "sh", "-c", script, "sh", s.hosts[m.Name], m.bin.Path)
}

// Start starts all members and waits until they are ready.
func (s *Split) Start() *Split {
	s.t.Helper()
	for _, m := range s.Members {
		s.StartMember(m)
	}
	for _, m := range s.Members {
		m.Ready()
	}
	return s
}

// Isolate keeps what m and the others say to each other from arriving, without ending any connection.
func (s *Split) Isolate(m *Member) {
	for l, p := range s.links {
		if l.from == m.Name || l.to == m.Name {
			p.gate.shut()
		}
	}
}

// Heal lets everything through again.
func (s *Split) Heal() {
	for _, p := range s.links {
		p.gate.open()
	}
}

// gate is what bytes go through.
type gate struct {
	mu     sync.Mutex // guards closed
	closed chan struct{}
}

// shut makes pass wait.
func (g *gate) shut() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed == nil {
		g.closed = make(chan struct{})
	}
}

// open ends the waiting.
func (g *gate) open() {
	g.mu.Lock()
	defer g.mu.Unlock()
	if g.closed != nil {
		close(g.closed)
		g.closed = nil
	}
}

// pass waits until the gate is open, and says whether it was.
func (g *gate) pass() (wasOpen bool) {
	wasOpen = true
	for {
		g.mu.Lock()
		closed := g.closed
		g.mu.Unlock()
		if closed == nil {
			return wasOpen
		}
		wasOpen = false
		<-closed
	}
}

// proxy carries connections to one member. It ends with the test.
type proxy struct {
	gate     gate
	to       string
	listener net.Listener
	wg       sync.WaitGroup

	mu    sync.Mutex // guards what follows
	conns map[net.Conn]bool
	over  bool
}

func newProxy(t testing.TB, at, to string) *proxy {
	t.Helper()
	l, err := net.Listen("tcp", at)
	if err != nil {
		t.Fatal(err)
	}
	p := &proxy{to: to, listener: l, conns: map[net.Conn]bool{}}
	p.wg.Go(p.accept)
	t.Cleanup(p.close)
	return p
}

func (p *proxy) close() {
	p.listener.Close()
	p.mu.Lock()
	p.over = true
	for c := range p.conns {
		c.Close()
	}
	p.mu.Unlock()
	p.gate.open()
	p.wg.Wait()
}

// own says whether c may live; it is closed with the proxy.
func (p *proxy) own(c net.Conn) bool {
	p.mu.Lock()
	defer p.mu.Unlock()
	p.conns[c] = !p.over
	if p.over {
		c.Close()
	}
	return !p.over
}

func (p *proxy) disown(c net.Conn) {
	c.Close()
	p.mu.Lock()
	defer p.mu.Unlock()
	delete(p.conns, c)
}

func (p *proxy) accept() {
	for {
		c, err := p.listener.Accept()
		if err != nil {
			return
		}
		p.wg.Go(func() { p.carry(c) })
	}
}

// carry carries one connection. One that is made while the gate is shut is never heard of on the other side.
func (p *proxy) carry(from net.Conn) {
	defer p.disown(from)
	if !p.own(from) || !p.gate.pass() {
		return
	}
	to, err := net.Dial("tcp", p.to)
	if err != nil {
		return
	}
	defer p.disown(to)
	if !p.own(to) {
		return
	}
	var both sync.WaitGroup
	for _, way := range [][2]net.Conn{{from, to}, {to, from}} {
		both.Go(func() { p.copy(way[1], way[0]) })
	}
	both.Wait()
}

// copy carries one direction. Also the end of a connection does not get through a gate that is shut.
func (p *proxy) copy(to, from net.Conn) {
	buf := make([]byte, 32<<10)
	for {
		n, err := from.Read(buf)
		p.gate.pass()
		if _, werr := to.Write(buf[:n]); err != nil || werr != nil {
			break
		}
	}
	to.Close()
	from.Close()
}
