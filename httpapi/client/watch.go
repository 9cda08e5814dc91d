package client

import (
	"context"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"

	"holt/httpapi/wire"
)

// Kind is what a message of a stream is about: the name the wire gives it.
type Kind string

const (
	// Changed is a transaction: its Events, in ZooKeeper's order.
	Changed Kind = ""
	// Open comes once, and again behind States that follow a Reset: what happens after its Zxid will be told.
	Open Kind = "open"
	// Bookmark says that all up to its Zxid has been told.
	Bookmark Kind = "bookmark"
	// State is a znode as it is at the Zxid of the Open that follows.
	State Kind = "state"
	// Reset says that something may be missing before its Zxid, and why: read again. Its Events are what is known of it.
	// With WatchOptions.Initial all States come again behind it, and then Open. Reason Interrupted says only that: forget
	// the States that came.
	Reset Kind = "reset"
	// Ended is the last message of a session's stream: the session is over, for the Reason given.
	Ended Kind = "session"
)

// Reasons of a Reset.
const (
	ReasonHistory  = "history"  // the servers no longer know all that happened since
	ReasonLagged   = "lagged"   // this client took the messages too slowly
	ReasonRestored = "restored" // the cluster is not the one that was: zxids begin anew at this message's
	// Interrupted is said by this client, not by a server.
	Interrupted = "interrupted"
)

// Message is one message of a stream.
type Message struct {
	Kind   Kind
	Zxid   uint64        // of what it tells; 0 of State
	Events []Event       // of Changed and Reset
	Reason string        // of Reset and Ended
	Leader string        // of Open and Bookmark: who leads, as the member knows it; "" nobody
	Owner  string        // of Ended: the session
	Znode  *wire.Written // of State: path and stat
	Data   []byte        // of State, where WatchOptions.Data asks for it; else nil
	JSON   []byte        // as it was sent, on one line
}

// Event is what happened to one znode.
type Event struct {
	Type  string // NodeCreated, NodeDeleted, NodeDataChanged or NodeChildrenChanged
	Path  string
	Cause string // of a NodeDeleted by the end of a session: session_expired, session_closed or session_killed

	// What follows is there where WatchOptions.Data asks for it, of NodeCreated and NodeDataChanged.
	Data       []byte // as the transaction left it; nil where it is not known
	Version    int64  // of Data
	Superseded bool   // Data is not known, since the znode has changed again
}

// WatchOptions says what a Watch tells.
type WatchOptions struct {
	// Paths are the znodes, at least one. They need not exist.
	Paths []string
	// Recursive adds all that is below; there are no NodeChildrenChanged then.
	Recursive bool
	// Only "data" (NodeCreated, NodeDeleted, NodeDataChanged) or only "children" (NodeChildrenChanged, and NodeDeleted of
	// the paths); empty means both.
	Only string
	// Data brings the data with the events.
	Data bool
	// Initial sends the present state first.
	Initial bool
	// Since is the zxid after which everything is told; nil means from now on. With it Initial waits for a Reset.
	Since *uint64
	// Once ends after the first message that is Changed or Reset.
	Once bool
}

// Watch tells what changes, until ctx ends (the error is then its own), the caller leaves the loop, or Once is
// fulfilled; it needs no session. It resumes by itself, on whichever member answers: the Zxid of one message with Events
// is greater than that of those before, no change is told twice, and one that may be missing is told as a Reset. Only
// where no member could be reached at first, within the Client's timeout, or one refused, does it end with that error.
//
// What a message has told, the next calls of the Client see too.
func (c *Client) Watch(ctx context.Context, want WatchOptions) iter.Seq2[Message, error] {
	return func(yield func(Message, error) bool) {
		q := &call{method: http.MethodGet, prefix: "/v1/watch", query: want.values(), stream: true}
		if len(want.Paths) == 0 {
			yield(Message{}, mistake(q, "a watch needs a path")) // the server would take it for the root
			return
		}
		s := &stream{Client: c, q: q, once: want.Once, yield: yield}
		if want.Since != nil {
			s.last, s.placed = *want.Since, true
		}
		s.run(ctx)
	}
}

func (want WatchOptions) values() url.Values {
	v := url.Values{"path": want.Paths}
	if want.Recursive {
		v.Set("recursive", "true")
	}
	if want.Only != "" {
		v.Set("events", want.Only)
	}
	if want.Data {
		v.Set("include", "data")
	}
	if want.Initial {
		v.Set("initial", "true")
	}
	if want.Since != nil {
		v.Set("since", strconv.FormatUint(*want.Since, 10))
	}
	if want.Once {
		v.Set("once", "true")
	}
	return v
}

// message is the JSON of every kind of message.
type message struct {
	Zxid   uint64  `json:"zxid"`
	Events []event `json:"events"`
	Reason string  `json:"reason"`
	Leader string  `json:"leader"`
	Owner  string  `json:"owner"`
	State  string  `json:"state"` // of Ended

	Path     string     `json:"path"`
	Stat     *wire.Stat `json:"stat"`
	Data     *string    `json:"data"`
	Encoding string     `json:"encoding"`
}

type event struct {
	Type       string  `json:"type"`
	Path       string  `json:"path"`
	Cause      string  `json:"cause"`
	Data       *string `json:"data"`
	Encoding   string  `json:"encoding"`
	Version    int64   `json:"version"`
	Superseded bool    `json:"superseded"`
}

// decodeMessage reads one message. Of a kind that this client does not know only the Zxid counts.
func decodeMessage(kind Kind, text []byte) (m Message, err error) {
	var in message
	if err := json.Unmarshal(text, &in); err != nil {
		return m, err
	}
	m = Message{Kind: kind, Zxid: in.Zxid, Reason: in.Reason, Leader: in.Leader, Owner: in.Owner, JSON: text}
	switch kind {
	case State:
		if in.Path == "" || in.Stat == nil {
			return m, fmt.Errorf("a state without path and stat")
		}
		m.Znode, m.Zxid = &wire.Written{Path: in.Path, Stat: *in.Stat}, 0
		m.Data, err = decodeData(in.Data, in.Encoding)
	case Ended:
		m.Reason = in.State
	case Changed, Reset:
		m.Events = make([]Event, len(in.Events))
		for i, e := range in.Events {
			m.Events[i] = Event{Type: e.Type, Path: e.Path, Cause: e.Cause, Version: e.Version, Superseded: e.Superseded}
			if m.Events[i].Data, err = decodeData(e.Data, e.Encoding); err != nil {
				break
			}
		}
	}
	return m, err
}

// decodeData is nil where there is no data, and not where it is empty.
func decodeData(data *string, encoding string) ([]byte, error) {
	if data == nil {
		return nil, nil
	}
	b, err := Decode(*data, encoding)
	if b == nil && err == nil {
		b = []byte{}
	}
	return b, err
}
