package raftfsm

import (
	"errors"
	"io"
	"sync/atomic"

	"github.com/klauspost/compress/zstd"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// stagingTime is how long, by the time in the log, a restore may pause between two steps before another may begin, in ms.
const stagingTime = 30_000

var (
	// errStaging: a snapshot of this moment could not hold the pieces of a restore that have come so far.
	errStaging = errors.New("a restore is on its way through the log: a snapshot has to wait")
	// errStagingOver ends the reading of pieces of which no more come.
	errStagingOver = errors.New("the restore was given up")
)

// staging is a state that comes through the log in pieces. It is read as it comes, so that a member holds two states and not the bytes
// of one as well. What becomes of it depends on the log alone, like all else here, and no snapshot is taken meanwhile.
type staging struct {
	id     command.RestoreID
	term   uint64
	pieces uint64         // that have come
	last   int64          // time of the last step
	state  *znode.State   // of a restore that this member proposes: it has it already; otherwise there once done is closed
	err    error          // why there is none, once done is closed
	pipe   *io.PipeWriter // to the goroutine that reads; nil where nothing need be read
	done   chan struct{}  // closed by that goroutine
}

// offer is the state of a restore that this member proposes, so that it need not read it from the log.
type offer struct {
	id    command.RestoreID
	state *znode.State
}

// stagings is where restores pass through.
type stagings struct {
	offered atomic.Pointer[offer]
	now     *staging // the applying goroutine's; nil if there is none
}

// begin starts one.
func (ss *stagings) begin(id command.RestoreID, term uint64, now int64) {
	s := &staging{id: id, term: term, last: now}
	ss.now = s
	if o := ss.offered.Load(); o != nil && o.id == id {
		s.state = o.state
		return
	}
	var r *io.PipeReader
	r, s.pipe = io.Pipe()
	s.done = make(chan struct{})
	go s.read(r)
}

// read makes the state of the pieces, on a goroutine of its own: end or drop ends it.
func (s *staging) read(r *io.PipeReader) {
	defer close(s.done)
	s.state, s.err = readPieces(r)
	_ = r.CloseWithError(errStagingOver) // who writes more is not held up
}

func readPieces(r io.Reader) (*znode.State, error) {
	z, err := zstd.NewReader(r, zstd.WithDecoderConcurrency(1), zstd.WithDecoderLowmem(true))
	if err != nil {
		return nil, err
	}
	defer z.Close()
	return znode.DecodeState(z)
}

// piece takes the next bytes.
func (s *staging) piece(data string, now int64) {
	s.pieces++
	s.last = now
	if s.pipe != nil {
		_, _ = io.WriteString(s.pipe, data) // an error is the reader's, and told by end
	}
}

// end is what the pieces came to.
func (s *staging) end() (*znode.State, error) {
	if s.pipe != nil {
		_ = s.pipe.Close()
		<-s.done
	}
	return s.state, s.err
}

// drop forgets what has come so far.
func (ss *stagings) drop() {
	if s := ss.now; s != nil && s.pipe != nil {
		_ = s.pipe.CloseWithError(errStagingOver)
		<-s.done
	}
	ss.now = nil
}

// over says whether there is a restore that cannot be ended any more: its term is over, or who proposed it is gone.
func (ss *stagings) over(term uint64, now int64) bool {
	s := ss.now
	return s != nil && (s.term != term || now-s.last > stagingTime)
}

// restoreStep carries out one step of a restore. A refusal has one of the codes below, for Node.Restore alone.
func (f *fsm) restoreStep(step *command.RestoreStep, term uint64) *znode.Result {
	s, now := f.staging.now, f.machine.Now()
	if step.Kind == command.RestoreBegin {
		if s != nil {
			return f.stepResult(stepBusy)
		}
		f.staging.begin(step.ID, term, now)
		f.size.hold(true)
		return f.stepResult(znode.OK)
	}
	if s == nil || s.id != step.ID {
		return f.stepResult(stepOver)
	}
	switch {
	case step.Kind == command.RestorePiece && step.Number == s.pieces:
		s.piece(step.Data, now)
		return f.stepResult(znode.OK)
	case step.Kind == command.RestoreEnd && step.Number == s.pieces:
		return f.endRestore(step)
	}
	f.dropStaging()
	return f.stepResult(stepOver)
}

// Why a step of a restore is refused.
const (
	stepBusy       = znode.QuotaExceeded // there is another restore
	stepOver       = znode.StaleTerm     // there is no such restore any more
	stepUnreadable = znode.BadArguments
	stepNotEmpty   = znode.NotEmpty
)

// stepResult is the result of a step.
func (f *fsm) stepResult(code znode.Code) *znode.Result {
	return &znode.Result{Code: code, Failed: -1, Zxid: f.machine.Zxid()}
}

// endRestore puts the restored state in the place of the present one.
func (f *fsm) endRestore(step *command.RestoreStep) *znode.Result {
	state, err := f.staging.now.end()
	f.dropStaging()
	if err == nil {
		err = state.Restorable()
	}
	switch {
	case err != nil:
		f.log.Error("a restore cannot be read", "error", err)
		return f.stepResult(stepUnreadable)
	case !step.Replace && !f.machine.Empty():
		return f.stepResult(stepNotEmpty)
	}
	for _, s := range f.machine.Restore(state) {
		f.changes = append(f.changes, command.SessionChange{Session: s, Kind: command.SessionClosed})
	}
	f.size.soon()
	f.log.Warn("restored a backup: the tree was replaced, all sessions have ended", "zxid", f.machine.Zxid(), "from_zxid", state.Zxid, "znodes", state.Tree.Len())
	return f.stepResult(znode.OK)
}

func (f *fsm) dropStaging() {
	f.staging.drop()
	f.size.hold(false)
}
