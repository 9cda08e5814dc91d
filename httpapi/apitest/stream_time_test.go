package apitest

import (
	"bufio"
	"context"
	"fmt"
	"io"
	"net"
	"net/http"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// TestBookmarks: a stream to which nothing happens says how far it is, and can be taken up again from there.
func TestBookmarks(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		c := w.watch("/v1/watch/a")
		c.says(mark("open", 0))
		last := time.Now()
		for i := range 20 {
			z := w.do(fmt.Sprintf("create /other%d", i))
			c.says(mark("bookmark", z))
			if silence := time.Since(last); silence < 13*time.Second || silence > 17*time.Second {
				t.Errorf("a bookmark after %s", silence)
			}
			last = time.Now()
		}
		w.forget()
		now, _ := w.State()
		c.says(mark("bookmark", now.Zxid))
		w.watch("/v1/watch/a", fmt.Sprintf("Last-Event-ID: %d", now.Zxid)).says(mark("open", now.Zxid))
		w.Fail(Faults{NoLeader: true})
		c.says(fmt.Sprintf(`bookmark %d {"zxid":%d,"leader":""}`, now.Zxid, now.Zxid))
	})
}

// TestStreamLife: no stream lasts for ever, nor do those that began together end together.
func TestStreamLife(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		begun, lives := time.Now(), map[time.Duration]bool{}
		var all []*watcher
		for range 20 {
			all = append(all, w.watch("/v1/watch/a"))
		}
		lived := make(chan time.Duration)
		for _, c := range all {
			go func() {
				last := told{}
				for e := range c.events {
					last = e
				}
				if last.String() != mark("bookmark", 0) || c.err != io.EOF || len(c.reader.retries) != 2 {
					t.Errorf("a stream ended with %s, retries %v and %v", last, c.reader.retries, c.err)
				}
				lived <- time.Since(begun)
			}()
		}
		for range all {
			life := <-lived
			lives[life] = true
			if life < 30*time.Minute || life > time.Hour {
				t.Errorf("a stream lived for %s", life)
			}
		}
		if len(lives) < 19 {
			t.Errorf("of 20 streams some ended together: %v", lives)
		}
	})
}

// TestEndStreams: a member that stops lets its clients go on elsewhere from where they are, also those that wait.
func TestEndStreams(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		w.do("create /a")
		c, future := w.watch("/v1/watch/a"), make(chan *watcher)
		c.says(mark("open", 1))
		w.Fail(Faults{Linearizable: command.ErrNoLeader})
		go func() { future <- w.watch("/v1/watch/a?since=9") }()
		ahead := <-future
		w.do("set /a 2")
		synctest.Wait()
		begun := time.Now()
		w.api.EndStreams()
		c.says(message(2, "NodeDataChanged /a"), mark("bookmark", 2))
		c.ends()
		ahead.ends()
		if r := c.reader.retries; len(r) != 2 || r[1] < 1000 || r[1] >= 5000 {
			t.Errorf("retries: %d", r)
		}
		late := w.watch("/v1/watch/a")
		late.ends()
		if len(late.reader.retries) == 0 || time.Since(begun) > time.Second {
			t.Errorf("retries %v, after %s", late.reader.retries, time.Since(begun))
		}
	})
}

// TestHubCloses: streams end well when the hub is closed before them.
func TestHubCloses(t *testing.T) {
	w := newWorld(t, nil)
	c := w.watch("/v1/watch/a")
	c.says(mark("open", 0))
	w.Hub.Close()
	c.says(mark("bookmark", 0))
	c.ends()
	w.watch("/v1/watch/a").ends()
}

// TestStuckClients: who does not read, or reads a byte a second, is cut off, and nobody else notices.
func TestStuckClients(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		w.do("create /a")
		good := w.watch("/v1/watch/a")
		good.says(mark("open", 1))
		silent, trickling, late := w.rawWatch("/v1/watch/a"), w.rawWatch("/v1/watch/a"), w.rawWatch("/v1/watch/a")
		if got := readUntil(t, late, "event: open"); !strings.HasPrefix(got, "HTTP/1.1 200") {
			t.Fatal(got)
		}
		begun, cut := time.Now(), make(chan time.Duration)
		go func() {
			one := make([]byte, 1)
			for n := 0; ; n++ {
				if _, err := trickling.Read(one); err != nil {
					cut <- time.Since(begun)
					return
				}
				time.Sleep(time.Second)
			}
		}()
		for range 100 {
			begun := time.Now()
			z := w.do("set /a x")
			good.says(message(z, "NodeDataChanged /a"))
			if late := time.Since(begun); late != 0 {
				t.Fatalf("a client had to wait for others for %s", late)
			}
		}
		if after := <-cut; after < httpapi.DefaultStreamWriteTimeout || after > httpapi.DefaultStreamWriteTimeout+5*time.Second {
			t.Errorf("cut off after %s", after)
		}
		for _, c := range []net.Conn{silent, late} {
			if rest, err := io.ReadAll(c); strings.Contains(string(rest), "0\r\n\r\n") {
				t.Errorf("a stream that was cut off looks whole: %q, %v", rest, err)
			}
		}
		if n, _ := w.Hub.Streams(); n != 1 {
			t.Errorf("%d streams are left", n)
		}
	})
}

// readUntil reads until something was read.
func readUntil(t *testing.T, r io.Reader, what string) string {
	t.Helper()
	var got strings.Builder
	one := make([]byte, 1)
	for !strings.Contains(got.String(), what) {
		if _, err := r.Read(one); err != nil {
			t.Fatalf("%v behind %q", err, got.String())
		}
		got.Write(one)
	}
	return got.String()
}

// TestLagged: who is slower than the history is told that something is missing, what stats prove, and goes on from there.
func TestLagged(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.StreamWriteTimeout = time.Hour })
		w.do("create /a")
		for _, tt := range []struct {
			query  string
			withID bool
		}{{"", true}, {"?initial=true", false}} {
			conn := w.rawWatch("/v1/watch/a" + tt.query)
			synctest.Wait() // its first block waits to be read
			var first znode.Zxid
			for i := range 200 {
				if z := w.do("set /a x"); i == 0 {
					first = z
				}
			}
			w.forget()
			synctest.Wait()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			e := &eventReader{r: bufio.NewReader(res.Body)}
			var got []told
			for len(got) == 0 || got[len(got)-1].name != "reset" {
				next, err := e.next()
				if err != nil {
					t.Fatal(err)
				}
				got = append(got, next)
			}
			now, _ := w.State()
			if want := reset(now.Zxid, tt.withID, "lagged", "NodeDataChanged /a"); got[len(got)-1].String() != want {
				t.Errorf("got %s, want %s", got[len(got)-1], want)
			}
			for i, z := len(got)-2, first+62; got[i].name == "message"; i, z = i-1, z-1 {
				if want := message(z+1, "NodeDataChanged /a"); got[i].String() != want {
					t.Fatalf("got %s, want %s", got[i], want)
				}
			}
			if tt.query != "" {
				if next, err := e.next(); err != nil || next.name != "state" {
					t.Errorf("got %s, %v", next, err)
				}
			}
			if next, err := e.next(); err != nil || next.String() != mark("open", now.Zxid) {
				t.Errorf("got %s, %v", next, err)
			}
			_ = conn.Close()
		}
	})
}

// TestResetIsOnce: what happens while a reset is on its way comes behind it, and is not taken for something lost too.
func TestResetIsOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		w.do("create /a")
		w.forget()
		now, _ := w.State()
		conn := w.rawWatch("/v1/watch/a?since=0")
		synctest.Wait() // its first block waits to be read
		w.do("set /a 1")
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		e := &eventReader{r: bufio.NewReader(res.Body)}
		for _, want := range []string{
			reset(now.Zxid, true, "history", "NodeCreated /a", "NodeChildrenChanged /a"), mark("open", now.Zxid),
			message(now.Zxid+1, "NodeDataChanged /a"),
		} {
			if got, err := e.next(); err != nil || got.String() != want {
				t.Fatalf("got %s (%v), want %s", got, err, want)
			}
		}
		_ = conn.Close()
	})
}

// TestDumpTurns: only so many clients are sent the present state at once; who must wait is told so.
func TestDumpTurns(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes())
		w.do("create /a " + strings.Repeat("x", 100_000))
		for range httpapi.MaxDumps {
			w.rawWatch("/v1/watch/a?initial=true&include=data") // and does not read
		}
		synctest.Wait()
		begun := time.Now()
		c := w.watch("/v1/watch/a?initial=true")
		w.do("set /a y")
		if e := c.next(); e.name != "state" || !strings.Contains(e.data, `"data_length":1,`) {
			t.Errorf("got %s", e)
		}
		if waited := time.Since(begun); waited < 10*time.Second || waited > 11*time.Second {
			t.Errorf("the turn came after %s", waited)
		}
		c.says(mark("open", 2))
		w.do("set /a z")
		c.says(message(3, "NodeDataChanged /a")) // and not what was in the state
		c.leave()
		if len(c.reader.comments) == 0 || !strings.Contains(c.reader.comments[0], "turn") {
			t.Errorf("comments: %q", c.reader.comments)
		}
	})
}

// TestManyIdleStreams: ten thousand clients that only wait cost little, and leave nothing behind.
func TestManyIdleStreams(t *testing.T) {
	const many = 10_000
	w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.Heartbeat = time.Hour })
	w.waits = hang // this is no bubble
	good := w.watch("/v1/watch/a")
	good.says(mark("open", 0))
	before, buf := memory(), make([]byte, 4096)
	conns := make([]net.Conn, many)
	for i := range conns {
		conns[i] = w.rawWatch("/v1/watch/idle")
		for got := ""; !strings.Contains(got, "event: open"); {
			n, err := conns[i].Read(buf)
			if err != nil {
				t.Fatal(err)
			}
			got += string(buf[:n])
		}
	}
	each := (memory() - before) / many
	t.Logf("an idle stream takes %d bytes, both ends of its pipe included", each)
	if each > 64<<10 {
		t.Errorf("an idle stream takes %d bytes", each)
	}
	for range 10 {
		begun := time.Now()
		z := w.do("create /a", "delete /a")
		good.says(message(z-1, "NodeCreated /a"), message(z, "NodeDeleted /a"))
		if late := time.Since(begun); late > 5*time.Second {
			t.Errorf("a change came after %s", late)
		}
	}
	for _, c := range conns {
		_ = c.Close()
	}
	eventually(t, "the streams are gone", func() bool {
		n, _ := w.Hub.Streams()
		return n == 1
	})
}

// TestHTTP2: many streams on one connection, one of which is not read.
func TestHTTP2(t *testing.T) {
	w := newWorld(t, nil, func(c *httpapi.Config) {
		c.Heartbeat = 2500 * time.Millisecond // give or take a tenth, which is more than the next
		c.StreamWriteTimeout = 2 * time.Second
	})
	w.do("create /a")
	protocols := new(http.Protocols)
	protocols.SetUnencryptedHTTP2(true)
	transport := &http.Transport{Protocols: protocols, DialContext: func(context.Context, string, string) (net.Conn, error) { return w.dial() }}
	defer transport.CloseIdleConnections()
	w.clients = &http.Client{Transport: transport}
	stuck := w.ask(t.Context(), "/v1/watch/a?include=data")
	defer stuck.Body.Close()
	var all []*watcher
	for range 100 {
		c := w.watch("/v1/watch/a")
		if c.res.ProtoMajor != 2 {
			t.Fatal(c.res.Proto)
		}
		c.says(mark("open", 1))
		all = append(all, c)
	}
	for i := range 20 {
		z := w.do("set /a " + strings.Repeat("x", 1<<20))
		for _, c := range all {
			e := c.next()
			for e.name == "bookmark" {
				e = c.next()
			}
			if want := message(z, "NodeDataChanged /a"); e.String() != want {
				t.Fatalf("change %d: got %s, want %s", i, e, want)
			}
		}
	}
	// Streams that are quiet for longer than a write may take go on.
	for range 2 {
		for e := all[0].next(); e.name != "bookmark"; e = all[0].next() {
		}
	}
	eventually(t, "the stuck stream is cut off", func() bool {
		n, _ := w.Hub.Streams()
		return n == len(all)
	})
}
