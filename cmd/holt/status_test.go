package main

import (
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"holt/httpapi"
	"holt/httpapi/apitest"
	"holt/httpapi/wire"
)

// matches says whether all of s is as the regular expression has it.
func matches(want, s string) bool {
	return s == want || regexp.MustCompile(`\A(?:`+want+`)\z`).MatchString(s)
}

func TestStatusOfAClusterThatIsWell(t *testing.T) {
	s := serve(t)
	s.Node.Fail(apitest.Faults{
		Others: []httpapi.Member{{ID: "n2", Voter: true}, {ID: "watcher", Observer: true}, {ID: "new"}},
		Reports: map[string]httpapi.Report{
			"n2": {Ready: true, Zxid: 3, Version: "v2", UptimeMs: 90_061_000, DiskFree: 3 << 29}, "watcher": {Ready: true, Zxid: 3},
			"new": {Ready: true, Zxid: 2},
		},
	})
	exit, out, err := holt(t.Context(), "", "status")
	want := "leader n1, term 1, zxid 3; 2 of 2 voters answer, 2 are a majority; as member n1 knows it\n" +
		"MEMBER +ROLE +STATE +ZXID +LAG +ZNODES +SESSIONS +STREAMS +DISK FREE +LAST SNAPSHOT +VERSION +UP\n" +
		`n1 +leader +ready +3 +0 +4 +2 +3 +1.0 GiB +\d+[dhms]\d*[hms]? ago +test +0s` + "\n" +
		`n2 +follower +ready +3 +0 +0 +0 +0 +1.5 GiB +none +v2 +1d1h` + "\n" +
		`watcher +observer +ready +3 +0 +.*` + "\n" + `new +joining +ready +2 +1 +.*` + "\n"
	if exit != 0 || err != "" || !matches(want, out) {
		t.Errorf("exit %d, said %q, printed\n%s", exit, err, out)
	}
	if exit, out, err := holt(t.Context(), "", "status", "--json"); exit != 0 || err != "" || !strings.HasPrefix(out, `{"name":"n1","cluster_id":"c1",`) {
		t.Errorf("exit %d, said %q, printed\n%s", exit, err, out)
	}
}

func TestStatusSaysWhatIsWrong(t *testing.T) {
	member := func(id string, change func(*wire.MemberReport)) wire.MemberReport {
		m := wire.MemberReport{Member: wire.Member{ID: id, Voter: true}, Reachable: true, Ready: true}
		change(&m)
		return m
	}
	for _, c := range []struct {
		leader string
		change func(*wire.MemberReport)
		want   []string
	}{
		{"a", func(*wire.MemberReport) {}, nil},
		{"a", func(m *wire.MemberReport) { m.Lag = 1000 }, nil},
		{"", func(*wire.MemberReport) {}, []string{"there is no leader"}},
		{"a", func(m *wire.MemberReport) { m.Reachable, m.Ready = false, false }, []string{"member b does not answer"}},
		{"a", func(m *wire.MemberReport) { m.Ready = false }, []string{"member b is not ready"}},
		{"a", func(m *wire.MemberReport) { m.Lag = 1001 }, []string{"member b is 1001 transactions behind"}},
		{"", func(m *wire.MemberReport) { m.DiskFull, m.DiskFreeBytes = true, 1000 }, []string{"there is no leader", "the disk of member b is nearly full, 1000 B are left"}},
	} {
		r := &wire.ClusterReport{Leader: c.leader, Members: []wire.MemberReport{member("a", func(*wire.MemberReport) {}), member("b", c.change)}}
		if got := faults(r); !slices.Equal(got, c.want) {
			t.Errorf("%q, want %q", got, c.want)
		}
		var out strings.Builder
		if err := writeStatus(&out, r, time.Now()); err != nil || strings.Count(out.String(), "\n") != 4 {
			t.Errorf("%v\n%s", err, &out)
		}
	}
	s := serve(t)
	s.Node.Fail(apitest.Faults{NoLeader: true, Others: []httpapi.Member{{ID: "n2", Voter: true}}})
	exit, out, err := holt(t.Context(), "", "status")
	if exit != exitFailed || err != "holt status: there is no leader; member n2 does not answer\n" || !strings.Contains(out, "n2      follower  no answer  -") {
		t.Errorf("exit %d, said %q, printed\n%s", exit, err, out)
	}
}

func TestNumbersForPeople(t *testing.T) {
	for d, want := range map[time.Duration]string{
		-time.Hour: "0s", 59*time.Second + 999*time.Millisecond: "59s", time.Minute: "1m0s", time.Hour: "1h0m", 25*time.Hour + 59*time.Minute: "1d1h",
	} {
		if got := age(d); got != want {
			t.Errorf("%v is %q, want %q", d, got, want)
		}
	}
	for n, want := range map[uint64]string{0: "0 B", 1023: "1023 B", 1024: "1.0 KiB", 1 << 40: "1.0 TiB", 1 << 63: "8192.0 PiB"} {
		if got := size(n); got != want {
			t.Errorf("%d is %q, want %q", n, got, want)
		}
	}
}
