package main

import (
	"context"
	"fmt"
	"log/slog"
	"net"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"
)

const (
	// statusEvery is how often the service manager's view of the member is looked over.
	statusEvery = 250 * time.Millisecond
	// maxNotifyWait bounds one message to the service manager.
	maxNotifyWait = time.Second
)

// notifier tells the service manager that started this process how it is, as sd_notify(3) has it. Nil where there is none.
type notifier struct {
	addr     *net.UnixAddr
	watchdog time.Duration // how long the manager waits for a sign of life; 0: it does not
	log      *slog.Logger
}

// takeNotifier takes the manager's variables out of the environment, so that no child speaks for this process.
func takeNotifier(log *slog.Logger) *notifier {
	name, usec, pid := os.Getenv("NOTIFY_SOCKET"), os.Getenv("WATCHDOG_USEC"), os.Getenv("WATCHDOG_PID")
	for _, v := range []string{"NOTIFY_SOCKET", "WATCHDOG_USEC", "WATCHDOG_PID"} {
		os.Unsetenv(v)
	}
	if name == "" {
		return nil
	}
	if rest, ok := strings.CutPrefix(name, "@"); ok {
		name = "\x00" + rest // a name that is no file
	}
	n := &notifier{addr: &net.UnixAddr{Name: name, Net: "unixgram"}, log: log}
	if us, err := strconv.ParseInt(usec, 10, 64); err == nil && us > 0 && (pid == "" || pid == strconv.Itoa(os.Getpid())) {
		n.watchdog = time.Duration(us) * time.Microsecond
	}
	return n
}

// say sends lines such as READY=1. A manager that does not listen is no reason to stop.
func (n *notifier) say(lines ...string) {
	if n == nil {
		return
	}
	c, err := net.DialUnix("unixgram", nil, n.addr)
	if err == nil {
		defer c.Close()
		_ = c.SetWriteDeadline(time.Now().Add(maxNotifyWait))
		_, err = c.Write([]byte(strings.Join(lines, "\n")))
	}
	if err != nil {
		n.log.Debug("the service manager was not told", "what", lines[0], "error", err)
	}
}

// run tells the manager of changes until ctx ends: READY=1 when the member serves for the first time, then how it is, and, as often as
// is wanted, that it is alive.
func (n *notifier) run(ctx context.Context, status func() (ready bool, is string), alive func(context.Context) error) {
	if n == nil {
		return
	}
	tick := time.NewTicker(statusEvery)
	defer tick.Stop()
	told, announced, fed := "", false, time.Now()
	for {
		ready, is := status()
		if ready && !announced {
			announced = true
			n.say("READY=1")
		}
		if is != told {
			told = is
			n.say("STATUS=" + is)
		}
		if n.watchdog > 0 && time.Since(fed) >= n.watchdog/2-statusEvery {
			fed = n.feed(ctx, alive, fed)
		}
		select {
		case <-tick.C:
		case <-ctx.Done():
			return
		}
	}
}

// feed says that the process is alive, if it is.
func (n *notifier) feed(ctx context.Context, alive func(context.Context) error, fed time.Time) time.Time {
	ctx, cancel := context.WithTimeout(ctx, n.watchdog/4)
	defer cancel()
	if err := alive(ctx); err != nil {
		if ctx.Err() != context.Canceled {
			n.log.Error("this member does not answer itself: the service manager is not told that it is alive", "error", err)
		}
		return fed
	}
	n.say("WATCHDOG=1")
	return time.Now()
}

// status is what the service manager is told.
func (m *member) status() (ready bool, is string) {
	s := m.node.Stats()
	switch {
	case !s.Ready && !s.HasLeader:
		return false, "waiting for a leader"
	case !s.Ready:
		return false, "catching up"
	case !s.HasLeader:
		return true, "no leader: only local reads are served"
	case s.Leader:
		return true, "leads"
	}
	return true, "follows"
}

// alive asks this member over its own listener. Whatever it answers, it is alive: what it thinks of itself is for /readyz.
func (m *member) alive(ctx context.Context) error {
	req, err := http.NewRequestWithContext(ctx, http.MethodGet, fmt.Sprintf("http://%s/livez", dialable(m.lis.Addr().String())), nil)
	if err != nil {
		return err
	}
	res, err := (&http.Client{Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return err
	}
	return res.Body.Close()
}
