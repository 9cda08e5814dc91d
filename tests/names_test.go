package tests

import (
	"fmt"
	"net"
	"strings"
	"testing"

	"holt/httpapi/client"
)

// Members are known to each other by host names, which are looked up at each connection; what a member listens on is
// its own business.
func TestMembersAreKnownByHostName(t *testing.T) {
	c := bin.NewCluster(t, 3, nil)
	var list []string
	for _, m := range c.Members {
		l, err := net.Listen("tcp", "127.0.0.1:0")
		if err != nil {
			t.Fatal(err)
		}
		addr := l.Addr().(*net.TCPAddr)
		if err := l.Close(); err != nil {
			t.Fatal(err)
		}
		m.Env["HOLT_RAFT_ADDR"] = fmt.Sprintf("0.0.0.0:%d", addr.Port)
		list = append(list, fmt.Sprintf("%s=localhost:%d=%s", m.Name, addr.Port, m.URL))
	}
	for _, m := range c.Members {
		m.Env["HOLT_CLUSTER"] = strings.Join(list, ",")
	}
	c.Start()
	for i, m := range c.Members {
		if _, err := c.Client(i).Put(t.Context(), "/by-"+m.Name, []byte("x"), client.CreateOnly()); err != nil {
			t.Errorf("through member %s: %v", m.Name, err)
		}
	}
	follower := c.Followers()[0]
	follower.Kill()
	follower.Start().Ready()
	c.Equal()
}
