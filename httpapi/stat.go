package httpapi

import (
	"encoding/base64"
	"strconv"
	"sync"
	"unicode/utf8"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// statHeaders are the headers of a znode's stat, in the order setStat writes their values, then two of every answer
// about a znode.
var statHeaders = [...]string{
	"Znode-Version", "Znode-Cversion", "Znode-Aversion", "Znode-Czxid", "Znode-Mzxid", "Znode-Pzxid", "Znode-Ctime",
	"Znode-Mtime", "Znode-Data-Length", "Znode-Num-Children", "Znode-Ephemeral-Owner", "Holt-Zxid", "Etag",
}

// Positions in statHeaders that are named elsewhere.
const (
	versionAt = 0
	etagAt    = len(statHeaders) - 1
)

// setStat sets the headers of an answer about n at zxid z, and gives the tag of its data and its version as they stand
// there. All values are parts of one string and of one array: header by header they would be thirty allocations.
func (x *exchange) setStat(s *znode.Stat, z znode.Zxid) (tag, version string) {
	x.zxid = z
	var room [320]byte
	var ends [len(statHeaders)]int
	b := room[:0]
	for i, n := range [...]int64{
		s.Version, s.Cversion, s.Aversion, int64(s.Czxid), int64(s.Mzxid), int64(s.Pzxid), s.Ctime, s.Mtime,
		s.DataLength, s.NumChildren,
	} {
		b = strconv.AppendInt(b, n, 10)
		ends[i] = len(b)
	}
	b = append(b, s.EphemeralOwner...)
	ends[etagAt-2] = len(b)
	b = strconv.AppendUint(b, uint64(z), 10)
	ends[etagAt-1] = len(b)
	b = appendTag(b, s)
	ends[etagAt] = len(b)

	text, values := string(b), make([]string, len(statHeaders))
	h, start := x.Header(), 0
	for i, end := range ends {
		values[i] = text[start:end]
		h[statHeaders[i]] = values[i : i+1 : i+1]
		start = end
	}
	return values[etagAt], values[versionAt]
}

// appendTag is the entity tag of data: no czxid and version ever come together again.
func appendTag(b []byte, s *znode.Stat) []byte {
	b = append(b, '"')
	b = strconv.AppendInt(b, s.Version, 10)
	b = append(b, '.')
	b = strconv.AppendUint(b, uint64(s.Czxid), 10)
	return append(b, '"')
}

// What follows writes wire's types as JSON without reflection, since it is on the way of every answer about a znode.
// A test holds it against encoding/json.

// appendStat is wire.Stat.
func appendStat(b []byte, s *znode.Stat) []byte {
	b = append(b, `{"version":`...)
	b = strconv.AppendInt(b, s.Version, 10)
	b = append(b, `,"cversion":`...)
	b = strconv.AppendInt(b, s.Cversion, 10)
	b = append(b, `,"aversion":`...)
	b = strconv.AppendInt(b, s.Aversion, 10)
	b = append(b, `,"czxid":`...)
	b = strconv.AppendUint(b, uint64(s.Czxid), 10)
	b = append(b, `,"mzxid":`...)
	b = strconv.AppendUint(b, uint64(s.Mzxid), 10)
	b = append(b, `,"pzxid":`...)
	b = strconv.AppendUint(b, uint64(s.Pzxid), 10)
	b = append(b, `,"ctime":`...)
	b = strconv.AppendInt(b, s.Ctime, 10)
	b = append(b, `,"mtime":`...)
	b = strconv.AppendInt(b, s.Mtime, 10)
	b = append(b, `,"ephemeral_owner":`...)
	b = appendString(b, s.EphemeralOwner)
	b = append(b, `,"data_length":`...)
	b = strconv.AppendInt(b, s.DataLength, 10)
	b = append(b, `,"num_children":`...)
	b = strconv.AppendInt(b, s.NumChildren, 10)
	return append(b, '}')
}

// appendWritten is wire.Written.
func appendWritten(b []byte, path string, s *znode.Stat) []byte {
	b = append(b, `{"path":`...)
	b = appendString(b, path)
	b = append(b, `,"stat":`...)
	b = appendStat(b, s)
	return append(b, '}', '\n')
}

// appendZnode is wire.Znode.
func appendZnode(b []byte, n *znode.Node, s *znode.Stat) []byte {
	b = append(b, `{"path":`...)
	b = appendString(b, n.Path().String())
	b = append(b, ',')
	b = appendValue(b, n.Data())
	b = append(b, `,"stat":`...)
	b = appendStat(b, s)
	b = appendMode(b, n.Mode(), n.TTL())
	return append(b, '}', '\n')
}

// appendMode is the fields mode and ttl_ms.
func appendMode(b []byte, mode znode.Mode, ttl int64) []byte {
	b = append(append(append(b, `,"mode":"`...), mode.String()...), '"')
	return strconv.AppendInt(append(b, `,"ttl_ms":`...), ttl, 10)
}

// appendValue is the fields data and encoding.
func appendValue(b []byte, data string) []byte {
	b = append(b, `"data":`...)
	if utf8.ValidString(data) {
		b = appendString(b, data)
		return append(b, `,"encoding":"`+wire.UTF8+`"`...)
	}
	b = append(b, '"')
	b = base64.StdEncoding.AppendEncode(b, []byte(data))
	return append(b, `","encoding":"`+wire.Base64+`"`...)
}

func appendNumber(b []byte, n uint64) []byte { return strconv.AppendUint(b, n, 10) }

// appendString is a JSON string; s is valid UTF-8.
func appendString(b []byte, s string) []byte {
	const hex = "0123456789abcdef"
	b = append(b, '"')
	plain := 0 // where what needs no escaping began
	for i := 0; i < len(s); i++ {
		c := s[i]
		if c >= 0x20 && c != '"' && c != '\\' {
			continue
		}
		b = append(b, s[plain:i]...)
		switch plain = i + 1; c {
		case '"', '\\':
			b = append(b, '\\', c)
		case '\n':
			b = append(b, '\\', 'n')
		case '\r':
			b = append(b, '\\', 'r')
		case '\t':
			b = append(b, '\\', 't')
		default:
			b = append(b, '\\', 'u', '0', '0', hex[c>>4], hex[c&15])
		}
	}
	b = append(b, s[plain:]...)
	return append(b, '"')
}

// buffers lends memory for answers. What grew beyond keptBytes is not kept.
var buffers = sync.Pool{New: func() any { b := make([]byte, 0, 1024); return &b }}

const keptBytes = 64 << 10

func giveBack(b *[]byte) {
	if cap(*b) <= keptBytes {
		*b = (*b)[:0]
		buffers.Put(b)
	}
}
