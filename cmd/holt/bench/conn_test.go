package bench

import (
	"bufio"
	"errors"
	"math/rand/v2"
	"slices"
	"strings"
	"testing"
	"time"
)

func TestAnswers(t *testing.T) {
	for _, c := range []struct {
		name, in string
		status   int    // of the error, 0 where it is another
		err      string // "" is success
		rest     string // what is left for the next answer
	}{
		{name: "data", in: "HTTP/1.1 200 OK\r\nContent-Length: 3\r\n\r\nabcHTTP", rest: "HTTP"},
		{name: "another case", in: "HTTP/1.1 201 Created\r\ncONTENT-lENGTH:0\r\nX: y\r\n\r\n"},
		{name: "refused", in: "HTTP/1.1 404 Not Found\r\nContent-Length: 4\r\n\r\ngone!", status: 404, err: "status 404: gone", rest: "!"},
		{name: "nothing", in: "", err: "EOF"},
		{name: "half a line", in: "HTTP/1.1 20", err: "EOF"},
		{name: "no HTTP", in: "SSH-2.0-OpenSSH_9.9\r\n", err: "not an HTTP/1.1 answer"},
		{name: "no status", in: "HTTP/1.1 abc\r\n\r\n", err: "not a status"},
		{name: "no length", in: "HTTP/1.1 200 OK\r\n\r\n", err: "without Content-Length"},
		{name: "a negative length", in: "HTTP/1.1 200 OK\r\nContent-Length: -1\r\n\r\n", err: "not a length"},
		{name: "half a body", in: "HTTP/1.1 200 OK\r\nContent-Length: 9\r\n\r\nabc", err: "EOF"},
		{name: "an endless line", in: "HTTP/1.1 200 OK\r\nX: " + strings.Repeat("x", 2*readBuffer), err: "buffer full"},
	} {
		r := bufio.NewReaderSize(strings.NewReader(c.in), readBuffer)
		err := (&conn{r: r}).answer()
		if (err == nil) != (c.err == "") || err != nil && !strings.Contains(err.Error(), c.err) {
			t.Errorf("%s: %v, want %q", c.name, err, c.err)
		}
		var refused *statusError
		if errors.As(err, &refused) != (c.status != 0) || refused != nil && refused.status != c.status {
			t.Errorf("%s: %v, want status %d", c.name, err, c.status)
		}
		if rest, _ := r.Peek(r.Buffered()); c.rest != "" && string(rest) != c.rest {
			t.Errorf("%s: %q is left, want %q", c.name, rest, c.rest)
		}
	}
}

// The histogram gives the percentiles that sorting gives, at most one part in 32 above.
func TestHistogramAgainstSorting(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for _, n := range []int{1, 2, 10, 1000} {
		var h, half histogram
		var all []time.Duration
		for i := range n {
			d := time.Duration(rnd.Int64N(1 << (5 + rnd.IntN(33))))
			all = append(all, d)
			if i%2 == 0 {
				h.add(d)
			} else {
				half.add(d)
			}
		}
		h.merge(&half)
		slices.Sort(all)
		for _, p := range []float64{0, 1, 50, 90, 99, 100} {
			want := all[min(int(p/100*float64(n)), n-1)]
			if got := h.percentile(p); got < want || got > want+want/32+1 {
				t.Errorf("%d durations: p%v = %v, want %v", n, p, got, want)
			}
		}
	}
	if got := new(histogram).percentile(99); got != 0 {
		t.Errorf("an empty histogram: %v", got)
	}
	for _, d := range []time.Duration{-1, 1 << 62} {
		var h histogram
		h.add(d) // must not be out of range
		if h.n != 1 {
			t.Error("not counted")
		}
	}
}
