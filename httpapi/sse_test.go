package httpapi

import (
	"encoding/json"
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"
	"unicode/utf8"

	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// TestBlocksAreOneLineOfJSON: whatever is in a znode, a block has its fields and no other, and the data is JSON that says
// what is in the znode; and messageBytes does not promise less than it takes.
func TestBlocksAreOneLineOfJSON(t *testing.T) {
	r := rand.New(rand.NewPCG(1, 2))
	pieces := []string{"\n", "\r", "\r\n\r\n", "data: x", "id: 1", "\x00", "\"", "\\", "\u2028", "é", "<&>", "\xff", "\x1f", "\x7f", "😀", " "}
	for i := range 500 {
		var data strings.Builder
		for range r.IntN(20) {
			data.WriteString(pieces[r.IntN(len(pieces))])
		}
		m := znode.NewMachine()
		p := znode.MustPath("/a\"\\ é<😀")
		res := m.Apply(&znode.Txn{Ops: []znode.Op{znode.CreateOp(p, data.String(), znode.Persistent)}})
		now, n := m.State(), res.Ops[0].Node
		msg := &watch.Message{Zxid: res.Zxid, Events: []znode.Event{
			{Type: znode.NodeCreated, Path: p}, {Type: znode.NodeDeleted, Path: p, Cause: znode.Expired},
		}}
		full := appendMessage(nil, msg, now)
		if promised := messageBytes(msg, now); len(full) > promised {
			t.Errorf("%q: %d bytes, promised %d", data.String(), len(full), promised)
		}
		if got := len(appendValue(nil, n.Data())); got > valueBytes(n.Data())+1 || got < valueBytes(n.Data())-1 {
			t.Errorf("%q: a value of %d bytes, promised %d", data.String(), got, valueBytes(n.Data()))
		}
		var got struct {
			Zxid   uint64
			Events []struct{ Type, Path, Cause, Data, Encoding string }
		}
		decodeBlock(t, full, "id data", &got)
		e := got.Events[0]
		if got.Zxid != 1 || e.Path != p.String() || got.Events[1].Cause != "session_expired" {
			t.Fatalf("case %d: %+v", i, got)
		}
		if utf8.ValidString(data.String()) && (e.Encoding != "utf8" || e.Data != data.String()) {
			t.Errorf("case %d: %q came as %q", i, data.String(), e.Data)
		}
		var state struct{ Path, Data, Encoding string }
		decodeBlock(t, appendState(nil, n, true), "event data", &state)
		if state.Path != p.String() || state.Data != e.Data || state.Encoding != e.Encoding {
			t.Errorf("case %d: %+v", i, state)
		}
	}
}

// decodeBlock checks that b is one block of these fields and decodes its data.
func decodeBlock(t *testing.T, b []byte, fields string, v any) {
	t.Helper()
	body, ok := strings.CutSuffix(string(b), "\n\n")
	if !ok || strings.Contains(body, "\n\n") || strings.ContainsAny(body, "\r\x00") || !utf8.Valid(b) {
		t.Fatalf("no block: %q", b)
	}
	var names []string
	for line := range strings.SplitSeq(body, "\n") {
		name, value, _ := strings.Cut(line, ": ")
		names = append(names, name)
		if name == "data" {
			if err := json.Unmarshal([]byte(value), v); err != nil {
				t.Fatalf("%v: %q", err, value)
			}
		}
	}
	if got := strings.Join(names, " "); got != fields {
		t.Fatalf("fields %s, want %s: %q", got, fields, b)
	}
}

func TestNamedBlocks(t *testing.T) {
	for _, tt := range []struct{ got, want string }{
		{string(appendMark(nil, "open", 7, `n"1`)), "event: open\nid: 7\ndata: {\"zxid\":7,\"leader\":\"n\\\"1\"}\n\n"},
		{string(appendReset(nil, 7, resetLagged, nil, true)), "event: reset\nid: 7\ndata: {\"zxid\":7,\"reason\":\"lagged\",\"events\":[]}\n\n"},
		{string(appendReset(nil, 7, resetHistory, []znode.Event{{Type: znode.NodeDeleted, Path: znode.Root}}, false)),
			"event: reset\ndata: {\"zxid\":7,\"reason\":\"history\",\"events\":[{\"type\":\"NodeDeleted\",\"path\":\"/\"}]}\n\n"},
		{string(appendSessionEnd(nil, 9, 3, znode.Killed)), "event: session\nid: 9\ndata: {\"zxid\":9,\"owner\":\"s3\",\"state\":\"killed\"}\n\n"},
		{string(appendComment(nil, "x")), ": x\n\n"},
	} {
		if tt.got != tt.want {
			t.Errorf("got %q, want %q", tt.got, tt.want)
		}
	}
}

// TestRoom: places are had in the order they were asked for, by one holder or by all who share one, and come back.
func TestRoom(t *testing.T) {
	const limit = 10
	var r room
	m := &watch.Message{}
	has := func(c *claim) bool {
		select {
		case <-c.granted:
			return true
		default:
			return c.granted == nil
		}
	}
	other := &watch.Message{}
	first, second := r.ask(limit, 6, m), r.ask(limit, 5, other)
	shares, small := r.ask(limit, 6, m), r.ask(limit, 1, nil)
	huge, sharesSecond := r.ask(limit, 99, nil), r.ask(limit, 5, other)
	for i, want := range []bool{true, false, true, false, false, false} {
		if c := []*claim{first, second, shares, small, huge, sharesSecond}[i]; has(c) != want {
			t.Errorf("claim %d has a place: %t", i, !want)
		}
	}
	made := 0
	for _, c := range []*claim{first, shares} {
		if b := c.share.encoded(func() []byte { made++; return []byte("x") }); string(b) != "x" || made != 1 {
			t.Errorf("got %q, made %d times", b, made)
		}
	}
	r.giveBack(limit, first)
	if has(second) {
		t.Error("a place came back that is still shared")
	}
	r.giveBack(limit, shares)
	if !has(second) || !has(small) || has(huge) || !has(sharesSecond) || r.used != 6 {
		t.Error("places that came back were not given to those who waited, in their order")
	}
	later := r.ask(limit, 1, nil)
	if has(later) {
		t.Error("one who came later did not wait")
	}
	r.giveBack(limit, huge) // was tired of waiting
	if !has(later) {
		t.Error("nobody is in the way any more")
	}
	for _, c := range []*claim{second, small, later, sharesSecond} {
		r.giveBack(limit, c)
	}
	if r.used != 0 || len(r.held) != 0 || len(r.queue) != 0 {
		t.Errorf("left: %s", fmt.Sprint(r.used, len(r.held), len(r.queue)))
	}
}
