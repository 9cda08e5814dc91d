package apitest

import (
	"fmt"
	"net/http"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// TestWatchParameters: what is told of one story, by what was asked for.
func TestWatchParameters(t *testing.T) {
	story := []string{
		"create /a 1", "set /a 2", "create /a/b x", "set /a/b y", "create /a/b/c z", "delete /a/b/c", "delete /a/b", "delete /a",
		"create /other o",
	}
	for _, tt := range []struct {
		target string
		want   []string
	}{
		{"/v1/watch/a", []string{
			message(1, "NodeCreated /a"), message(2, "NodeDataChanged /a"), message(3, "NodeChildrenChanged /a"),
			message(7, "NodeChildrenChanged /a"), message(8, "NodeDeleted /a"),
		}},
		{"/v1/watch/a?events=data", []string{
			message(1, "NodeCreated /a"), message(2, "NodeDataChanged /a"), message(8, "NodeDeleted /a"),
		}},
		{"/v1/watch/a?events=children", []string{
			message(3, "NodeChildrenChanged /a"), message(7, "NodeChildrenChanged /a"), message(8, "NodeDeleted /a"),
		}},
		{"/v1/watch/a?recursive=true&events=children,data", []string{
			message(1, "NodeCreated /a"), message(2, "NodeDataChanged /a"), message(3, "NodeCreated /a/b"),
			message(4, "NodeDataChanged /a/b"), message(5, "NodeCreated /a/b/c"), message(6, "NodeDeleted /a/b/c"),
			message(7, "NodeDeleted /a/b"), message(8, "NodeDeleted /a"),
		}},
		{"/v1/watch?path=/a/b&path=/other&path=/a/b", []string{
			message(3, "NodeCreated /a/b"), message(4, "NodeDataChanged /a/b"), message(5, "NodeChildrenChanged /a/b"),
			message(6, "NodeChildrenChanged /a/b"), message(7, "NodeDeleted /a/b"), message(9, "NodeCreated /other"),
		}},
		{"/v1/watch", []string{
			message(1, "NodeChildrenChanged /"), message(8, "NodeChildrenChanged /"), message(9, "NodeChildrenChanged /"),
		}},
		{"/v1/watch/?path=/a&path=/", []string{
			message(1, "NodeCreated /a", "NodeChildrenChanged /"), message(2, "NodeDataChanged /a"),
			message(3, "NodeChildrenChanged /a"), message(7, "NodeChildrenChanged /a"),
			message(8, "NodeDeleted /a", "NodeChildrenChanged /"), message(9, "NodeChildrenChanged /"),
		}},
		{"/v1/watch/a%2Fb?once=true", []string{message(3, "NodeCreated /a/b")}},
	} {
		t.Run(tt.target, func(t *testing.T) {
			w := newWorld(t, nil)
			live := w.watch(tt.target)
			live.says(mark("open", 0))
			w.do(story...)
			live.says(tt.want...)
			// Whoever comes later with the position gets the same.
			after := w.watch(tt.target + querySign(tt.target) + "since=0")
			after.says(mark("open", 0))
			after.says(tt.want...)
			if strings.Contains(tt.target, "once") {
				live.ends()
				after.ends()
			}
		})
	}
}

func querySign(target string) string {
	if strings.Contains(target, "?") {
		return "&"
	}
	return "?"
}

func TestWatchHeaders(t *testing.T) {
	w := newWorld(t, nil)
	w.do("create /a 1", "set /a 2")
	for _, method := range []string{"GET", "HEAD"} {
		c := w.watch(method + " /v1/watch/a")
		for name, want := range map[string]string{
			"Content-Type": "text/event-stream", "Cache-Control": "no-store, no-transform", "X-Accel-Buffering": "no",
			"Holt-Zxid": "2", "X-Content-Type-Options": "nosniff", "Content-Length": "",
		} {
			if got := c.res.Header.Get(name); got != want {
				t.Errorf("%s: %s is %q, want %q", method, name, got, want)
			}
		}
		if method == "HEAD" {
			c.ends()
			continue
		}
		c.says(mark("open", 2))
		c.leave()
		if r := c.reader.retries; len(r) != 1 || r[0] < 1000 || r[0] >= 5000 {
			t.Errorf("retry: %d", r)
		}
	}
}

// TestWatchRefusals: what is wrong with the request itself is not told in a stream.
func TestWatchRefusals(t *testing.T) {
	w := start(t)
	w.api.EndStreams() // so that what is not refused ends
	many := strings.Repeat("&path=/p", httpapi.MaxWatchPaths+1)[1:]
	for _, tt := range []struct {
		target string
		status int
		code   wire.Code
	}{
		{"/v1/watch/a?since=x", 400, wire.BadArguments},
		{"/v1/watch/a?since=-1", 400, wire.BadArguments},
		{"/v1/watch/a?since=", 400, wire.BadArguments},
		{"/v1/watch/a?since=9223372036854775808", 400, wire.BadArguments},
		{"/v1/watch/a?since=1&since=2", 400, wire.BadArguments},
		{"/v1/watch/a?events=", 400, wire.BadArguments},
		{"/v1/watch/a?events=data,data", 400, wire.BadArguments},
		{"/v1/watch/a?events=data,acl", 400, wire.BadArguments},
		{"/v1/watch/a?events=children&recursive=true", 400, wire.BadArguments},
		{"/v1/watch/a?include=stat", 400, wire.BadArguments},
		{"/v1/watch/a?initial=maybe", 400, wire.BadArguments},
		{"/v1/watch/a?once=1", 400, wire.BadArguments},
		{"/v1/watch/a?wait=1s", 400, wire.BadArguments},
		{"/v1/watch/a/", 400, wire.BadArguments},
		{"/v1/watch/a//b", 400, wire.BadArguments},
		{"/v1/watch/a?path=/b", 400, wire.BadArguments},
		{"/v1/watch?path=b", 400, wire.BadArguments},
		{"/v1/watch?path=", 400, wire.BadArguments},
		{"/v1/watch?" + many, 413, wire.TooLarge},
		{"/v1/sessions/abc/events", 400, wire.BadArguments},
		{"/v1/sessions/s17/events", 400, wire.BadArguments},
		{"/v1/sessions/00112233445566778899aabbccddeeff/events?since=x", 400, wire.BadArguments},
		{"/v1/sessions/00112233445566778899aabbccddeeff/events?include=stat", 400, wire.BadArguments},
		{"/v1/sessions/00112233445566778899aabbccddeeff/events", 410, wire.SessionExpired},
	} {
		t.Run(fmt.Sprintf("%.60s", tt.target), func(t *testing.T) {
			p := w.do("GET "+tt.target).fails(tt.status, tt.code)
			if tt.status == 413 && (*p.Limit != httpapi.MaxWatchPaths || *p.Size != httpapi.MaxWatchPaths+1) {
				t.Errorf("limit %d, size %d", *p.Limit, *p.Size)
			}
		})
	}
}

func TestTooManyStreams(t *testing.T) {
	w := newWorld(t, nil, func(c *httpapi.Config) { c.MaxStreams = 2 })
	one, two := w.watch("/v1/watch/a"), w.watch("/v1/watch/b")
	one.says(mark("open", 0))
	two.says(mark("open", 0))
	res := w.ask(t.Context(), "/v1/watch/c")
	res.Body.Close()
	if res.StatusCode != http.StatusTooManyRequests || res.Header.Get("Retry-After") == "" {
		t.Errorf("status %d, Retry-After %q", res.StatusCode, res.Header.Get("Retry-After"))
	}
	one.leave()
	eventually(t, "a place is free again", func() bool {
		res := w.ask(t.Context(), "/v1/watch/c?once=true&since=0", "Last-Event-ID: x")
		res.Body.Close()
		return res.StatusCode == http.StatusOK
	})
	w.do("create /b")
	two.says(message(1, "NodeCreated /b"))
}

func TestWatchData(t *testing.T) {
	w := newWorld(t, nil)
	c := w.watch("/v1/watch?path=/a&path=/b&include=data")
	c.says(mark("open", 0))
	w.do("create /a <&>\"\n\u2028")
	c.says(`message 1 {"zxid":1,"events":[{"type":"NodeCreated","path":"/a","data":"<&>\"\n` + "\u2028" + `","encoding":"utf8","version":0}]}`)
	w.do("set /a \xff\x00")
	c.says(`message 2 {"zxid":2,"events":[{"type":"NodeDataChanged","path":"/a","data":"/wA=","encoding":"base64","version":1}]}`)
	a, b := znode.MustPath("/a"), znode.MustPath("/b")
	w.run(nil, znode.DeleteOp(a), znode.CreateOp(b, "", znode.Persistent), znode.SetOp(b, "2"))
	c.says(`message 3 {"zxid":3,"events":[{"type":"NodeDeleted","path":"/a"},` +
		`{"type":"NodeCreated","path":"/b","data":"2","encoding":"utf8","version":1},` +
		`{"type":"NodeDataChanged","path":"/b","data":"2","encoding":"utf8","version":1}]}`)
	// What is no longer there cannot be told.
	late := w.watch("/v1/watch/a?include=data&since=0")
	late.says(mark("open", 0),
		`message 1 {"zxid":1,"events":[{"type":"NodeCreated","path":"/a","superseded":true}]}`,
		`message 2 {"zxid":2,"events":[{"type":"NodeDataChanged","path":"/a","superseded":true}]}`,
		message(3, "NodeDeleted /a"))
	w.do("create /a new")
	again := w.watch("/v1/watch/a?include=data&since=1")
	again.says(mark("open", 1),
		`message 2 {"zxid":2,"events":[{"type":"NodeDataChanged","path":"/a","superseded":true}]}`,
		message(3, "NodeDeleted /a"),
		`message 4 {"zxid":4,"events":[{"type":"NodeCreated","path":"/a","data":"new","encoding":"utf8","version":0}]}`)
}

// TestLargeData: data that counts against the room for it comes whole, to all who share it.
func TestLargeData(t *testing.T) {
	w := newWorld(t, nil)
	data := strings.Repeat("\x01\"x", 100_000)
	var all []*watcher
	for range 20 {
		c := w.watch("/v1/watch/big?include=data")
		c.says(mark("open", 0))
		all = append(all, c)
	}
	w.do("create /big " + data)
	all = append(all, w.watch("/v1/watch/big?include=data&since=0"))
	all[20].says(mark("open", 0))
	want := `message 1 {"zxid":1,"events":[{"type":"NodeCreated","path":"/big","data":"` + strings.Repeat(`\u0001\"x`, 100_000) + `","encoding":"utf8","version":0}]}`
	for _, c := range all {
		c.says(want)
	}
	state := w.watch("/v1/watch/big?include=data&initial=true").next()
	if !strings.HasPrefix(state.String(), `state - {"path":"/big","data":"\u0001\"x`) || len(state.data) < 900_000 {
		t.Errorf("state of %d bytes: %.100s", len(state.data), state)
	}
}
