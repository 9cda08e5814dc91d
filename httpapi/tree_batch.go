package httpapi

import (
	"context"
	"errors"
	"math/rand/v2"
	"strconv"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	// MaxLoadOps and MaxLoadBytes bound a batch of a tree that is loaded: small enough for other writes to come in between.
	MaxLoadOps   = 256
	MaxLoadBytes = 512 << 10
	// MaxLoadWait is how long a batch is proposed again while there is no leader, or enough to do already.
	MaxLoadWait = 30 * time.Second
	// maxSkippedPaths bounds the paths in an answer.
	maxSkippedPaths = 100

	firstLoadPause = 20 * time.Millisecond
	longLoadPause  = time.Second
)

// treeBatch is some lines that are loaded together, or not at all.
type treeBatch struct {
	ops         []znode.Op
	own         int // ops at the beginning that are no line's
	bytes       int // of data
	first, last int64
	lines       int64
	skipped     int64
	paths       []string // of those skipped
}

// count says that the batch has a line more, of that number.
func (b *treeBatch) count(line int64) {
	if b.lines == 0 {
		b.first = line
	}
	b.lines++
	b.last = line
}

func (b *treeBatch) skip(p znode.Path) {
	if b.skipped++; len(b.paths) < maxSkippedPaths {
		b.paths = append(b.paths, p.String())
	}
}

// batchError is why a batch was not loaded, or is not known to be.
type batchError struct {
	err   error
	first int64 // line
}

func (e *batchError) Error() string {
	return "line " + strconv.FormatInt(e.first, 10) + ": " + e.err.Error()
}
func (e *batchError) Unwrap() error { return e.err }

// batchEnd is how a batch ended.
type batchEnd struct {
	batch *treeBatch
	res   *znode.Result
	err   error
}

// add takes an op into the batch, which is proposed first if it has no more room. What fills it depends on the lines alone, so that
// the same lines under the same key are the same batches.
func (l *treeLoad) add(op znode.Op) error {
	b := l.batch
	if len(b.ops) > b.own && (len(b.ops)-b.own >= MaxLoadOps || b.bytes+len(op.Data) > MaxLoadBytes) {
		if err := l.propose(); err != nil {
			return err
		}
		b = l.batch
	}
	b.ops = append(b.ops, op)
	b.bytes += len(op.Data)
	return nil
}

// propose has the batch carried out, once the one before it has been, and begins another.
func (l *treeLoad) propose() error {
	if err := l.await(); err != nil {
		return err
	}
	b := l.batch
	l.batch = new(treeBatch)
	end := make(chan batchEnd, 1)
	l.under = end
	txn := &znode.Txn{Ops: b.ops}
	key := l.key
	if key != "" {
		key += "\x00tree " + strconv.Itoa(l.next) // a NUL is in no client's key
	}
	l.next++
	go func(x *exchange) {
		res, err := x.proposeUntil(txn, key)
		end <- batchEnd{b, res, err}
	}(l.x)
	return nil
}

// settle has all carried out that was gathered.
func (l *treeLoad) settle() error {
	if len(l.batch.ops) > 0 {
		if err := l.propose(); err != nil {
			return err
		}
	}
	if err := l.await(); err != nil {
		return err
	}
	l.take(batchEnd{batch: l.batch}) // what is left was skipped
	l.batch = new(treeBatch)
	return nil
}

// await waits for the batch that is under way, if there is one.
func (l *treeLoad) await() error {
	if l.under == nil {
		return nil
	}
	end := <-l.under
	l.under = nil
	l.body.again()
	b := end.batch
	switch {
	case end.err != nil:
		return &batchError{end.err, b.first}
	case end.res.Code != znode.OK:
		return &batchError{refusal(end.res), b.first}
	case l.done.Lines == 0 && len(b.ops) > b.own && end.res.Ops[b.own].Loaded == znode.LoadedNot:
		parent := l.target.Parent()
		p := refuse(wire.NoChildrenEphemerals, parent.String()+" is ephemeral, or was deleted just now").of(parent, end.res.Zxid)
		return &batchError{p, b.first}
	}
	l.take(end)
	return nil
}

// abandon waits for the batch that is under way, whatever becomes of it: the exchange must not be used again before.
func (l *treeLoad) abandon() {
	if l.under != nil {
		_ = l.await()
	}
}

// take counts what became of a batch that was carried out.
func (l *treeLoad) take(end batchEnd) {
	b, d := end.batch, &l.done
	d.Lines += b.lines
	d.Skipped += b.skipped
	for _, p := range b.paths {
		l.listSkipped(p)
	}
	if end.res == nil {
		return
	}
	d.Zxid = max(d.Zxid, uint64(end.res.Zxid))
	l.again = l.again && end.res.Replayed
	for i := b.own; i < len(b.ops); i++ {
		switch end.res.Ops[i].Loaded {
		case znode.LoadedNew:
			d.Made++
		case znode.LoadedOver:
			d.Changed++
		case znode.LoadedSame:
			d.Same++
		case znode.LoadedKept:
			d.Kept++
		case znode.LoadedNot:
			d.Skipped++
			l.listSkipped(b.ops[i].Path.String())
		}
	}
}

func (l *treeLoad) listSkipped(path string) {
	if len(l.done.SkippedPaths) < maxSkippedPaths {
		l.done.SkippedPaths = append(l.done.SkippedPaths, path)
	}
}

// proposeUntil proposes a batch until it is carried out or refused, or MaxLoadWait is over. One of unknown outcome is proposed again
// only under a key, by which it happens once.
func (x *exchange) proposeUntil(txn *znode.Txn, key string) (*znode.Result, error) {
	if x.holder != nil {
		if err := x.join(txn); err != nil {
			return nil, err
		}
	}
	if key != "" {
		txn.Once = znode.NewOnce(key, txn)
	}
	deadline := time.NewTimer(MaxLoadWait)
	defer deadline.Stop()
	var unknown error // an attempt that may have been carried out, or yet be
	for pause := firstLoadPause; ; pause = min(2*pause, longLoadPause) {
		res, err := x.proposeOnce(txn)
		switch {
		case err == nil:
			return res, nil
		case errors.Is(err, command.ErrUnknown) && key != "":
			unknown = err
		case !errors.Is(err, command.ErrNoLeader) && !errors.Is(err, command.ErrThrottled) && !errors.Is(err, command.ErrBehind):
			return nil, worse(unknown, err)
		}
		rest := time.NewTimer(pause/2 + rand.N(pause/2))
		select {
		case <-rest.C:
			continue
		case <-deadline.C:
		case <-x.api.ending:
		case <-x.r.Context().Done():
		}
		rest.Stop()
		return nil, worse(unknown, err)
	}
}

// worse is err, unless an attempt before it may have been carried out.
func worse(unknown, err error) error {
	if unknown != nil {
		return unknown
	}
	return err
}

func (x *exchange) proposeOnce(txn *znode.Txn) (*znode.Result, error) {
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.WriteWait)
	defer cancel()
	res, err := x.api.cfg.Proposer.Propose(ctx, txn)
	switch {
	case err != nil:
		return nil, err
	case res == nil:
		return nil, command.ErrUnknown // a Proposer that breaks its promise
	case res.SessionOver:
		return nil, x.api.over(subject{key: txn.Session}, res.Zxid)
	}
	return res, nil
}
