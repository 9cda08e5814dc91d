package main

import (
	"context"
	"errors"
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"syscall"
	"testing"
	"time"
)

// manager is a service manager's socket.
func listenAsManager(t *testing.T, name string) *net.UnixConn {
	t.Helper()
	c, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: name, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { c.Close() })
	return c
}

// told is the next message.
func told(t *testing.T, c *net.UnixConn) string {
	t.Helper()
	b := make([]byte, 4096)
	if err := c.SetReadDeadline(time.Now().Add(endsWithin)); err != nil {
		t.Fatal(err)
	}
	n, err := c.Read(b)
	if err != nil {
		t.Fatalf("nothing more was told: %v", err)
	}
	return string(b[:n])
}

func TestTheServiceManagerIsToldHowTheMemberIs(t *testing.T) {
	for _, name := range []string{filepath.Join(t.TempDir(), "manager"), fmt.Sprintf("@holt-test-%d", os.Getpid())} {
		m := listenAsManager(t, name)
		s := startServe(t, "", "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=1000000")
		var all []string
		count := func(what string) int {
			return len(slices.DeleteFunc(slices.Clone(all), func(s string) bool { return s != what }))
		}
		for count("WATCHDOG=1") < 2 || count("READY=1") < 1 || !slices.Contains(all, "STATUS=leads") {
			all = append(all, told(t, m))
		}
		s.signal(syscall.SIGTERM)
		for !strings.Contains(all[len(all)-1], "STOPPING=1") {
			all = append(all, told(t, m))
		}
		if code, _ := s.exit(); code != exitDone || count("READY=1") != 1 {
			t.Errorf("exit code %d; told: %q", code, all)
		}
	}
}

// One that cannot serve yet is not ready, and says so.
func TestAMemberWithoutALeaderIsNotAnnounced(t *testing.T) {
	name := filepath.Join(t.TempDir(), "manager")
	m := listenAsManager(t, name)
	startServe(t, "", "NOTIFY_SOCKET="+name, "WATCHDOG_USEC=600000", "HOLT_PEER_SECRET=a secret of the tests",
		"HOLT_CLUSTER=m1=127.0.0.1:3=http://127.0.0.1:1,m2=127.0.0.1:1=http://127.0.0.1:2,m3=127.0.0.1:2=http://127.0.0.1:3")
	alive, waits := 0, false
	for alive < 3 || !waits {
		switch says := told(t, m); says {
		case "WATCHDOG=1":
			alive++
		case "STATUS=waiting for a leader":
			waits = true
		default:
			t.Fatalf("told: %q", says)
		}
	}
}

func TestAHungMemberIsNotCalledAlive(t *testing.T) {
	name := filepath.Join(t.TempDir(), "manager")
	m := listenAsManager(t, name)
	t.Setenv("NOTIFY_SOCKET", name)
	t.Setenv("WATCHDOG_USEC", "400000")
	t.Setenv("WATCHDOG_PID", fmt.Sprint(os.Getpid()))
	n := takeNotifier(slog.New(slog.DiscardHandler))
	if n == nil || n.watchdog != 400*time.Millisecond {
		t.Fatalf("%+v", n)
	}
	for _, v := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		if _, set := os.LookupEnv(v); set {
			t.Errorf("%s is left for children", v)
		}
	}
	long := time.Now().Add(-time.Minute)
	if fed := n.feed(t.Context(), func(context.Context) error { return errors.New("it hangs") }, long); fed != long {
		t.Error("it counts as fed")
	}
	if fed := n.feed(t.Context(), func(ctx context.Context) error { <-ctx.Done(); return ctx.Err() }, long); fed != long {
		t.Error("it counts as fed, but did not answer in time")
	}
	n.feed(t.Context(), func(context.Context) error { return nil }, long)
	n.say("END")
	if first := told(t, m); first != "WATCHDOG=1" {
		t.Errorf("told: %q", first)
	}
	if second := told(t, m); second != "END" {
		t.Errorf("told besides: %q", second)
	}
}

func TestWithoutAServiceManagerNobodyIsTold(t *testing.T) {
	t.Setenv("NOTIFY_SOCKET", "")
	t.Setenv("WATCHDOG_USEC", "1000")
	n := takeNotifier(slog.New(slog.DiscardHandler))
	if n != nil {
		t.Fatalf("%+v", n)
	}
	n.say("READY=1")
	n.run(t.Context(), nil, nil)

	t.Setenv("NOTIFY_SOCKET", filepath.Join(t.TempDir(), "gone"))
	t.Setenv("WATCHDOG_USEC", "1000000")
	t.Setenv("WATCHDOG_PID", "1") // another process
	n = takeNotifier(slog.New(slog.DiscardHandler))
	if n == nil || n.watchdog != 0 {
		t.Fatalf("%+v", n)
	}
	n.say("READY=1") // goes nowhere, and is no error
}
