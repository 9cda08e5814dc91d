package main

import (
	"errors"
	"fmt"
	"net"
	"net/url"
	"strings"
	"unicode"

	"holt/raftfsm"
)

// checkAddr refuses what is not host:port, or has a port there cannot be.
func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil || blank(addr) {
		return fmt.Errorf("%q is not host:port", addr)
	}
	return nil
}

// blank says whether there is a space or a control character in s, which no name and no address has.
func blank(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return unicode.IsSpace(r) || unicode.IsControl(r) })
}

// checkHost refuses what is not the name of a host; * is all of them.
func checkHost(host string) error {
	u, err := url.Parse("http://" + host)
	if host != "*" && (err != nil || u.Hostname() == "" || u.Host != host || blank(host)) {
		return fmt.Errorf("%q is not the name of a host", host)
	}
	return nil
}

func checkURL(s string) error {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" || blank(s) {
		return fmt.Errorf("%q is not an http URL", s)
	}
	return nil
}

// checkFree says whether this member can listen where it is to. It is asked before the first start makes a folder, which
// would keep the name and the list of a start that came to nothing.
func (c ServeConfig) checkFree() error {
	for _, a := range []struct{ name, addr string }{{"HOLT_HTTP_ADDR", c.HTTPAddr}, {"HOLT_RAFT_ADDR", c.RaftAddr}} {
		l, err := net.Listen("tcp", a.addr)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// loopback says whether no other machine can be a member.
func (c ServeConfig) loopback() bool {
	addrs := []string{c.RaftAddr}
	ms, err := c.members("")
	if err != nil {
		return true // said elsewhere
	}
	for _, m := range ms {
		addrs = append(addrs, m.RaftAddr)
	}
	for _, a := range addrs {
		if !isLoopback(a) {
			return false
		}
	}
	return true
}

// isLoopback says whether an address is one of this machine alone. What is no address is not judged here.
func isLoopback(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return true // said elsewhere
	}
	ip := net.ParseIP(host)
	return host == "localhost" || ip != nil && ip.IsLoopback()
}

// members is the list HOLT_CLUSTER gives, or the member of this name alone.
func (c ServeConfig) members(name string) ([]raftfsm.Member, error) {
	if c.Cluster == "" {
		return []raftfsm.Member{c.joiner(name)}, nil
	}
	var ms []raftfsm.Member
	for _, part := range strings.Split(c.Cluster, ",") {
		f := strings.SplitN(strings.TrimSpace(part), "=", 3)
		if len(f) != 3 {
			return nil, fmt.Errorf("HOLT_CLUSTER: %q is not name=raft_addr=url", part)
		}
		if err := errors.Join(checkAddr(f[1]), checkURL(f[2])); err != nil {
			return nil, fmt.Errorf("HOLT_CLUSTER: %w", err)
		}
		ms = append(ms, raftfsm.Member{Name: f[0], RaftAddr: f[1], URL: f[2]})
	}
	if err := raftfsm.ValidateMembers(ms); err != nil {
		return nil, fmt.Errorf("HOLT_CLUSTER: %w", err)
	}
	return ms, nil
}

// or is s, or other where s is empty.
func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// self finds the member of this name among those the cluster started from, and holds its addresses against what is
// configured: what the others dial is in their list and cannot be another here.
func (c ServeConfig) self(name string, ms []raftfsm.Member) (raftfsm.Member, error) {
	for _, m := range ms {
		if m.Name != name {
			continue
		}
		if c.RaftAdvertise != "" && c.RaftAdvertise != m.RaftAddr {
			return m, fmt.Errorf("HOLT_RAFT_ADVERTISE is %s, but the cluster knows member %q by %s", c.RaftAdvertise, name, m.RaftAddr)
		}
		host, _, _ := net.SplitHostPort(m.RaftAddr)
		if ip := net.ParseIP(host); len(ms) > 1 && (host == "" || ip != nil && ip.IsUnspecified()) {
			return m, fmt.Errorf("member %q: no other member can reach %s; give HOLT_CLUSTER an address they can", name, m.RaftAddr)
		}
		return m, nil
	}
	return raftfsm.Member{}, fmt.Errorf("member %q (HOLT_NAME) is not in the list of members it starts from (HOLT_CLUSTER)", name)
}

// later is this member on any start, once it has a folder: where it is may have changed since the first one, and the cluster is told.
func (c ServeConfig) later(f *raftfsm.Folder) (raftfsm.Member, error) {
	self := c.joiner(f.Name)
	if f.Joined || c.RaftAdvertise != "" {
		return self, nil
	}
	return c.self(f.Name, f.Members)
}
