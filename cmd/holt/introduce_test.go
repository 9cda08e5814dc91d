package main

import (
	"context"
	"log/slog"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/raftfsm"
	"holt/raftfsm/command"
)

// known is a node that knows of these members.
type known struct {
	mu      sync.Mutex // guards what follows
	members []raftfsm.MemberStatus
	out     bool
}

func (k *known) Status() raftfsm.Status {
	k.mu.Lock()
	defer k.mu.Unlock()
	return raftfsm.Status{Name: "n2", Members: slices.Clone(k.members)}
}

func (k *known) IsMember() bool {
	k.mu.Lock()
	defer k.mu.Unlock()
	return !k.out && slices.ContainsFunc(k.members, func(m raftfsm.MemberStatus) bool { return m.Name == "n2" })
}

func (k *known) learn(members ...raftfsm.MemberStatus) {
	k.mu.Lock()
	defer k.mu.Unlock()
	k.members = members
}

func n2At(addr string, voter bool) raftfsm.MemberStatus {
	return raftfsm.MemberStatus{Member: raftfsm.Member{Name: "n2", RaftAddr: addr, URL: "http://n2:7070"}, Voter: voter}
}

// One that joins is made a member, over and over until it knows that it is one, and never again after that.
func TestOneThatJoinsIsIntroducedUntilItIsAMember(t *testing.T) {
	s := serve(t)
	node, mark := &known{}, filepath.Join(t.TempDir(), memberMark)
	begin := func() *introduction {
		_, err := os.Stat(mark)
		i := &introduction{node: node, self: n2At("n2:7071", false).Member, voter: true, mark: mark, urls: []string{"", s.URL},
			log: slog.New(slog.DiscardHandler)}
		i.joins.Store(os.IsNotExist(err))
		return i
	}
	s.Node.Fail(apitest.Faults{Change: command.ErrNoLeader})
	asked := 0
	s.Before(func(_ http.ResponseWriter, r *http.Request) {
		if asked++; r.Method != http.MethodPost || r.URL.Path != "/v1/cluster/members" {
			t.Errorf("%s %s", r.Method, r.URL)
		}
		switch asked {
		case 2:
			s.Node.Fail(apitest.Faults{})
		case 3: // it was made one, and its log has not told it yet: its history was without it
			node.learn(raftfsm.MemberStatus{Member: raftfsm.Member{Name: "n1"}})
		case 4:
			node.learn(raftfsm.MemberStatus{Member: raftfsm.Member{Name: "n1"}}, n2At("n2:7071", false))
		}
	})
	i := begin()
	if ok, detail := i.state(); ok || !strings.Contains(detail, "joining") {
		t.Errorf("%v, %s", ok, detail)
	}
	i.run(t.Context())
	if ok, _ := i.state(); !ok || asked != 4 {
		t.Errorf("member: %v, asked %d times", ok, asked)
	}
	st := s.Node.Status()
	if want := (httpapi.Member{ID: "n2", RaftAddr: "n2:7071", URL: "http://n2:7070", Voter: true}); !slices.Contains(st.Members, want) {
		t.Errorf("the members are %+v", st.Members)
	}
	begin().run(t.Context()) // a restart
	node.learn()             // removed
	i = begin()
	i.run(t.Context())
	if ok, detail := i.state(); ok || !strings.Contains(detail, "removed") {
		t.Errorf("%v, %s", ok, detail)
	}
	if asked != 4 {
		t.Errorf("asked again, %d times in all", asked)
	}
}

// A member that has moved tells that once; whatever an operator says afterwards stays.
func TestOneThatHasMovedTellsItsNewAddress(t *testing.T) {
	for _, voter := range []bool{true, false} {
		s := serve(t)
		observer := n2At("old:7071", voter)
		observer.Observer = !voter
		node := &known{members: []raftfsm.MemberStatus{observer, {Member: raftfsm.Member{Name: "n1", URL: s.URL}}}}
		s.Before(func(http.ResponseWriter, *http.Request) { node.learn(n2At("new:7071", voter)) })
		i := &introduction{node: node, self: raftfsm.Member{Name: "n2", RaftAddr: "new:7071"}, log: slog.New(slog.DiscardHandler)}
		i.run(t.Context())
		want := httpapi.Member{ID: "n2", RaftAddr: "new:7071", URL: "http://n2:7070", Voter: voter, Observer: !voter}
		if st := s.Node.Status(); !slices.Contains(st.Members, want) {
			t.Errorf("the members are %+v, want %+v", st.Members, want)
		}
	}
}

func TestOneThatIsAloneTellsItself(t *testing.T) {
	s := serve(t)
	node := &known{members: []raftfsm.MemberStatus{n2At("127.0.0.1:7071", true)}}
	s.Before(func(http.ResponseWriter, *http.Request) { node.learn(n2At("n2:7071", true)) })
	i := &introduction{node: node, self: raftfsm.Member{Name: "n2", RaftAddr: "n2:7071"}, own: s.URL, log: slog.New(slog.DiscardHandler)}
	i.run(t.Context())
	if n := len(s.Requests()); n != 1 {
		t.Errorf("%d requests", n)
	}
}

// Why it does not come about is shown where an operator looks, and it can be stopped while it is tried.
func TestAnIntroductionThatIsRefusedSaysWhy(t *testing.T) {
	s := serve(t)
	s.Node.Fail(apitest.Faults{Change: command.Refuse(command.ChangeInvalid, "there are 63 members already")})
	ctx, cancel := context.WithCancel(t.Context())
	i := &introduction{node: &known{}, self: n2At("n2:7071", false).Member, urls: []string{s.URL}, log: slog.New(slog.DiscardHandler)}
	i.joins.Store(true)
	done := make(chan struct{})
	go func() { i.run(ctx); close(done) }()
	look := time.NewTicker(time.Millisecond)
	defer look.Stop()
	for i.trouble.Load() == nil {
		select {
		case <-look.C:
		case <-done:
			t.Fatal("it has ended")
		}
	}
	if ok, detail := i.state(); ok || !strings.Contains(detail, "63 members already") {
		t.Errorf("%v, %s", ok, detail)
	}
	cancel()
	<-done
}
