package apitest

import (
	"bufio"
	"net/http"
	"strconv"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi"
	"holt/raftfsm/znode"
)

// TestLiveAfterLagWithStates: a stream that lagged and was sent the states again is told of the next change at once, and not
// with the next bookmark.
func TestLiveAfterLagWithStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.StreamWriteTimeout = time.Hour })
		w.do("create /a")
		conn := w.rawWatch("/v1/watch/a?initial=true")
		synctest.Wait() // its first block waits to be read
		for range 200 {
			w.do("set /a x")
		}
		w.forget()
		synctest.Wait()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		e := &eventReader{r: bufio.NewReader(res.Body)}
		for opens := 0; opens < 2; {
			next, err := e.next()
			if err != nil {
				t.Fatal(err)
			}
			if next.name == "open" {
				opens++
			}
		}
		changed := time.Now()
		z := w.do("set /a y")
		if next, err := e.next(); err != nil || next.String() != message(z, "NodeDataChanged /a") {
			t.Errorf("got %s, %v", next, err)
		}
		if took := time.Since(changed); took > time.Second {
			t.Errorf("the change was told after %v", took)
		}
		_ = conn.Close()
	})
}

// TestRoomForLargeMessages: messages of megabytes, which clients do not read, are not made for all of them at once, even
// without data.
func TestRoomForLargeMessages(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const clients = 20
		w := newWorld(t, newPipes())
		var big znode.Path
		path := ""
		for range 16 {
			path += "/" + strings.Repeat("x", 250)
			big = znode.MustPath(path)
			w.run(nil, znode.CreateOp(big, "", znode.Persistent))
		}
		now, _ := w.State()
		zxid := strconv.FormatUint(uint64(now.Zxid), 10)
		var ops []znode.Op
		for range znode.MaxTxnOps {
			ops = append(ops, znode.SetOp(big, ""))
		}
		w.run(nil, ops...)
		fit := httpapi.MaxStreamBytes / (znode.MaxTxnOps * len(path))
		given, waiting := 0, 0
		for range clients {
			conn := w.rawWatch("/v1/watch?recursive=true&since=" + zxid)
			defer conn.Close()
			res, err := http.ReadResponse(bufio.NewReader(conn), nil)
			if err != nil {
				t.Fatal(err)
			}
			for lines := bufio.NewReader(res.Body); ; {
				line, err := lines.ReadString('\n')
				if err != nil {
					t.Fatal(err)
				}
				if strings.HasPrefix(line, ": waiting for room") {
					waiting++
					break
				}
				if strings.HasPrefix(line, "id: ") && !strings.HasPrefix(line, "id: "+zxid+"\n") {
					given++
					break
				}
			}
		}
		if given > fit || given == 0 || given+waiting != clients {
			t.Errorf("%d messages are on their way, %d wait, there is room for %d at most", given, waiting, fit)
		}
	})
}

// TestDumpsEnd: a client that takes the present state slowly has no longer for it than a stream lasts, or the member serves.
func TestDumpsEnd(t *testing.T) {
	for name, data := range map[string]string{"small": "", "large": strings.Repeat("x", 20_000)} {
		for _, stops := range []bool{false, true} {
			synctest.Test(t, func(t *testing.T) {
				w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.StreamLife = 2 * time.Minute })
				w.do("create /a")
				const znodes = 300
				for i := range znodes {
					p := znode.MustPath("/a/" + strconv.Itoa(i) + strings.Repeat("-", 2000))
					w.run(nil, znode.CreateOp(p, data, znode.Persistent))
				}
				conn := w.rawWatch("/v1/watch?recursive=true&initial=true&include=data")
				defer conn.Close()
				res, err := http.ReadResponse(bufio.NewReader(conn), nil)
				if err != nil {
					t.Fatal(err)
				}
				if stops {
					w.api.EndStreams()
				}
				e := &eventReader{r: bufio.NewReader(res.Body)}
				states := 0
				for ; ; states++ {
					next, err := e.next()
					if err != nil {
						break
					}
					if next.name != "state" {
						t.Fatalf("%s: after %d znodes came %s", name, states, next)
					}
					time.Sleep(time.Second)
				}
				if states >= znodes {
					t.Errorf("%s: all %d came", name, states)
				}
			})
		}
	}
}
