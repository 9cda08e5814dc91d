package raftfsm

import (
	"context"
	"crypto/rand"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/klauspost/compress/zstd"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	// MaxRestoreTries bounds how often a restore begins again after a change of leader swept it away.
	MaxRestoreTries = 16
	// restoreVersion is the version of the log that restores came with.
	restoreVersion = 2
	// abortTime bounds telling the others that a restore is given up; they find out by themselves after stagingTime.
	abortTime = 2 * time.Second
)

// errSwept says that a restore was swept away by a change of leader before it was carried out.
var errSwept = errors.New("a change of leader swept the restore away")

// Restore replaces the tree on all members by the one in s: all sessions end, the zxid is lifted above the present one, streams are told to
// read again (znode.Machine.Restore). It may be called on any member and gives the zxid of the restored state. Unless replace is true
// there must be no znodes besides the root.
//
// The state goes through the log in pieces, writes go on meanwhile, and what they did is gone with the last piece. Until that is
// committed nothing has changed, then all has, on whichever members hold it: as with any write. Errors are those of package
// command; all but ErrUnknown say that nothing was done and nothing is to come.
//
// Raft's own Restore was not taken: it replaces the leader's state before a quorum has the new one. If that leader dies, the others
// go on from the old state, and when it comes back it keeps the new one.
func (n *Node) Restore(ctx context.Context, s *znode.State, replace bool) (znode.Zxid, error) {
	if err := s.Restorable(); err != nil {
		return 0, fmt.Errorf("%w: %w", command.ErrUnreadable, err)
	}
	if !n.restoring.TryLock() {
		return 0, command.ErrRestoring
	}
	defer n.restoring.Unlock()
	if err := n.noneOlder(ctx); err != nil {
		return 0, err
	}
	for try := 1; ; try++ {
		r := &restore{node: n, ctx: ctx}
		rand.Read(r.id[:]) // never fails
		n.fsm.staging.offered.Store(&offer{r.id, s})
		z, err := r.run(s, replace)
		n.fsm.staging.offered.Store(nil)
		if !errors.Is(err, errSwept) {
			return z, err
		}
		if ctx.Err() != nil || try == MaxRestoreTries {
			return 0, fmt.Errorf("%w: %w", command.ErrNoLeader, errSwept)
		}
		n.log.Info("a restore begins again", "reason", err)
	}
}

// proposeCommand is ProposeAll of any command.
func (n *Node) proposeCommand(ctx context.Context, cmd *command.Command) ([]*znode.Result, error) {
	if n.ctx.Err() != nil {
		return nil, command.ErrShuttingDown
	}
	c, err := n.calls.startCommand(cmd)
	if err != nil {
		return nil, err
	}
	o := n.outcomeOf(ctx, c)
	return o.results, o.err
}

// noneOlder refuses a restore that some member says it could not read. Who does not answer is taken for one that can: a member that
// is down must not stand in the way of a restore, and one that turns out to be older stops there and says so.
func (n *Node) noneOlder(ctx context.Context) error {
	n.Reports(ctx)
	n.reports.mu.Lock()
	defer n.reports.mu.Unlock()
	for _, s := range n.servers() {
		if w, ok := n.reports.words[s.Name]; ok && w.version < restoreVersion {
			return fmt.Errorf("%w: %s reads version %d of the log, a restore is of version %d", command.ErrOldMember, s.Name, w.version, restoreVersion)
		}
	}
	return nil
}

// restore is one attempt.
type restore struct {
	node *Node
	ctx  context.Context
	id   command.RestoreID
	next uint64 // number of the next piece
	buf  []byte // what does not make a piece yet
}

func (r *restore) run(s *znode.State, replace bool) (znode.Zxid, error) {
	if _, err := r.step(command.RestoreStep{Kind: command.RestoreBegin}); err != nil {
		return 0, r.notDone(err)
	}
	err := r.send(s)
	if err != nil {
		r.abort(err)
		return 0, r.notDone(err)
	}
	z, err := r.step(command.RestoreStep{Kind: command.RestoreEnd, Number: r.next, Replace: replace})
	if err != nil && !errors.Is(err, command.ErrUnknown) {
		r.abort(err)
	}
	return z, err
}

// notDone is the error of an attempt of which the last step was not proposed: whatever is not known of those before it, it was not
// carried out.
func (r *restore) notDone(err error) error {
	if errors.Is(err, command.ErrUnknown) {
		return fmt.Errorf("%w: it broke off before the last step", command.ErrNoLeader)
	}
	return err
}

// send proposes the pieces.
func (r *restore) send(s *znode.State) error {
	z, err := zstd.NewWriter(r, zstd.WithEncoderLevel(zstd.SpeedFastest), zstd.WithEncoderConcurrency(1))
	if err != nil {
		return err
	}
	if err := s.Encode(z); err != nil {
		return errors.Join(err, z.Close())
	}
	if err := z.Close(); err != nil {
		return err
	}
	return r.flush()
}

// Write proposes a piece whenever there is enough for one.
func (r *restore) Write(b []byte) (written int, err error) {
	for len(b) > 0 {
		k := min(len(b), command.MaxPieceBytes-len(r.buf))
		r.buf = append(r.buf, b[:k]...)
		b = b[k:]
		written += k
		if len(r.buf) == command.MaxPieceBytes {
			if err := r.flush(); err != nil {
				return written, err
			}
		}
	}
	return written, nil
}

var _ io.Writer = (*restore)(nil)

func (r *restore) flush() error {
	if len(r.buf) == 0 {
		return nil
	}
	_, err := r.step(command.RestoreStep{Kind: command.RestorePiece, Number: r.next, Data: string(r.buf)})
	r.next++
	r.buf = r.buf[:0]
	return err
}

// step proposes a step and waits for what becomes of it.
func (r *restore) step(s command.RestoreStep) (znode.Zxid, error) {
	s.ID = r.id
	return r.propose(r.ctx, &s)
}

func (r *restore) propose(ctx context.Context, s *command.RestoreStep) (znode.Zxid, error) {
	results, err := r.node.proposeCommand(ctx, &command.Command{Restore: s})
	if err != nil {
		return 0, err
	}
	switch results[0].Code {
	case znode.OK:
		return results[0].Zxid, nil
	case stepBusy:
		return 0, command.ErrRestoring
	case stepNotEmpty:
		return 0, command.ErrNotEmpty
	case stepOver:
		return 0, errSwept
	default:
		return 0, command.ErrUnreadable
	}
}

// abort has the members forget the pieces, if they can be told and have not already.
func (r *restore) abort(why error) {
	if errors.Is(why, errSwept) {
		return
	}
	ctx, cancel := context.WithTimeout(r.node.ctx, abortTime)
	defer cancel()
	_, err := r.propose(ctx, &command.RestoreStep{Kind: command.RestoreAbort, ID: r.id})
	if err != nil && !errors.Is(err, errSwept) {
		r.node.log.Debug("a restore that was given up is still in the members' memory", "error", err)
	}
}
