package httpapi

import (
	"net/url"
	"strconv"
	"time"
)

// flushBytes is how much of a streamed answer is gathered before it is written.
const flushBytes = 32 << 10

// limit is the parameter limit: how many there are on a page.
func (x *exchange) limit(absent, most int) (int, error) {
	v, ok := x.query.get("limit")
	if !ok {
		return absent, nil
	}
	n, err := strconv.Atoi(v)
	if err != nil || n < 1 || n > most {
		detail := "limit is a number from 1"
		if most < 1<<31 {
			detail += " to " + strconv.Itoa(most)
		}
		return 0, badArguments(detail + ", not " + quoted(v))
	}
	return n, nil
}

// linkNext sets the header that is the request for the page after the one that ends with next.
func (x *exchange) linkNext(target, next string) {
	q := url.Values{}
	for i, name := range x.query.names {
		if name != "wait" && name != "offset" { // the next page is there already, and where it begins is in after
			q.Set(name, x.query.values[i])
		}
	}
	q.Set("after", next)
	x.Header()["Link"] = []string{"<" + target + "?" + q.Encode() + `>; rel="next"`}
}

// streamed is a JSON answer that is written while it is made: it may be longer than there is memory for. What is appended
// to b goes out whenever there is enough of it.
type streamed struct {
	x      *exchange
	status int
	lent   *[]byte
	b      []byte
}

// begin begins a streamed answer; free gives its memory back.
func (x *exchange) begin(status int) *streamed {
	b := buffers.Get().(*[]byte)
	return &streamed{x: x, status: status, lent: b, b: *b}
}

// free comes last.
func (w *streamed) free() {
	*w.lent = w.b
	giveBack(w.lent)
}

// comma comes before each element of an array, with how many were before it; false when there is no more to do: nobody
// reads, or only the header was asked for.
func (w *streamed) comma(before int) bool {
	if before > 0 {
		w.b = append(w.b, ',')
	}
	if len(w.b) < flushBytes {
		return true
	}
	ok := w.write()
	w.b = w.b[:0]
	return ok
}

// write writes what there is.
func (w *streamed) write() bool {
	x := w.x
	if x.status == 0 {
		h := x.Header()
		h["Content-Type"] = typeJSON
		h["Cache-Control"] = noStore
		h["X-Content-Type-Options"] = noSniff
		x.WriteHeader(w.status)
	}
	if x.head {
		return false
	}
	x.setWriteDeadline(time.Now().Add(x.api.cfg.AnswerTimeout))
	_, err := x.ResponseWriter.Write(w.b)
	return err == nil
}

// end writes the rest, or all of it if it is short.
func (w *streamed) end() error {
	if w.x.status == 0 {
		return w.x.writeJSON(w.status, w.b)
	}
	w.write()
	return nil
}

// A page of sessions or watches has at most maxRows rows, and defaultRows unless it is asked for more or fewer.
const defaultRows, maxRows = 1000, 10_000
