package httpapi

import (
	"context"
	"errors"
	"io"
	"net/http"
	"os"
	"strconv"
	"strings"
	"time"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

const (
	// MaxRestoreBytes bounds a backup that is to be restored. A member holds what it makes of it beside its own state.
	MaxRestoreBytes = 8 << 30
	// MaxRestoreWait bounds how long a restore may take from when its last byte is here.
	MaxRestoreWait = 10 * time.Minute
)

// Restorer puts a state in the place of the whole cluster's; unless replace is true only where there is no znode but the root. It
// gives the zxid of that. Errors are those of package command: ErrUnknown says that it may be done yet, every other that it is not.
type Restorer func(ctx context.Context, s *znode.State, replace bool) (znode.Zxid, error)

// putSnapshot answers PUT /v1/snapshot: restores what GET gave. Nothing is proposed before all of it is here and has been checked.
func (a *API) putSnapshot(x *exchange) error {
	if a.cfg.Restore == nil {
		return notYet("restoring a snapshot")
	}
	replace, err := x.query.flag("replace")
	if err != nil {
		return err
	}
	for _, coding := range x.r.Header["Content-Encoding"] {
		if !strings.EqualFold(strings.TrimSpace(coding), "identity") {
			return badArguments("the body must come as it is, not in content coding " + quoted(coding))
		}
	}
	if x.r.ContentLength > MaxRestoreBytes {
		return hangUp(tooMany("a backup to be restored has at most "+strconv.Itoa(MaxRestoreBytes)+" bytes", MaxRestoreBytes, x.r.ContentLength))
	}
	if err := x.linger(); err != nil {
		return err
	}
	if !a.restoring.CompareAndSwap(false, true) {
		return refuse(wire.Throttled, command.ErrRestoring.Error())
	}
	defer a.restoring.Store(false)
	if !replace { // before the body: it may be long in coming
		switch s, err := x.linearState(); {
		case err != nil:
			return err
		case s.Tree.Len() > 1:
			return notEmpty(s)
		}
	}
	s, err := x.backup()
	if err != nil {
		return err
	}
	return x.restore(s, replace)
}

// notEmpty refuses to restore over what there is.
func notEmpty(s *znode.State) error {
	return refuse(wire.NotEmpty, "the tree is not empty (znodes besides the root: "+strconv.Itoa(s.Tree.Len()-1)+
		"); with ?replace=true the backup takes their place, and all sessions end").of(znode.Root, s.Zxid)
}

// backup reads the body and checks all of it.
func (x *exchange) backup() (*znode.State, error) {
	defer x.readUntilEnding()()
	body := &atMost{r: &patient{x: x}, left: MaxRestoreBytes}
	s, err := znode.DecodeState(body)
	switch {
	case err == nil:
		err = s.Restorable()
	case body.err != nil && body.err != io.EOF:
		err = body.err // whatever was made of what came
	}
	switch {
	case err == nil:
		return s, nil
	case errors.Is(err, errTooLarge):
		return nil, hangUp(tooMany("a backup to be restored has at most "+strconv.Itoa(MaxRestoreBytes)+" bytes", MaxRestoreBytes, -1))
	case errors.Is(err, errEnding):
		return nil, hangUp(refuse(wire.ShuttingDown, "the member is shutting down; send all again to another"))
	case errors.Is(err, znode.ErrCorruptState), errors.Is(err, znode.ErrNotRestorable):
		// The client sends on, and an answer might be lost with the connection.
		if _, rest := io.Copy(io.Discard, body); rest != nil {
			return nil, hangUp(badBackup(err))
		}
		return nil, badBackup(err)
	case errors.Is(err, os.ErrDeadlineExceeded):
		return nil, hangUp(badArguments("too little of the body arrived within " + x.api.cfg.BodyTimeout.String()))
	default:
		return nil, hangUp(badArguments("the body broke off: " + err.Error()))
	}
}

func badBackup(err error) *problem {
	return badArguments("the body is no backup, or is damaged: " + err.Error() + "; nothing was done")
}

// restore restores s, which nobody needs afterwards.
func (x *exchange) restore(s *znode.State, replace bool) error {
	x.setWriteDeadline(time.Now().Add(MaxRestoreWait + x.api.cfg.AnswerTimeout))
	ctx, cancel := context.WithTimeout(x.r.Context(), MaxRestoreWait)
	defer cancel()
	done := wire.Restored{From: uint64(s.Zxid), Znodes: int64(s.Tree.Len() - s.Sessions.NumEphemerals())}
	z, err := x.api.cfg.Restore(ctx, s, replace)
	x.setWriteDeadline(time.Now().Add(x.api.cfg.AnswerTimeout))
	switch {
	case err == nil:
	case errors.Is(err, command.ErrUnknown):
		return err
	case errors.Is(err, command.ErrNotEmpty):
		now, err := x.api.cfg.Reader.State()
		if err != nil {
			return err
		}
		return notEmpty(now)
	case errors.Is(err, command.ErrRestoring):
		return refuse(wire.Throttled, command.ErrRestoring.Error())
	case errors.Is(err, command.ErrOldMember):
		return refuse(wire.NotImplemented, err.Error())
	case errors.Is(err, command.ErrUnreadable):
		return badArguments(err.Error())
	default:
		return err
	}
	done.Zxid = uint64(z)
	x.setZxid(z)
	return x.writeValue(http.StatusOK, &done)
}

// atMost reads so many bytes and no more, and remembers what ended it.
type atMost struct {
	r    io.Reader
	left int64
	err  error
}

func (a *atMost) Read(b []byte) (int, error) {
	if a.err != nil {
		return 0, a.err
	}
	n, err := a.r.Read(b[:min(int64(len(b)), a.left+1)])
	if a.left -= int64(n); a.left < 0 {
		err = errTooLarge
	}
	a.err = err
	return n, err
}
