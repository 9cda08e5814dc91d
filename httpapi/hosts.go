package httpapi

import (
	"net/http"
	"net/netip"
	"net/url"
	"strings"
	"sync/atomic"
	"time"
)

// memberHostsAge is for how long the names in the members' URLs are believed before they are read again.
const memberHostsAge = time.Second

// hostList is the names a request may be for.
type hostList struct {
	names   map[string]bool // in lower case, without port
	any     bool
	cluster Cluster
	members atomic.Pointer[memberHosts] // nil before the first request for a name that is not in names
}

// memberHosts are the names in the members' URLs as they once were.
type memberHosts struct {
	names map[string]bool
	read  time.Time
}

// fill makes it the list of those allowed by the configuration; the names of members come from the cluster.
func (l *hostList) fill(allowed []string, cluster Cluster) {
	l.cluster = cluster
	l.names = map[string]bool{"localhost": true, "127.0.0.1": true, "[::1]": true}
	for _, host := range allowed {
		l.names[hostName(host)] = true
		l.any = l.any || host == "*"
	}
}

// allows says whether r was meant for this server. A name that only somebody else's DNS gives to this address was not:
// that is how a web page reaches servers its visitor can reach (DNS rebinding). Browsers always send a name.
func (l *hostList) allows(r *http.Request) bool {
	if l.any || r.Host == "" || l.names[r.Host] {
		return true
	}
	name := r.Host
	if i := strings.LastIndexByte(name, ':'); i > 0 && l.names[name[:i]] {
		return true
	}
	if name = hostName(name); l.names[name] {
		return true
	}
	ip, err := netip.ParseAddr(strings.Trim(name, "[]"))
	if err == nil && (ip.IsLoopback() || ip == localAddr(r)) {
		return true
	}
	return l.ofMember(name)
}

// ofMember says whether name is in the URL of a member, of which some may have joined a moment ago.
func (l *hostList) ofMember(name string) bool {
	m := l.members.Load()
	if m == nil || time.Since(m.read) >= memberHostsAge {
		m = &memberHosts{names: map[string]bool{}, read: time.Now()}
		for _, member := range l.cluster.Status().Members {
			if u, err := url.Parse(member.URL); err == nil && u.Hostname() != "" {
				m.names[hostName(u.Host)] = true
			}
		}
		l.members.Store(m)
	}
	return m.names[name]
}

// localAddr is the address r came in at.
func localAddr(r *http.Request) netip.Addr {
	if addr, ok := r.Context().Value(http.LocalAddrContextKey).(interface{ AddrPort() netip.AddrPort }); ok {
		return addr.AddrPort().Addr().Unmap()
	}
	return netip.Addr{}
}

// hostName is a host without its port and final dot, in lower case.
func hostName(host string) string {
	if i := strings.LastIndexByte(host, ':'); i >= 0 && i > strings.LastIndexByte(host, ']') {
		host = host[:i]
	}
	return strings.ToLower(strings.TrimSuffix(host, "."))
}
