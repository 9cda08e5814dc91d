package apitest

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func events(id string) string { return "/v1/sessions/" + id + "/events" }

func ended(z znode.Zxid, o znode.Owner, how string) string {
	return fmt.Sprintf(`session %d {"zxid":%d,"owner":"%s","state":"%s"}`, z, z, o, how)
}

// TestSessionStream: what a session's watches fire waits for its streams, and is told to all of them, up to its end.
func TestSessionStream(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /a 1")
	id, key, owner := w.openSession(1)
	other, otherKey, _ := w.openSession(2)
	begins := mark("open", znode.Zxid(owner))
	w.run(&key, znode.AddWatchOp(znode.MustPath("/a"), znode.DataWatch))
	w.run(&otherKey, znode.AddWatchOp(znode.MustPath("/b"), znode.ExistsWatch))
	z := w.do("set /a 2", "set /a 3") - 1 // before there is a stream

	c, plain := w.watch(events(id)+"?include=data"), w.watch(events(id))
	c.says(begins, fmt.Sprintf(`message %d {"zxid":%d,"events":[{"type":"NodeDataChanged","path":"/a","superseded":true}]}`, z, z))
	plain.says(begins, message(z, "NodeDataChanged /a"))
	if n := w.Renewed(); n != 2 {
		t.Errorf("two streams renewed %d times", n)
	}
	w.run(&key, znode.AddWatchOp(znode.MustPath("/"), znode.PersistentRecursive))
	z = w.do("create /a/b x")
	c.says(fmt.Sprintf(`message %d {"zxid":%d,"events":[{"type":"NodeCreated","path":"/a/b","data":"x","encoding":"utf8","version":0}]}`, z, z))
	plain.says(message(z, "NodeCreated /a/b"))
	z = w.do("set /a/b y", "delete /a/b")
	plain.says(message(z-1, "NodeDataChanged /a/b"), message(z, "NodeDeleted /a/b"))

	resumed := w.watch(events(id), fmt.Sprintf("Last-Event-ID: %d", z-1))
	resumed.says(mark("open", z-1), message(z, "NodeDeleted /a/b"))
	since := w.watch(fmt.Sprintf("%s?since=%d", events(id), z))
	since.says(mark("open", z))

	w.Expire(owner)
	now, _ := w.State()
	for _, s := range []*watcher{plain, resumed, since} {
		s.says(ended(now.Zxid, owner, "expired"))
		s.ends()
	}
	res := w.ask(t.Context(), events(id))
	body, _ := io.ReadAll(res.Body)
	res.Body.Close()
	if res.StatusCode != http.StatusGone {
		t.Errorf("status %d: %s", res.StatusCode, body)
	}
	kept := w.watch(events(other))
	w.run(nil, znode.CloseSessionOp(otherKey))
	for e := kept.next(); e.name != "session"; e = kept.next() {
	}
	kept.ends()
}

// TestSessionOfAStreamThatIsNotKnownHere: the leader says whether a session is, and whether it is over.
func TestSessionOfAStreamThatIsNotKnownHere(t *testing.T) {
	w := newWorld(t, nil)
	old, _ := w.State()
	id, key, owner := w.openSession(1)
	w.run(&key, znode.AddWatchOp(znode.MustPath("/a"), znode.ExistsWatch))
	w.do("create /a")
	w.Fail(Faults{Old: old})
	c := w.watch(events(id))
	c.says(mark("open", znode.Zxid(owner)), message(znode.Zxid(owner)+2, "NodeCreated /a"))
	if n := w.Renewed(); n != 1 {
		t.Errorf("renewed %d times", n)
	}
	unknown := fmt.Sprintf("%032x", 7)
	for _, tt := range []struct {
		faults Faults
		id     string
		status int
	}{
		{Faults{Old: old, Sessions: command.ErrNoLeader}, id, 503},
		{Faults{Old: old}, unknown, 410},
		{Faults{}, unknown, 410},
		{Faults{State: command.ErrBehind, Sessions: command.ErrNoLeader}, id, 503},
	} {
		w.Fail(tt.faults)
		res := w.ask(t.Context(), events(tt.id))
		res.Body.Close()
		if res.StatusCode != tt.status {
			t.Errorf("status %d, want %d", res.StatusCode, tt.status)
		}
	}
	// A position of after its end: the end is told all the same.
	w.Fail(Faults{Linearizable: command.ErrNoLeader})
	now, _ := w.State()
	ahead := w.watch(events(id), fmt.Sprintf("Last-Event-ID: %d", now.Zxid+2))
	w.Fail(Faults{Linearizable: command.ErrNoLeader})
	w.run(nil, znode.KillSessionOp(owner))
	w.do("set /a 1", "set /a 2")
	ahead.says(ended(now.Zxid+2, owner, "killed"))
	ahead.ends()
}

// TestSessionStreamAndHistory: where the history was overtaken the session is told so, and of its end all the same.
func TestSessionStreamAndHistory(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.StreamWriteTimeout = time.Hour })
		id, key, owner := w.openSession(1)
		w.forget()
		now, _ := w.State()
		w.watch(events(id)).says(reset(now.Zxid, true, "history"), mark("open", now.Zxid))
		w.run(&key, znode.AddWatchOp(znode.MustPath("/a"), znode.PersistentWatch))
		stuck := w.rawWatch(events(id) + fmt.Sprintf("?since=%d", now.Zxid))
		synctest.Wait()
		for range 100 {
			w.do("create /a", "delete /a")
		}
		w.run(nil, znode.CloseSessionOp(key))
		w.forget()
		synctest.Wait()
		readUntil(t, stuck, `"reason":"lagged","events":[]}`)
		readUntil(t, stuck, "event: session\nid: ")
		readUntil(t, stuck, fmt.Sprintf(`"owner":"%s","state":"closed"}`, owner))
		readUntil(t, stuck, "0\r\n\r\n")
	})
}

// TestAnswersWaitForEvents: what is told to a session counts as told once it went out to its streams; a stream that does
// not take it is cut off, and holds nothing up from then on.
func TestAnswersWaitForEvents(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		id, key, owner := w.openSession(1)
		w.run(&key, znode.AddWatchOp(znode.MustPath("/a"), znode.PersistentWatch))
		good := w.watch(events(id))
		good.says(mark("open", znode.Zxid(owner)))
		flushed := func(z znode.Zxid) time.Duration {
			begun := time.Now()
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			if err := w.Hub.Flushed(ctx, owner, z); err != nil {
				t.Error(err)
			}
			return time.Since(begun)
		}
		z := w.do("create /a")
		if waited := flushed(z); waited != 0 {
			t.Errorf("waited for %s", waited)
		}
		stuck := w.rawWatch(events(id))
		synctest.Wait()
		if waited := flushed(w.do("set /a 1")); waited.Round(time.Second) != httpapi.DefaultStreamWriteTimeout {
			t.Errorf("waited for %s", waited)
		}
		if waited := flushed(w.do("set /a 2")); waited != 0 {
			t.Errorf("waited for %s", waited)
		}
		_ = stuck.Close()
	})
}

// TestSessionHeader: a stream that belongs to a session renews it once, and is refused when that is over.
func TestSessionHeader(t *testing.T) {
	w := newWorld(t, nil)
	id, key, _ := w.openSession(1)
	w.watch("/v1/watch/a", "Holt-Session: "+id).says(mark("open", 1))
	if n := w.Renewed(); n != 1 {
		t.Errorf("renewed %d times", n)
	}
	w.run(nil, znode.CloseSessionOp(key))
	res := w.ask(t.Context(), "/v1/watch/a", "Holt-Session: "+id)
	res.Body.Close()
	if res.StatusCode != http.StatusGone {
		t.Errorf("status %d", res.StatusCode)
	}
}
