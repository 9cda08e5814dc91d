package raftfsm

import (
	"strings"
	"testing"

	"github.com/hashicorp/raft"

	"holt/raftfsm/command"
)

func TestAddressesAsRaftKeepsThem(t *testing.T) {
	for _, tt := range []struct {
		in   raft.ServerAddress
		want address
		out  raft.ServerAddress // "" is in
	}{
		{in: "a:7071", want: address{Addr: "a:7071"}},
		{in: "a:7071 http://a:7070", want: address{Addr: "a:7071", URL: "http://a:7070"}},
		{in: "a:7071 http://a:7070 observer", want: address{"a:7071", "http://a:7070", true}},
		{in: "[::1]:7071 http://[::1]:7070", want: address{Addr: "[::1]:7071", URL: "http://[::1]:7070"}},
		{in: "a:7071  observer", want: address{"a:7071", "", true}},
		// What this version does not write.
		{in: "a:7071 http://a witness observer", want: address{"a:7071", "http://a", true}, out: "a:7071 http://a observer"},
		{in: "a:7071 http://a witness", want: address{Addr: "a:7071", URL: "http://a"}, out: "a:7071 http://a"},
		{in: "a:7071 observer", want: address{Addr: "a:7071", URL: "observer"}},
		{in: "a:7071 http://a ", want: address{Addr: "a:7071", URL: "http://a"}, out: "a:7071 http://a"},
		{in: "", want: address{}},
		{in: " ", want: address{}, out: "-"},
		{in: "   observer", want: address{Observer: true}, out: "  observer"},
	} {
		got := parseAddress(tt.in)
		if got != tt.want {
			t.Errorf("%q is %+v, want %+v", tt.in, got, tt.want)
		}
		switch out := got.encode(); {
		case tt.out == "-":
			tt.out = ""
			fallthrough
		case tt.out != "" || tt.in == " ":
			if out != tt.out {
				t.Errorf("%q becomes %q, want %q", tt.in, out, tt.out)
			}
		case out != tt.in:
			t.Errorf("%q becomes %q", tt.in, out)
		}
	}
}

// FuzzAddress holds that nothing in raft's configuration can make a member fall over, and that what is read once is read alike again.
func FuzzAddress(f *testing.F) {
	for _, s := range []string{"", " ", "a:7 http://a observer", "a:7  observer", "\xff \x00 observer ", "a:7 u observer observer"} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, s string) {
		a := parseAddress(raft.ServerAddress(s))
		if strings.ContainsRune(a.Addr, ' ') || strings.ContainsRune(a.URL, ' ') {
			t.Errorf("%q has a field with a space: %+v", s, a)
		}
		if again := parseAddress(a.encode()); again != a {
			t.Errorf("%q is %+v, then %+v", s, a, again)
		}
		if d := string(dialed("m", raft.ServerAddress(s))); d != "m "+a.Addr {
			t.Errorf("%q is dialed as %q", s, d)
		}
	})
}

func TestASpecThatCannotBeKeptIsRefused(t *testing.T) {
	good := command.MemberSpec{Name: "m", RaftAddr: "m:7071", URL: "http://m:7070", Voter: true}
	if err := checkSpec(good); err != nil {
		t.Error(err)
	}
	for _, tt := range []struct {
		spoil func(m *command.MemberSpec)
		says  string
	}{
		{func(m *command.MemberSpec) { m.Name = "" }, "needs a name"},
		{func(m *command.MemberSpec) { m.Name = "a b" }, "no spaces"},
		{func(m *command.MemberSpec) { m.Name = strings.Repeat("n", MaxNameBytes+1) }, "at most 255 bytes"},
		{func(m *command.MemberSpec) { m.RaftAddr = "" }, "needs a raft address"},
		{func(m *command.MemberSpec) { m.RaftAddr = "m:7071 observer" }, "no spaces"},
		{func(m *command.MemberSpec) { m.RaftAddr = "m" }, "host:port"},
		{func(m *command.MemberSpec) { m.RaftAddr = strings.Repeat("h", MaxAddrBytes) + ":1" }, "at most 261 bytes"},
		{func(m *command.MemberSpec) { m.URL = "" }, "needs a URL"},
		{func(m *command.MemberSpec) { m.URL = "http://m\tobserver" }, "no spaces"},
		{func(m *command.MemberSpec) { m.URL = "http://m\x00" }, "no spaces"},
		{func(m *command.MemberSpec) { m.URL = "http://" + strings.Repeat("u", MaxURLBytes) }, "at most 1024 bytes"},
	} {
		m := good
		tt.spoil(&m)
		err := checkSpec(m)
		if e, ok := err.(*command.ChangeError); !ok || e.Reason != command.ChangeInvalid || !strings.Contains(e.Detail, tt.says) {
			t.Errorf("%+v: %v, want it to say %q", m, err, tt.says)
		}
	}
}

func TestRoomForMembers(t *testing.T) {
	var e edit
	for i := range MaxMembers - 1 {
		s := server{Name: "m" + string(rune('a'+i%26)) + string(rune('a'+i/26)), Voter: i < 5}
		s.Addr = s.Name + ":7"
		s.Observer = i >= 5+3 // three are to be promoted
		e.all = append(e.all, s)
	}
	spec := command.MemberSpec{Name: "new", RaftAddr: "new:7", URL: "http://new", Voter: true}
	if err := e.room(spec); err != nil {
		t.Errorf("the ninth voter: %v", err)
	}
	promoted := spec
	promoted.Name = e.all[20].Name
	if err := e.room(promoted); err != nil {
		t.Errorf("an observer becomes the ninth voter: %v", err)
	}
	e.all[20].Observer = false
	if err := e.room(spec); err == nil || !strings.Contains(err.Error(), "at most 9") {
		t.Errorf("the tenth voter: %v", err)
	}
	if err := e.room(promoted); err != nil {
		t.Errorf("one of nine again: %v", err)
	}
	spec.Voter = false
	if err := e.room(spec); err != nil {
		t.Errorf("the last observer: %v", err)
	}
	spec.RaftAddr = e.all[3].Addr
	if err := e.room(spec); err == nil || !strings.Contains(err.Error(), e.all[3].Name) {
		t.Errorf("an address that is taken: %v", err)
	}
	spec.RaftAddr = "new:7"
	e.all = append(e.all, server{Name: "one more", address: address{Addr: "more:7", Observer: true}})
	if err := e.room(spec); err == nil || !strings.Contains(err.Error(), "at most 63") {
		t.Errorf("one too many: %v", err)
	}
}
