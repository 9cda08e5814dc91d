package main

import (
	"errors"
	"fmt"
	"net"
	"os/signal"
	"strings"
	"syscall"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm"
)

const (
	// joinPause is between two tries to reach the cluster to join, and joinSaid between two lines of the log about it: all of it may be
	// starting at once.
	joinPause = time.Second
	joinSaid  = 10 * time.Second
	// joinAsk bounds one try.
	joinAsk = 5 * time.Second
)

// joiner is this member as the cluster it joins is to know it.
func (c ServeConfig) joiner(name string) raftfsm.Member {
	return raftfsm.Member{Name: name, RaftAddr: or(c.RaftAdvertise, c.RaftAddr), URL: or(c.URL, "http://"+c.HTTPAddr)}
}

// checkJoin says what is wrong with the variables of a member that joins.
func (c ServeConfig) checkJoin() error {
	if len(c.Join) == 0 {
		if !c.Voter {
			return errors.New("HOLT_VOTER=false is for a member that joins: give HOLT_JOIN, too")
		}
		return nil
	}
	if c.Cluster != "" {
		return errors.New("HOLT_JOIN and HOLT_CLUSTER are both set: a member either joins a cluster or begins one with the others of the list")
	}
	if err := (client.Config{Endpoints: c.Join}).Validate(); err != nil {
		return fmt.Errorf("HOLT_JOIN: %w", err)
	}
	self := c.joiner(c.Name)
	if unspecified(self.RaftAddr) {
		return fmt.Errorf("HOLT_RAFT_ADVERTISE is required: no other member can reach %s", self.RaftAddr)
	}
	if _, host, ok := strings.Cut(self.URL, "://"); ok && unspecified(host) {
		return fmt.Errorf("HOLT_URL is required: no client can reach %s", self.URL)
	}
	return nil
}

// unspecified says whether an address names no machine: it is only good to listen at.
func unspecified(addr string) bool {
	host, _, err := net.SplitHostPort(addr)
	if err != nil {
		return false // said elsewhere, or without a port
	}
	ip := net.ParseIP(host)
	return host == "" || ip != nil && ip.IsUnspecified()
}

// learn asks the cluster to join who is in it, until it answers or the process is to end.
func (m *member) learn(name string) (*raftfsm.Join, error) {
	ctx, stop := signal.NotifyContext(m.ctx, syscall.SIGTERM, syscall.SIGINT)
	defer stop()
	c, err := client.New(client.Config{Endpoints: m.cfg.Join, Timeout: joinAsk})
	if err != nil {
		return nil, usageError{fmt.Errorf("HOLT_JOIN: %w", err)}
	}
	defer c.Close()
	again := time.NewTicker(joinPause)
	defer again.Stop()
	var said time.Time
	for {
		cl, err := c.Cluster(ctx)
		if err == nil {
			m.log.Info("joining", "name", name, "cluster", cl.ClusterID, "members", len(cl.Members), "of", cl.Name)
			return joinOf(cl, m.cfg.PeerSecret == "")
		}
		if time.Since(said) >= joinSaid {
			said = time.Now()
			m.log.Warn("the cluster to join does not answer yet", "join", strings.Join(m.cfg.Join, ","), "error", err)
		}
		select {
		case <-again.C:
		case <-ctx.Done():
			return nil, fmt.Errorf("asked to stop before the cluster to join (HOLT_JOIN) answered: %w", ctx.Err())
		}
	}
}

// joinOf is the cluster as one that answered knows it.
func joinOf(cl *wire.Cluster, secretless bool) (*raftfsm.Join, error) {
	j := &raftfsm.Join{Cluster: cl.ClusterID}
	if cl.ClusterID == "" {
		return nil, fmt.Errorf("HOLT_JOIN: member %s does not tell the id of its cluster: it is too old to be joined", cl.Name)
	}
	for _, m := range cl.Members {
		if secretless && !isLoopback(m.RaftAddr) {
			return nil, usageError{fmt.Errorf("HOLT_PEER_SECRET is required: member %s is on another machine, at %s", m.ID, m.RaftAddr)}
		}
		j.Members = append(j.Members, raftfsm.MemberStatus{
			Member: raftfsm.Member{Name: m.ID, RaftAddr: m.RaftAddr, URL: m.URL}, Voter: m.Voter, Observer: m.Observer,
		})
	}
	return j, nil
}
