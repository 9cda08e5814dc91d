package httpapi

import (
	"context"
	"errors"
	"mime"
	"net/http"
	"net/textproto"
	"strconv"
	"strings"
	"sync"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// Limits of a pipeline.
const (
	// MaxPipelines bounds the pipelines at once. Each holds up to four batches and a line, which is what its memory comes to.
	MaxPipelines = 128
	// MaxPipelineLineBytes bounds one line, as the body of POST /v1/txn is. What is longer is refused, and read over.
	MaxPipelineLineBytes = MaxTxnBodyBytes
	// MaxPipelineSkipBytes is how much of a line that is too long is read over at most; then the pipeline ends.
	MaxPipelineSkipBytes = 4 * MaxPipelineLineBytes
	// MaxPipelineIDBytes bounds the id of a line.
	MaxPipelineIDBytes = 128
	// maxBatchLines bounds the lines of a batch, those that are refused before they are proposed included.
	maxBatchLines = 4 * command.MaxBatchTxns
	// pipelineBatches is how many batches a pipeline has: one is gathered, one carried out, one waits to be written and one is
	// written. Where none is free the reader waits, and with it the client.
	pipelineBatches = 4
	// firstRetry and lastRetry are the pauses before a batch is proposed again that was certainly not carried out.
	firstRetry, lastRetry = 5 * time.Millisecond, 200 * time.Millisecond
)

// The largest transaction must fit into a batch: it could never be proposed.
const _ = uint(command.MaxBatchOps - znode.MaxTxnOps)

// pipeline is one request of POST /v1/pipeline. Its lines go through three hands, each a goroutine: the reader makes them
// transactions and gathers them in a batch, the executor proposes one batch at a time, which is what keeps their order, and the
// writer, the request's own, writes the answers. Lines that are refused without being proposed keep their place in the batch.
type pipeline struct {
	x *exchange

	mu    sync.Mutex // guards what follows
	batch *batch     // the one that is gathered
	over  bool       // no more is gathered
	ended *problem   // why, unless the request ended by itself or its client is gone; the first reason counts

	stop sync.Once // closes stopped
	// stopped is closed when nothing more is to be proposed.
	stopped chan struct{}

	wake  chan struct{} // tells the executor that the batch is worth taking
	taken chan struct{} // tells the reader that the batch is another
	free  chan *batch   // batches that nobody has
	done  chan *batch   // carried out, to be written; closed by the executor

	deadline readDeadline

	// The writer's alone.
	out      []byte // answers that are not passed on yet
	answered uint64 // the number of the last line with an answer
	gone     bool   // whether nobody reads the answers
}

// postPipeline answers POST /v1/pipeline: lines in, results out, both at once.
func (a *API) postPipeline(x *exchange) error {
	if err := checkPipelineHeaders(x); err != nil {
		return err
	}
	asked, err := x.askedZxid()
	if err != nil {
		return err
	}
	if asked > 0 {
		if _, err := x.stateAt(asked); err != nil {
			return err
		}
	}
	if err := x.linger(); err != nil {
		return err
	}
	if a.pipelines.Add(1) > MaxPipelines {
		a.pipelines.Add(-1)
		return refuse(wire.Throttled, strconv.Itoa(MaxPipelines)+" pipelines are open already")
	}
	defer a.pipelines.Add(-1)
	if x.holder != nil {
		a.cfg.Sessions.Touch(*x.holder) // the lines renew it, too, and say so if it is over
	}
	p := newPipeline(x)
	p.begin()
	return p.run()
}

// Pipelines is how many are open.
func (a *API) Pipelines() int { return int(a.pipelines.Load()) }

// pipelineMedia are the names that lines of JSON go by.
var pipelineMedia = []string{"application/x-ndjson", "application/ndjson", "application/jsonl"}

// checkPipelineHeaders refuses what cannot be heeded. A form, which is what curl says of --data-binary by itself and what a web page
// can send anywhere, is not taken for lines.
func checkPipelineHeaders(x *exchange) error {
	for _, coding := range x.r.Header["Content-Encoding"] {
		if !strings.EqualFold(textproto.TrimString(coding), "identity") {
			return badArguments("the lines must come as they are, not in content coding " + quoted(coding))
		}
	}
	t := x.r.Header.Get("Content-Type")
	if t == "" {
		return nil
	}
	media, _, err := mime.ParseMediaType(t)
	for _, m := range pipelineMedia {
		if err == nil && media == m {
			return nil
		}
	}
	return badArguments("the body is application/x-ndjson (curl -H 'Content-Type: application/x-ndjson'), not " + quoted(t))
}

func newPipeline(x *exchange) *pipeline {
	p := &pipeline{x: x, batch: &batch{}, stopped: make(chan struct{}), wake: make(chan struct{}, 1), taken: make(chan struct{}, 1),
		free: make(chan *batch, pipelineBatches), done: make(chan *batch, 1)}
	for range pipelineBatches - 1 {
		p.free <- &batch{}
	}
	p.deadline.x = x
	return p
}

// begin sends the header: the client may wait for it before it sends the first line.
func (p *pipeline) begin() {
	x := p.x
	if x.r.ProtoMajor == 1 {
		_ = http.NewResponseController(x.ResponseWriter).EnableFullDuplex()
		if strings.EqualFold(x.r.Header.Get("Expect"), "100-continue") {
			x.ResponseWriter.WriteHeader(http.StatusContinue) // net/http would not say so any more once the answer has begun
		}
		// Where a pipeline ends before its request does, the rest of the request must not pass for the next one.
		x.Header()["Connection"] = []string{"close"}
	}
	h := x.Header()
	h["Content-Type"] = typeNDJSON
	h["Cache-Control"] = noStore
	h["X-Content-Type-Options"] = noSniff
	x.setOwnZxid()
	x.WriteHeader(http.StatusOK)
	_ = p.flush() // a client that is gone shows in what follows
}

// run is the pipeline from its first line to the end of its goroutines.
func (p *pipeline) run() error {
	var hands sync.WaitGroup
	defer hands.Wait()
	told := false
	defer func() {
		if !told { // or the writer panicked
			p.halt(nil, true)
			for range p.done { // what is carried out by then is nobody's, and must not keep the executor
			}
		}
	}()
	hands.Go(p.read)
	hands.Go(p.execute)
	told = p.write()
	return nil
}

// halt sees to it that nothing more is proposed, because of end or, with nil, because nobody is there any more to be told. The
// reader goes on for a moment if the client is to hear of it: what it has sent must not stand in the way of the answer.
func (p *pipeline) halt(end *problem, gone bool) {
	p.stop.Do(func() {
		p.mu.Lock()
		p.over = true
		if p.ended == nil {
			p.ended = end
		}
		p.mu.Unlock()
		close(p.stopped)
	})
	if gone {
		p.deadline.final(time.Now())
	} else {
		p.deadline.final(time.Now().Add(drainTime))
	}
}

// finish says that no more lines come, because of end or, with nil, because the request is over. What is gathered is carried out.
func (p *pipeline) finish(end *problem) {
	p.mu.Lock()
	p.over = true
	if p.ended == nil {
		p.ended = end
	}
	p.mu.Unlock()
	p.offer()
}

// offer tells the executor that no more is likely to be gathered at once.
func (p *pipeline) offer() {
	select {
	case p.wake <- struct{}{}:
	default:
	}
}

// add puts a line into the batch; false when nothing more is taken.
func (p *pipeline) add(l *pipeLine) bool {
	for {
		p.mu.Lock()
		if p.over {
			p.mu.Unlock()
			return false
		}
		if p.batch.add(l) {
			p.mu.Unlock()
			return true
		}
		p.mu.Unlock()
		p.offer()
		p.deadline.lift()
		select {
		case <-p.taken:
		case <-p.stopped:
			return false
		}
	}
}

// take is the next batch to carry out, nil when there is none to come.
func (p *pipeline) take() *batch {
	var next *batch
	select {
	case next = <-p.free:
	case <-p.stopped:
		return nil
	}
	for {
		p.mu.Lock()
		b, over := p.batch, p.over
		if len(b.lines) > 0 {
			p.batch = next
			p.mu.Unlock()
			select {
			case p.taken <- struct{}{}:
			default:
			}
			return b
		}
		p.mu.Unlock()
		if over {
			return nil
		}
		select {
		case <-p.wake:
		case <-p.stopped:
			return nil
		}
	}
}

// execute carries out one batch after the other.
func (p *pipeline) execute() {
	defer close(p.done)
	for {
		select {
		case <-p.stopped:
			return
		default:
		}
		b := p.take()
		if b == nil {
			return
		}
		if len(b.txns) > 0 {
			b.results, b.err = p.propose(b.txns)
		}
		if b.err != nil {
			p.halt(p.trouble(b.err), false)
		}
		p.done <- b // there is room, or the writer makes some
	}
}

// propose carries out transactions, again as long as they were certainly not carried out and it may yet succeed. It does not end
// when the client goes away: what is under way cannot be called back, and the next batch does not begin.
func (p *pipeline) propose(txns []znode.Txn) ([]*znode.Result, error) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(p.x.r.Context()), p.x.api.cfg.WriteWait)
	defer cancel()
	for pause := firstRetry; ; pause = min(2*pause, lastRetry) {
		results, err := p.x.api.cfg.Proposer.ProposeAll(ctx, txns)
		if err == nil && len(results) != len(txns) {
			return nil, command.ErrUnknown // a Proposer that breaks its promise must not become a panic after the fact
		}
		if err == nil || !passes(err) || ctx.Err() != nil {
			return results, err
		}
		t := time.NewTimer(pause)
		select {
		case <-t.C:
		case <-ctx.Done():
		case <-p.stopped:
		}
		t.Stop()
		select {
		case <-p.stopped:
			return nil, err
		default:
		}
		if ctx.Err() != nil {
			return nil, err
		}
	}
}

// passes says whether err, after which nothing was carried out, is one that time heals.
func passes(err error) bool {
	return !errors.Is(err, command.ErrUnknown) && (errors.Is(err, command.ErrNoLeader) || errors.Is(err, command.ErrThrottled))
}

// trouble is the problem of a batch that has no results.
func (p *pipeline) trouble(err error) *problem {
	pr, unforeseen := problemOf(err)
	if unforeseen {
		p.x.api.log.Error("pipeline failed", "err", err)
	}
	return pr
}
