package apitest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"sync/atomic"
	"testing"
	"time"
)

// lumber is the lines of a tree of n znodes in directories of a thousand, made while they are read.
type lumber struct {
	n, at int
	data  string
	line  []byte
}

func (l *lumber) Read(p []byte) (int, error) {
	read := 0
	for read < len(p) {
		if len(l.line) == 0 {
			if l.at == l.n {
				break
			}
			l.line = l.next()
		}
		n := copy(p[read:], l.line)
		read += n
		l.line = l.line[n:]
	}
	if read == 0 {
		return 0, io.EOF
	}
	return read, nil
}

func (l *lumber) next() []byte {
	i := l.at
	l.at++
	path := "/l"
	if i > 0 {
		if path += fmt.Sprintf("/d%05d", (i-1)/1000); (i-1)%1000 > 0 {
			path += fmt.Sprintf("/n%03d", (i-1)%1000)
		}
	}
	return fmt.Appendf(nil, `{"path":%q,"mode":"persistent","ttl_ms":0,"created":0,"data":%q,"encoding":"utf8"}`+"\n", path, l.data)
}

// highest watches the heap until it is told to stop, and gives what it has grown by at most.
func highest(from uint64) (stop func() uint64) {
	var most atomic.Uint64
	over, ended := make(chan struct{}), make(chan struct{})
	go func() {
		defer close(ended)
		tick := time.NewTicker(100 * time.Millisecond)
		defer tick.Stop()
		for {
			select {
			case <-tick.C:
				most.Store(max(most.Load(), heap()))
			case <-over:
				return
			}
		}
	}()
	return func() uint64 { close(over); <-ended; return max(most.Load(), from) - from }
}

func (s *server) load(n, bytes int) {
	s.t.Helper()
	r, err := http.NewRequest("PUT", "http://"+s.addr+"/v1/tree/l", &lumber{n: n, data: strings.Repeat("x", bytes)})
	if err != nil {
		s.t.Fatal(err)
	}
	res, err := s.bare().Do(r)
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	b, _ := io.ReadAll(res.Body)
	answer{s.t, "PUT /v1/tree/l", res.StatusCode, res.Header, string(b)}.loads(fmt.Sprintf("%d 0 0 0 0 %d", n, n))
}

func (s *server) told() int {
	s.t.Helper()
	res, err := s.bare().Get("http://" + s.addr + "/v1/tree/l?include=data")
	if err != nil {
		s.t.Fatal(err)
	}
	defer res.Body.Close()
	if _, err := io.Copy(io.Discard, res.Body); err != nil {
		s.t.Fatal(err)
	}
	n, _ := strconv.Atoi(res.Trailer.Get("Holt-Znodes"))
	return n
}

// A large tree comes and goes and takes no memory but what the state takes.
func TestMemoryIsFlatWhileTreesPass(t *testing.T) {
	const n, bytes, room = 100_000, 1000, 24 << 20
	s := start(t)
	before := heap()
	stop := highest(before)
	s.load(n, bytes)
	// What other tests left behind may go meanwhile, but the state holds the data at least.
	peak, state := stop(), max(heap(), before+n*bytes)-before
	if peak > state+room {
		t.Errorf("a load grew the heap by %d bytes, for a state of %d", peak, state)
	}
	before = heap()
	stop = highest(before)
	if got := s.told(); got != n {
		t.Errorf("told %d znodes", got)
	}
	if peak := stop(); peak > room {
		t.Errorf("telling a tree of %d bytes grew the heap by %d", n*bytes, peak)
	}
}
