package httpapi

import (
	"net/http"
	"strconv"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// pipelineWriteBytes is how many bytes of answers are written together.
const pipelineWriteBytes = 64 << 10

// write is the writer: it writes the answers of each batch that is done, and says whether the client was told all, also why the
// pipeline ended.
func (p *pipeline) write() bool {
	gone, ending := p.x.r.Context().Done(), p.x.api.ending
	if p.x.r.ProtoMajor == 1 {
		// There it is done where the request cannot be read on, too, and the client may well be there to read. Whether it is, a write tells.
		gone = nil
	}
	for {
		select {
		case b, ok := <-p.done:
			if !ok {
				return p.writeEnd()
			}
			p.writeBatch(b)
			b.reset()
			p.free <- b // there is room for all there are
		case <-ending:
			ending = nil
			p.halt(refuse(wire.ShuttingDown, "this server is shutting down"), false)
		case <-gone:
			gone = nil
			p.leave()
		}
	}
}

// leave is for when the client is gone.
func (p *pipeline) leave() {
	p.gone = true
	p.halt(nil, true)
}

// writeBatch writes the answers of a batch. They are passed on unless the next are there already.
func (p *pipeline) writeBatch(b *batch) {
	p.answered = b.lines[len(b.lines)-1].number
	if p.gone {
		return
	}
	if x := p.x; x.holder != nil {
		for _, r := range b.results {
			x.zxid = max(x.zxid, r.Zxid)
		}
		x.awaitEvents()
	}
	for i := range b.lines {
		p.out = p.appendAnswer(p.out, b, &b.lines[i])
		if len(p.out) >= pipelineWriteBytes && !p.passOn() {
			return
		}
	}
	if len(p.done) == 0 && p.passOn() && p.flush() != nil {
		p.leave()
	}
}

// writeEnd writes why the pipeline ended, if its request did not end by itself.
func (p *pipeline) writeEnd() bool {
	p.mu.Lock()
	end := p.ended
	p.mu.Unlock()
	if end != nil && !p.gone {
		p.out = appendEnd(p.out, end, p.answered)
	}
	return !p.gone && p.passOn() && p.flush() == nil
}

// passOn writes what there is, and says whether the client took it.
func (p *pipeline) passOn() bool {
	if len(p.out) > 0 && !p.gone {
		p.x.setWriteDeadline(time.Now().Add(p.x.api.cfg.AnswerTimeout))
		if _, err := p.x.ResponseWriter.Write(p.out); err != nil {
			p.leave()
		}
	}
	if p.out = p.out[:0]; cap(p.out) > 4*pipelineWriteBytes {
		p.out = nil
	}
	return !p.gone
}

// flush sends what was written. While nothing is to be written no deadline runs: over HTTP/2 it would end the answer.
func (p *pipeline) flush() error {
	err := http.NewResponseController(p.x.ResponseWriter).Flush()
	p.x.setWriteDeadline(time.Time{})
	return err
}

// appendEnd is wire.PipelineEnd.
func appendEnd(b []byte, end *problem, answered uint64) []byte {
	b = append(b, `{"ended":true,"answered":`...)
	b = strconv.AppendUint(b, answered, 10)
	b = append(b, `,"code":"`...)
	b = append(b, end.Code...)
	b = append(b, `","status":`...)
	b = strconv.AppendInt(b, int64(end.Status), 10)
	b = append(b, `,"detail":`...)
	why := end.Detail
	if why == "" {
		why = kinds[end.Code].title
	}
	b = appendString(b, why+"; every line up to "+strconv.FormatUint(answered, 10)+
		" has its answer above, and none behind it was carried out")
	return append(b, '}', '\n')
}

// appendAnswer is wire.PipelineResult, the answer to a line.
func (p *pipeline) appendAnswer(b []byte, of *batch, l *pipeLine) []byte {
	b = append(b, `{"line":`...)
	b = strconv.AppendUint(b, l.number, 10)
	if l.id != "" {
		b = append(b, `,"id":`...)
		b = append(b, l.id...)
	}
	switch {
	case l.refused != nil:
		b = p.appendRefused(b, l.refused, false)
	case of.err != nil:
		refused, _ := problemOf(of.err)
		b = p.appendRefused(b, refused, false)
	default:
		b = p.appendOutcome(b, l, of.results[l.at])
	}
	return append(b, '}', '\n')
}

// appendOutcome is the answer to a line that was proposed, behind its id.
func (p *pipeline) appendOutcome(b []byte, l *pipeLine, r *znode.Result) []byte {
	if r.Code != znode.OK {
		a, refused := p.x.api, (*problem)(nil)
		switch {
		case r.SessionOver:
			refused = a.over(subject{key: l.txn.Session}, r.Zxid)
		case l.many:
			refused = a.txnRefused(&l.txn, r)
		default:
			refused = a.refused(&l.txn, r)
		}
		return p.appendRefused(b, refused, r.Replayed)
	}
	b = append(b, `,"zxid":`...)
	b = strconv.AppendUint(b, uint64(r.Zxid), 10)
	b = append(b, `,"code":"ok"`...)
	if r.Replayed {
		b = append(b, `,"replayed":true`...)
	}
	if !l.many {
		return appendOpResult(append(b, `,"result":`...), &l.txn.Ops[0], &r.Ops[0])
	}
	b = append(b, `,"results":[`...)
	for i := range r.Ops {
		if i > 0 {
			b = append(b, ',')
		}
		b = appendOpResult(b, &l.txn.Ops[i], &r.Ops[i])
	}
	return append(b, ']')
}

// appendRefused is the answer to a line that was refused, behind its id.
func (p *pipeline) appendRefused(b []byte, r *problem, replayed bool) []byte {
	z := znode.Zxid(r.Zxid)
	if !r.zxided {
		z = p.x.api.ownZxid()
	}
	b = append(b, `,"zxid":`...)
	b = strconv.AppendUint(b, uint64(z), 10)
	b = append(b, `,"code":"`...)
	b = append(b, r.Code...)
	b = append(b, '"')
	if replayed {
		b = append(b, `,"replayed":true`...)
	}
	b = append(b, `,"status":`...)
	b = strconv.AppendInt(b, int64(r.Status), 10)
	b = append(b, `,"detail":`...)
	b = appendString(b, r.Detail)
	if r.Path != "" {
		b = appendString(append(b, `,"path":`...), r.Path)
	}
	if r.Retryable {
		b = append(b, `,"retryable":true`...)
	}
	if r.Reason != "" {
		b = appendString(append(b, `,"reason":`...), r.Reason)
	}
	for _, n := range []struct {
		name  string
		value *int64
	}{{"current_version", r.CurrentVersion}, {"limit", r.Limit}, {"size", r.Size}} {
		if n.value != nil {
			b = append(append(append(b, `,"`...), n.name...), `":`...)
			b = strconv.AppendInt(b, *n.value, 10)
		}
	}
	if r.Failed != nil {
		b = strconv.AppendInt(append(b, `,"failed":`...), int64(*r.Failed), 10)
	}
	if len(r.Results) > 0 {
		b = append(b, `,"results":[`...)
		for i := range r.Results {
			if i > 0 {
				b = append(b, ',')
			}
			b = append(append(append(b, `{"code":"`...), r.Results[i].Code...), `"}`...)
		}
		b = append(b, ']')
	}
	return b
}
