package httpapi

import (
	"encoding/base64"
	"math/rand/v2"
	"strconv"
	"time"
	"unicode/utf8"

	"holt/httpapi/wire"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// What streams are made of: blocks of server-sent events, as the WHATWG's HTML standard, section 9.2, has them. Data is one
// line of JSON, whose strings hold no line break unescaped, so that no znode can forge a field; every block ends with an
// empty line. An id is only where the client may go on from behind it: a message of a transaction holds all of it.

// Why a stream is reset.
const (
	resetHistory  = "history"  // the history does not reach back to the position, or the position is none
	resetLagged   = "lagged"   // the history was overtaken while the stream was on
	resetRestored = "restored" // the position is of a state that a backup has replaced, or one this cluster never had
)

// retrySpread is how long clients are told to wait before they come back: at random, since those who lose their streams
// together must not come back together.
const minRetry, maxRetry = time.Second, 5 * time.Second

// appendRetry says when to come back if the stream ends.
func appendRetry(b []byte) []byte {
	b = append(b, "retry: "...)
	b = strconv.AppendInt(b, (minRetry + rand.N(maxRetry-minRetry)).Milliseconds(), 10)
	return append(b, "\n\n"...)
}

// appendComment is a line for people, which clients pass over. It has no line break.
func appendComment(b []byte, text string) []byte {
	b = append(b, ": "...)
	b = append(b, text...)
	return append(b, "\n\n"...)
}

// appendName begins a block of a name.
func appendName(b []byte, name string) []byte {
	b = append(b, "event: "...)
	b = append(b, name...)
	return append(b, '\n')
}

// appendID is the position that the client has with this block.
func appendID(b []byte, z znode.Zxid) []byte {
	b = append(b, "id: "...)
	b = strconv.AppendUint(b, uint64(z), 10)
	return append(b, '\n')
}

// appendData begins the data, with the zxid it is of.
func appendData(b []byte, z znode.Zxid) []byte {
	b = append(b, `data: {"zxid":`...)
	return strconv.AppendUint(b, uint64(z), 10)
}

// appendMark is an open or a bookmark: all up to z has been said.
func appendMark(b []byte, name string, z znode.Zxid, leader string) []byte {
	b = appendData(appendID(appendName(b, name), z), z)
	b = append(b, `,"leader":`...)
	b = appendString(b, leader)
	return append(b, "}\n\n"...)
}

// appendState is a znode as it is when the stream begins. It has no id: only the open behind the last of them has.
func appendState(b []byte, n *znode.Node, data bool) []byte {
	b = append(appendName(b, "state"), `data: {"path":`...)
	b = appendString(b, n.Path().String())
	b = append(b, ',')
	if data {
		b = append(appendValue(b, n.Data()), ',')
	}
	stat := n.Stat()
	b = append(b, `"stat":`...)
	b = appendStat(b, &stat)
	return append(b, "}\n\n"...)
}

// appendReset says that something may be missing, and what of it stats prove.
func appendReset(b []byte, z znode.Zxid, reason string, events []znode.Event, withID bool) []byte {
	b = appendName(b, "reset")
	if withID {
		b = appendID(b, z)
	}
	b = append(appendData(b, z), `,"reason":`...)
	b = appendString(b, reason)
	b = append(b, `,"events":[`...)
	for i := range events {
		if i > 0 {
			b = append(b, ',')
		}
		b = append(appendEvent(b, &events[i]), '}')
	}
	return append(b, "]}\n\n"...)
}

// appendSessionEnd is the end of a session.
func appendSessionEnd(b []byte, z znode.Zxid, owner znode.Owner, reason znode.Reason) []byte {
	b = appendData(appendID(appendName(b, "session"), z), z)
	b = append(b, `,"owner":"`...)
	b = append(b, owner.String()...)
	b = append(b, `","state":"`...)
	b = append(b, reason.String()...)
	return append(b, "\"}\n\n"...)
}

// appendMessage is what one transaction did. Where now is not nil, it has the data too: that of now, which is not older.
func appendMessage(b []byte, m *watch.Message, now *znode.State) []byte {
	b = append(appendData(appendID(b, m.Zxid), m.Zxid), `,"events":[`...)
	for i := range m.Events {
		if i > 0 {
			b = append(b, ',')
		}
		e := &m.Events[i]
		b = appendEvent(b, e)
		if now != nil && hasData(e.Type) {
			b = appendEventData(b, now.Tree.Get(e.Path), m.Zxid)
		}
		b = append(b, '}')
	}
	return append(b, "]}\n\n"...)
}

// appendEvent is an event, all but the closing brace.
func appendEvent(b []byte, e *znode.Event) []byte {
	b = append(b, `{"type":"`...)
	b = append(b, e.Type.String()...)
	b = append(b, `","path":`...)
	b = appendString(b, e.Path.String())
	if e.Cause != 0 {
		b = append(b, `,"cause":"session_`...)
		b = append(b, e.Cause.String()...)
		b = append(b, '"')
	}
	return b
}

// hasData says whether such an event left data behind.
func hasData(t znode.EventType) bool { return t == znode.NodeCreated || t == znode.NodeDataChanged }

// appendEventData is the data that the transaction z left in n, or that there has been other data since.
func appendEventData(b []byte, n *znode.Node, z znode.Zxid) []byte {
	if n == nil || n.Stat().Mzxid != z {
		return append(b, `,"superseded":true`...)
	}
	b = appendValue(append(b, ','), n.Data())
	b = append(b, `,"version":`...)
	return strconv.AppendInt(b, n.Version(), 10)
}

// messageBytes is how long appendMessage is with data, or a little more; now is nil without.
func messageBytes(m *watch.Message, now *znode.State) int {
	size := 0
	for i := range m.Events {
		e := &m.Events[i]
		size += len(e.Path.String()) + eventBytes
		if now == nil || !hasData(e.Type) {
			continue
		}
		if n := now.Tree.Get(e.Path); n != nil && n.Stat().Mzxid == m.Zxid {
			size += valueBytes(n.Data())
		}
	}
	return size
}

// eventBytes is more than an event has besides path and data.
const eventBytes = 160

// valueBytes is how long appendValue makes data.
func valueBytes(data string) int {
	if !utf8.ValidString(data) {
		return base64.StdEncoding.EncodedLen(len(data)) + len(`"data":"","encoding":""`) + len(wire.Base64)
	}
	size := len(data) + len(`"data":"","encoding":""`) + len(wire.UTF8)
	for i := 0; i < len(data); i++ {
		switch c := data[i]; {
		case c == '"' || c == '\\' || c == '\n' || c == '\r' || c == '\t':
			size++
		case c < 0x20:
			size += len(`\u0000`) - 1
		}
	}
	return size
}
