package harness

import (
	"bufio"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
	"time"
)

// maxLine bounds a line of an event stream, in bytes: a transaction's events with all their data fit in.
const maxLine = 64 << 20

// Message is one message of an event stream.
type Message struct {
	ID    string // the last event id as of this message
	Event string // its name, "message" if the stream gave none
	Data  string
}

// EventStream reads text/event-stream by the WHATWG's rules, as a browser does, and by nothing that holt says about
// itself.
type EventStream struct {
	LastID   string        // what a client gives as Last-Event-ID when it comes back
	Retry    time.Duration // what the server asked for last; 0 if it never did
	Comments int           // how many there were

	r       *bufio.Reader
	begun   bool   // the first character was read
	wasCR   bool   // a line feed now belongs to the line before
	partial bool   // the stream ended within a line
	id      string // of the message that is being read
	event   string
	data    strings.Builder
	hasData bool
}

// NewEventStream reads from r.
func NewEventStream(r io.Reader) *EventStream { return &EventStream{r: bufio.NewReader(r)} }

// Next waits for the next message. A message that is cut off by the stream's end is none.
func (s *EventStream) Next() (Message, error) {
	for {
		line, err := s.line()
		if err != nil {
			return Message{}, err
		}
		if line != "" {
			s.field(line)
			continue
		}
		s.LastID = s.id
		m := Message{ID: s.id, Event: s.event, Data: strings.TrimSuffix(s.data.String(), "\n")}
		if m.Event == "" {
			m.Event = "message"
		}
		dispatch := s.hasData
		s.event, s.hasData = "", false
		s.data.Reset()
		if dispatch {
			return m, nil
		}
	}
}

// line is the next line without its end, which is CR, LF or both.
func (s *EventStream) line() (string, error) {
	var b strings.Builder
	for {
		c, err := s.r.ReadByte()
		if err != nil {
			s.partial = b.Len() > 0
			return "", err
		}
		was := s.wasCR
		s.wasCR = c == '\r'
		switch {
		case c == '\n' && was && b.Len() == 0:
			continue
		case c == '\n' || c == '\r':
			line := b.String()
			if !s.begun {
				s.begun = true
				line = strings.TrimPrefix(line, "\ufeff")
			}
			return line, nil
		}
		if b.Len() >= maxLine {
			return "", fmt.Errorf("a line of more than %d bytes", maxLine)
		}
		b.WriteByte(c)
	}
}

func (s *EventStream) field(line string) {
	name, value, _ := strings.Cut(line, ":")
	value = strings.TrimPrefix(value, " ")
	switch name {
	case "":
		s.Comments++
	case "event":
		s.event = value
	case "data":
		s.hasData = true
		s.data.WriteString(value + "\n")
	case "id":
		if !strings.ContainsRune(value, 0) {
			s.id = value
		}
	case "retry":
		if strings.Trim(value, "0123456789") == "" {
			if ms, err := strconv.Atoi(value); err == nil {
				s.Retry = time.Duration(ms) * time.Millisecond
			}
		}
	}
}

// InOrder says whether err is a stream's end between two messages, by the server's doing.
func (s *EventStream) InOrder(err error) bool {
	return errors.Is(err, io.EOF) && !s.partial && !s.hasData && s.event == "" && s.id == s.LastID
}
