package apitest

import (
	"bufio"
	"errors"
	"io"
	"strconv"
	"strings"
	"testing"
)

// told is one event of a stream as a browser's page would get it: with data, and of the name "message" where it has none.
type told struct {
	name string
	data string
	id   string // the last id of the stream by then
	own  bool   // whether the block itself had the id
}

// eventReader reads a stream as the WHATWG's HTML standard (9.2.5, 9.2.6) has it.
type eventReader struct {
	r        *bufio.Reader
	started  bool
	id       string
	retries  []int
	comments []string
}

// line is the next line, without its end, which is LF, CR or both.
func (e *eventReader) line() (string, error) {
	var b strings.Builder
	for {
		c, err := e.r.ReadByte()
		switch {
		case err != nil:
			return "", err
		case c == '\n':
			return b.String(), nil
		case c == '\r':
			if next, err := e.r.Peek(1); err == nil && next[0] == '\n' {
				_, _ = e.r.ReadByte()
			}
			return b.String(), nil
		}
		b.WriteByte(c)
	}
}

// next is the next event; the error is io.EOF at the end of the stream, with whatever block has no end dropped.
func (e *eventReader) next() (told, error) {
	if !e.started {
		e.started = true
		if mark, err := e.r.Peek(3); err == nil && string(mark) == "\uFEFF" {
			_, _ = e.r.Discard(3)
		}
	}
	t, data, id := told{name: "message"}, strings.Builder{}, e.id
	for {
		line, err := e.line()
		if err != nil {
			return told{}, err
		}
		if line == "" {
			e.id = id
			if data.Len() == 0 {
				t, id = told{name: "message"}, e.id
				continue
			}
			t.data, t.id = strings.TrimSuffix(data.String(), "\n"), e.id
			return t, nil
		}
		field, value, _ := strings.Cut(line, ":")
		value = strings.TrimPrefix(value, " ")
		switch field {
		case "":
			e.comments = append(e.comments, value)
		case "event":
			t.name = value
		case "data":
			data.WriteString(value + "\n")
		case "id":
			if !strings.Contains(value, "\x00") {
				id, t.own = value, true
			}
		case "retry":
			if ms, err := strconv.Atoi(value); err == nil && ms >= 0 && strings.Trim(value, "0123456789") == "" {
				e.retries = append(e.retries, ms)
			}
		}
	}
}

func TestEventReader(t *testing.T) {
	e := &eventReader{r: bufio.NewReader(strings.NewReader("\uFEFF: hello\nretry: 12\nretry: 1x\n\nid: 7\n\n" +
		"data: a\r\ndata:b\r\rid: 8\nevent: x\ndata\nunknown: y\n\nid: 9\ndata: cut"))}
	want := []told{{"message", "a\nb", "7", false}, {"x", "", "8", true}}
	for _, w := range want {
		if got, err := e.next(); err != nil || got != w {
			t.Errorf("got %+v (%v), want %+v", got, err, w)
		}
	}
	if got, err := e.next(); !errors.Is(err, io.EOF) || e.id != "8" {
		t.Errorf("got %+v (%v) and id %s at the end", got, err, e.id)
	}
	if len(e.retries) != 1 || e.retries[0] != 12 || len(e.comments) != 1 || e.comments[0] != "hello" {
		t.Errorf("retries %v, comments %q", e.retries, e.comments)
	}
}
