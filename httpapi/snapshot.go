package httpapi

import (
	"io"
	"net/http"
	"strconv"
	"time"
)

// pieceBytes is how much of a long answer is written under one deadline.
const pieceBytes = 64 << 10

// getSnapshot answers GET /v1/snapshot: the state as znode.State encodes it, checksummed. What breaks off is no snapshot.
func (a *API) getSnapshot(x *exchange) error {
	s, err := x.state()
	if err != nil {
		return err
	}
	x.setZxid(s.Zxid)
	h := x.Header()
	h["Content-Type"] = typeBytes
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	h["Content-Disposition"] = []string{`attachment; filename="holt-` + strconv.FormatUint(uint64(s.Zxid), 10) + `.snapshot"`}
	x.WriteHeader(http.StatusOK)
	if x.head {
		return nil
	}
	return s.Encode(pieces{x})
}

// pieces writes a long answer piece by piece, so that a client that reads slowly has time and one that does not read
// is cut off.
type pieces struct{ x *exchange }

var _ io.Writer = pieces{}

func (p pieces) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		p.x.setWriteDeadline(time.Now().Add(p.x.api.cfg.AnswerTimeout))
		n, err := p.x.ResponseWriter.Write(b[:min(len(b), pieceBytes)])
		written += n
		if err != nil {
			return written, err
		}
		b = b[n:]
	}
	return written, nil
}
