package tests

import (
	"context"
	"fmt"
	"io"
	"math/rand/v2"
	"net/http"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/wire"
	"holt/tests/harness"
)

const (
	// pipeWriters is how many pipelines there are at once.
	pipeWriters = 4
	// pipeBurst is how many lines of one are sent together, one burst each keyedPause.
	pipeBurst = 20
	// pipeLife is when a connection breaks at the latest, by its client's own doing.
	pipeLife = 800 * time.Millisecond
	// pipeWindow bounds the lines of one that have no answer.
	pipeWindow = 1000
	// pipeLoseOneIn is how often a connection breaks with an answer on its way, by its client's own doing.
	pipeLoseOneIn = 200
)

// pipeJob is what line n of a writer makes, if it is done in its turn.
func pipeJob(writer, n int) string { return fmt.Sprintf("/pipe%d/n-%010d", writer, n) }

// pipeLine is line n of a writer: it makes the next of many children, and says so in their parent.
func pipeLine(writer, n int) string {
	return fmt.Sprintf(`{"id":%d,"idempotency_key":"w%d-%d","txn":[{"op":"create","path":"/pipe%d/n-","mode":"persistent_sequential","data":"%d"},{"op":"set","path":"/pipe%d","data":"%d"}]}`+"\n",
		n, writer, n, writer, n, writer, n)
}

// pipeWriter sends lines in order, and after a break again from the first that has no answer.
type pipeWriter struct {
	t      *testing.T
	c      *harness.Cluster
	number int
	done   *atomic.Int64

	answered  int    // lines with a definite answer: all before this one
	zxid      uint64 // of the last
	replayed  int
	connected int
}

// run sends lines until ctx ends, and then waits until all that were sent have their answers.
func (w *pipeWriter) run(ctx context.Context) {
	transports := make([]*http.Transport, len(pipeProtocols))
	for i, p := range pipeProtocols {
		transports[i] = pipeTransport(w.t, p)
	}
	sent := 0
	moved := time.Now()
	for ctx.Err() == nil || w.answered < sent {
		if time.Since(moved) > harness.SettleTime {
			w.t.Errorf("pipeline %d: no answer for %v", w.number, harness.SettleTime)
			return
		}
		before := w.answered
		p, err := openPipe(w.t.Context(), transports[w.connected%len(transports)], w.c.Members[rand.IntN(len(w.c.Members))], pipeSilence)
		if err != nil {
			<-time.After(keyedPause)
			continue
		}
		w.connected++
		end := time.AfterFunc(pipeLife/4+rand.N(pipeLife*3/4), p.cancel)
		var sender sync.WaitGroup
		var acked atomic.Int64
		acked.Store(int64(w.answered))
		sender.Go(func() { sent = max(sent, w.send(ctx, p, w.answered, sent, &acked)) })
		ok := w.receive(p, &acked)
		p.close()
		end.Stop()
		sender.Wait()
		if !ok {
			return
		}
		if w.answered > before {
			moved = time.Now()
		}
	}
}

// send sends lines from one on: again those up to known, and new ones until ctx ends. It gives how many there are now.
func (w *pipeWriter) send(ctx context.Context, p *pipe, from, known int, acked *atomic.Int64) int {
	pace := time.NewTicker(keyedPause)
	defer pace.Stop()
	n := from
	for {
		var burst strings.Builder
		for range pipeBurst {
			if n < known || ctx.Err() == nil && n-int(acked.Load()) < pipeWindow {
				burst.WriteString(pipeLine(w.number, n))
				n++
			}
		}
		if _, err := io.WriteString(p.in, burst.String()); err != nil {
			return n
		}
		if ctx.Err() != nil && n >= known {
			_ = p.in.Close()
			return n
		}
		<-pace.C
	}
}

// receive takes answers until there are no more; false if one cannot be right.
func (w *pipeWriter) receive(p *pipe, acked *atomic.Int64) bool {
	for {
		a, err := p.next()
		switch {
		case err != nil, a.Ended:
			return true
		case a.Code == wire.OutcomeUnknown, a.Code == wire.NoLeader, a.Code == wire.ShuttingDown, a.Code == wire.Throttled:
			return true // nothing behind it is done
		case rand.IntN(pipeLoseOneIn) == 0:
			return true // as if the connection had ended just before
		case !w.take(a.PipelineResult):
			return false
		}
		acked.Store(int64(w.answered))
	}
}

// take takes the answer to the next line, and says whether it can be right.
func (w *pipeWriter) take(a wire.PipelineResult) bool {
	path := pipeJob(w.number, w.answered)
	if a.Code != "ok" || string(a.ID) != fmt.Sprint(w.answered) || a.Zxid <= w.zxid || !strings.Contains(string(a.Results), `"`+path+`"`) {
		w.t.Errorf("pipeline %d, line %d, behind zxid %d: %+v %s", w.number, w.answered, w.zxid, a, a.Results)
		return false
	}
	if a.Replayed {
		w.replayed++
	}
	w.zxid = a.Zxid
	w.answered++
	w.done.Add(1)
	return true
}

// runWithClient is run with the Go client, which does all of that itself.
func (w *pipeWriter) runWithClient(ctx context.Context) {
	c := w.c.Client(w.number)
	p := c.Pipeline(w.t.Context())
	defer p.Close()
	var sender sync.WaitGroup
	defer sender.Wait()
	sender.Go(func() {
		defer p.CloseSend()
		pace := time.NewTicker(keyedPause)
		defer pace.Stop()
		for n := 0; ctx.Err() == nil; n++ {
			if err := p.SendText([]byte(strings.TrimSuffix(pipeLine(w.number, n), "\n"))); err != nil {
				w.t.Errorf("pipeline %d, line %d cannot be sent: %v", w.number, n, err)
				return
			}
			if n%pipeBurst == 0 {
				<-pace.C
			}
		}
	})
	for {
		r, err := p.Receive()
		if err == io.EOF {
			return
		}
		if err != nil {
			w.t.Errorf("pipeline %d, behind line %d: %v", w.number, w.answered, err)
			return
		}
		a, err := r.Decode()
		if err != nil || !w.take(a) {
			w.t.Errorf("pipeline %d: %s, %v", w.number, r.Text, err)
			return
		}
	}
}
