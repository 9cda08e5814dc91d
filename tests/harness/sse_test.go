package harness

import (
	"errors"
	"io"
	"slices"
	"strings"
	"testing"
	"testing/iotest"
	"time"
)

// The examples are those of the standard's section on parsing, and its corner cases.
func TestAnEventStreamIsReadAsBrowsersDo(t *testing.T) {
	for name, c := range map[string]struct {
		text   string
		want   []Message
		lastID string
	}{
		"lines of data":          {"data: YHOO\ndata: +2\ndata: 10\n\n", []Message{{"", "message", "YHOO\n+2\n10"}}, ""},
		"a comment":              {": test stream\n\ndata: first event\nid: 1\n\n", []Message{{"1", "message", "first event"}}, "1"},
		"an id is taken back":    {"id: 1\ndata: a\n\nid\ndata: b\n\n", []Message{{"1", "message", "a"}, {"", "message", "b"}}, ""},
		"an id stays":            {"id: 1\ndata: a\n\ndata: b\n\n", []Message{{"1", "message", "a"}, {"1", "message", "b"}}, "1"},
		"one space goes":         {"data:a\n\ndata: a\n\ndata:  a\n\n", []Message{{"", "message", "a"}, {"", "message", "a"}, {"", "message", " a"}}, ""},
		"data without a value":   {"data\n\ndata\ndata\n\n", []Message{{"", "message", ""}, {"", "message", "\n"}}, ""},
		"no data, no message":    {"event: x\nid: 5\n\ndata: y\n\n", []Message{{"5", "message", "y"}}, "5"},
		"a name":                 {"event: open\ndata: {}\n\ndata: 1\n\n", []Message{{"", "open", "{}"}, {"", "message", "1"}}, ""},
		"CR":                     {"data: a\rdata: b\r\rdata: c\r\r", []Message{{"", "message", "a\nb"}, {"", "message", "c"}}, ""},
		"CR LF":                  {"data: a\r\ndata: b\r\n\r\ndata: c\r\n\r\n", []Message{{"", "message", "a\nb"}, {"", "message", "c"}}, ""},
		"a byte order mark":      {"\ufeffdata: a\n\n", []Message{{"", "message", "a"}}, ""},
		"an id with a NUL":       {"id: 1\x002\ndata: a\n\n", []Message{{"", "message", "a"}}, ""},
		"what is not known":      {"color: red\nDATA: no\ndata: a\n\n", []Message{{"", "message", "a"}}, ""},
		"cut off":                {"data: a\n\nid: 9\ndata: b\n", []Message{{"", "message", "a"}}, ""},
		"cut off within a field": {"id: 7\ndata: a\n\ndata: b", []Message{{"7", "message", "a"}}, "7"},
	} {
		for _, r := range []io.Reader{strings.NewReader(c.text), iotest.OneByteReader(strings.NewReader(c.text))} {
			s := NewEventStream(r)
			var got []Message
			var err error
			for err == nil {
				var m Message
				if m, err = s.Next(); err == nil {
					got = append(got, m)
				}
			}
			if !slices.Equal(got, c.want) || !errors.Is(err, io.EOF) || s.LastID != c.lastID {
				t.Errorf("%s: %q, %v, last id %q; want %q, last id %q", name, got, err, s.LastID, c.want, c.lastID)
			}
			if cut := strings.HasPrefix(name, "cut off"); s.InOrder(err) == cut {
				t.Errorf("%s: ended in order is %v", name, !cut)
			}
		}
	}
}

func TestRetryIsDigitsOnly(t *testing.T) {
	s := NewEventStream(strings.NewReader("retry: 1500\nretry: 2s\nretry: -1\n: a comment\n\n"))
	if _, err := s.Next(); !errors.Is(err, io.EOF) || s.Retry != 1500*time.Millisecond || s.Comments != 1 {
		t.Errorf("%v, retry %v, %d comments", err, s.Retry, s.Comments)
	}
}
