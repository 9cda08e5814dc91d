package httpapi

import (
	"strconv"

	"holt/raftfsm/znode"
)

// appendOpResult is wire.TxnResult, of an op that was carried out, now or before. A test holds it against encoding/json.
func appendOpResult(b []byte, op *znode.Op, r *znode.OpResult) []byte {
	b = append(append(append(b, `{"op":"`...), op.Kind.String()...), '"')
	if op.Kind == znode.CheckSession {
		b = appendString(append(b, `,"owner":`...), op.Session.Owner.String())
		return append(b, '}')
	}
	path := op.Path
	if r.Found() {
		path = r.Where() // a sequential create has another than it asked for
	}
	b = appendString(append(b, `,"path":`...), path.String())
	switch op.Kind {
	case znode.Exists:
		b = strconv.AppendBool(append(b, `,"exists":`...), r.Found())
	case znode.Get:
		b = appendValue(append(b, ','), r.Data())
	case znode.Children:
		b = append(b, `,"children":[`...)
		first := true
		for name := range r.Names() {
			if !first {
				b = append(b, ',')
			}
			b, first = appendString(b, name), false
		}
		b = append(b, ']')
	}
	b = append(b, `,"stat":`...)
	if r.Found() && op.Kind != znode.Delete {
		stat := r.Stat()
		b = appendStat(b, &stat)
	} else {
		b = append(b, "null"...)
	}
	switch op.Kind {
	case znode.Get:
		mode, ttl := r.Mode()
		b = appendMode(b, mode, ttl)
	case znode.Delete:
		b = strconv.AppendInt(append(b, `,"deleted":`...), int64(r.Deleted), 10)
	}
	return append(b, '}')
}
