package watch

import (
	"bytes"
	"sync"
	"sync/atomic"
	"testing"
	"unsafe"

	"holt/raftfsm/znode"
)

// TestEncodedOnce: those who share a message share what it is encoded to, each form on its own.
func TestEncodedOnce(t *testing.T) {
	r := newRig(t)
	one, two := r.subscribe(onA(), 0), r.subscribe(onA(), 0)
	alone := r.subscribe(Filter{Paths: paths("/b"), Data: true}, 0)
	r.then(create("/a"), create("/b"))
	a, b, c := r.first(one), r.first(two), r.first(alone)
	calls := 0
	encode := func(what string) func() []byte { return func() []byte { calls++; return []byte(what) } }
	for range 3 {
		if got := string(a.Encoded(0, encode("zero"))) + string(b.Encoded(1, encode("one"))) + string(b.Encoded(0, encode("?"))); got != "zeroonezero" {
			t.Errorf("encoded as %s", got)
		}
	}
	if calls != 2 {
		t.Errorf("encoded %d times, want 2", calls)
	}
	c.Encoded(0, encode("alone"))
	if r.hub.encodings.bytes != 2*encodedBytes+len("zeroone") {
		t.Errorf("%d bytes are kept", r.hub.encodings.bytes)
	}
	made := &Message{Zxid: 3}
	if string(made.Encoded(1, encode("made"))) != "made" {
		t.Error("a message of no hub is not encoded")
	}
}

func (r *rig) first(s *Subscription) *Message {
	r.Helper()
	buf := make([]*Message, 1)
	if n, _, _ := s.Take(buf); n != 1 {
		r.Fatal("no message")
	}
	return buf[0]
}

// TestEncodedIsBounded: what was encoded first goes first, what is too large is not kept, and all can be had again.
func TestEncodedIsBounded(t *testing.T) {
	var kept encodings
	size := MaxEncodedBytes/10 - encodedBytes
	calls := 0
	get := func(m *Message, size int) {
		t.Helper()
		if b := m.Encoded(0, func() []byte { calls++; return bytes.Repeat([]byte{byte(m.Zxid)}, size) }); len(b) != size || b[0] != byte(m.Zxid) {
			t.Errorf("message %d is encoded as %d bytes of %d", m.Zxid, len(b), b[0])
		}
	}
	var all []*Message
	for z := range znode.Zxid(10) {
		all = append(all, &Message{Zxid: z, encodings: &kept})
		get(all[z], size)
	}
	for _, m := range all {
		get(m, size)
	}
	if calls != 10 {
		t.Fatalf("ten that have room were encoded %d times", calls)
	}
	get(&Message{Zxid: 10, encodings: &kept}, size)
	get(all[1], size)
	if calls != 11 {
		t.Errorf("the second was dropped before the first: %d", calls)
	}
	get(all[0], size)
	get(all[0], size)
	if calls != 12 {
		t.Errorf("the first was to be encoded once more: %d", calls)
	}
	large := &Message{Zxid: 11, encodings: &kept}
	get(large, maxEncodedEach+1)
	get(large, maxEncodedEach+1)
	if calls != 14 || kept.bytes > MaxEncodedBytes || len(kept.queue) != 10 {
		t.Errorf("%d calls, %d bytes of %d messages kept", calls, kept.bytes, len(kept.queue))
	}
}

// TestEncodedByMany is for the race detector: many encode, read and drop the same messages.
func TestEncodedByMany(t *testing.T) {
	var kept encodings
	all := make([]Message, 8)
	for i := range all {
		all[i].Zxid, all[i].encodings = znode.Zxid(i), &kept
	}
	var calls atomic.Int64
	var wg sync.WaitGroup
	for range 4 {
		wg.Go(func() {
			for range 3 {
				for i := range all {
					b := all[i].Encoded(i%2, func() []byte { calls.Add(1); return bytes.Repeat([]byte{byte(i)}, maxEncodedEach-encodedBytes-20) })
					if b[0] != byte(i) || b[len(b)-1] != byte(i) {
						t.Errorf("message %d is encoded as %d", i, b[0])
					}
				}
			}
		})
	}
	wg.Wait()
	sum := 0
	for _, e := range kept.queue {
		sum += e.size
	}
	if sum != kept.bytes || sum > MaxEncodedBytes {
		t.Errorf("%d bytes are kept, %d counted", sum, kept.bytes)
	}
}

// TestMessagePinsNothing: the paths of a message are its own, not parts of a chunk of the history.
func TestMessagePinsNothing(t *testing.T) {
	r := newRig(t)
	live := r.subscribe(Filter{Paths: paths("/"), Recursive: true, Data: true}, 0)
	r.do(create("/a"))
	r.then(create("/a/b"), write("/"))
	late := r.subscribe(live.filter, 0)
	history := map[*byte]bool{}
	h := r.State().History
	records, _ := h.After(0)
	for rec := range records {
		for _, e := range rec.Events {
			history[unsafe.StringData(e.Path.String())] = true
		}
	}
	for _, s := range []*Subscription{live, late} {
		buf := make([]*Message, 5)
		n, _, _ := s.Take(buf)
		if n != 2 {
			t.Fatalf("%d messages", n)
		}
		for _, m := range buf[:n] {
			for _, e := range m.Events {
				if !e.Path.IsRoot() && history[unsafe.StringData(e.Path.String())] {
					t.Errorf("%s is part of the history", e.Path)
				}
			}
		}
	}
}
