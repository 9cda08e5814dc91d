package httpapi

import (
	"errors"
	"io"
	"net/textproto"
	"os"
	"strconv"
	"strings"
	"time"
	"unsafe"

	"holt/httpapi/wire"
)

const (
	// MaxTxnBodyBytes bounds the JSON of a transaction: its data in base64, its paths, and room to spare.
	MaxTxnBodyBytes = 16 << 20
	// MaxDrainBytes is how much of a body beyond its limit is read and thrown away, so that the connection can be used
	// again. It is closed where more is to come.
	MaxDrainBytes = 4 << 20
	// firstReadBytes is what is made room for on the word of Content-Length alone.
	firstReadBytes = 64 << 10
	// drainTime is how long the rest of an HTTP/2 request that is refused may take to arrive.
	drainTime = time.Second
)

// body is the request's body, of at most limit bytes. It must arrive before the read deadline that serve has set: a
// client that sends a byte a second would otherwise hold its place for as long as it likes.
func (x *exchange) body(limit int) (string, error) {
	r := x.r
	for _, coding := range r.Header["Content-Encoding"] {
		if !strings.EqualFold(textproto.TrimString(coding), "identity") {
			return "", badArguments("the body must come as it is, not in content coding " + quoted(coding))
		}
	}
	size := r.ContentLength // -1 if not known
	if size == 0 {
		return "", nil
	}
	if size > int64(limit) {
		return "", x.tooLarge(limit, 0)
	}
	b, err := readBody(r.Body, size, limit)
	switch {
	case errors.Is(err, errTooLarge):
		return "", x.tooLarge(limit, len(b))
	case errors.Is(err, os.ErrDeadlineExceeded):
		return "", hangUp(badArguments("the body did not arrive within " + x.api.cfg.BodyTimeout.String()))
	case err != nil:
		return "", hangUp(badArguments("the body broke off: " + err.Error()))
	}
	return unsafe.String(unsafe.SliceData(b), len(b)), nil // nobody else has b
}

var errTooLarge = errors.New("body too large")

// readBody reads all of a body of size bytes (-1 if not known), errTooLarge when there are more than limit.
func readBody(r io.Reader, size int64, limit int) ([]byte, error) {
	room := size
	if size < 0 {
		room = 512
	}
	b := make([]byte, 0, min(room, firstReadBytes))
	for {
		if len(b) == cap(b) {
			b = append(b, 0)[:len(b)]
		}
		n, err := r.Read(b[len(b):cap(b)])
		b = b[:len(b)+n]
		switch {
		case len(b) > limit:
			return b, errTooLarge
		case err == io.EOF || int64(len(b)) == size:
			return b, nil
		case err != nil:
			return b, err
		}
	}
}

// tooLarge refuses a body of which read bytes are read already.
func (x *exchange) tooLarge(limit, read int) *problem {
	p := tooMany("the body has more than "+strconv.Itoa(limit)+" bytes", limit, x.r.ContentLength)
	if strings.EqualFold(x.r.Header.Get("Expect"), "100-continue") && read == 0 {
		return hangUp(p) // the client waits for leave to send the body, and may never send it
	}
	if x.r.ContentLength > int64(limit+MaxDrainBytes) {
		return hangUp(p)
	}
	drained, err := io.CopyN(io.Discard, x.r.Body, int64(limit+MaxDrainBytes-read+1))
	if err != io.EOF {
		return hangUp(p)
	}
	size := int64(read) + drained
	p.Size = &size
	return p
}

// drain reads the rest of an HTTP/2 request that is about to be refused, within MaxDrainBytes and drainTime. Where the
// body is left unread net/http resets the stream behind the answer, and curl 7.88 then reports an error of the stream
// in place of the answer, even for a body of a few bytes. HTTP/1.1 has no such reset: there net/http does the reading.
func (x *exchange) drain() {
	x.setReadDeadline(time.Now().Add(drainTime))
	_, _ = io.CopyN(io.Discard, x.r.Body, MaxDrainBytes)
}

// tooMany is too_large, with the size where it is not negative.
func tooMany(detail string, limit int, size int64) *problem {
	p := refuse(wire.TooLarge, detail)
	l := int64(limit)
	p.Limit = &l
	if size >= 0 {
		p.Size = &size
	}
	return p
}

func hangUp(p *problem) *problem {
	p.hangUp = true
	return p
}
