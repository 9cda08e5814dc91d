package sessions

import (
	"encoding/binary"
	"errors"
	"fmt"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// MaxBatch bounds the sessions that one question to the leader is about.
const MaxBatch = 10_000

// frameVersion is the first byte of every question and of every answer.
const frameVersion = 1

// askKind is what a member asks of the leader. A number is never used twice.
type askKind uint8

const (
	askRenew askKind = 1 // renew, and say how they stand
	askTouch askKind = 2 // renew; nobody waits for it
	askLook  askKind = 3 // say how they stand
)

// status is how a session stands, as the leader says it. A number is never used twice.
type status uint8

const (
	isAlive  status = 1
	isOver   status = 2
	askAgain status = 3 // that is being decided, or the renewal could not be noted
)

// question is what a member asks.
type question struct {
	kind   askKind
	keys   []znode.SessionKey // of askRenew and askTouch
	owners []znode.Owner      // of askLook
}

// answer is how one session stands.
type answer struct {
	status status
	lease  command.Lease // unless it is to be asked for again
}

// errFrame says that a question or an answer can not be read.
var errFrame = errors.New("malformed")

func appendHead(b []byte, kind askKind, n int) []byte {
	return binary.AppendUvarint(append(b, frameVersion, byte(kind)), uint64(n))
}

// appendKeys encodes a question about keys: version, kind, their number, 32 bytes each.
func appendKeys(b []byte, kind askKind, keys []znode.SessionKey) []byte {
	b = appendHead(b, kind, len(keys))
	for i := range keys {
		b = append(b, keys[i][:]...)
	}
	return b
}

// appendOwners encodes a question about owners: version, kind, their number, a varint each.
func appendOwners(b []byte, owners []znode.Owner) []byte {
	b = appendHead(b, askLook, len(owners))
	for _, o := range owners {
		b = binary.AppendUvarint(b, uint64(o))
	}
	return b
}

// appendAnswers encodes answers: version, kind of the question, their number, then of each its status and: of one that is
// alive its owner, timeout and what is left of it; of one that is over its owner and the reason.
func appendAnswers(b []byte, kind askKind, answers []answer) []byte {
	b = appendHead(b, kind, len(answers))
	for i := range answers {
		a := &answers[i]
		b = append(b, byte(a.status))
		switch a.status {
		case isAlive:
			b = binary.AppendUvarint(b, uint64(a.lease.Owner))
			b = binary.AppendUvarint(b, uint64(a.lease.Timeout))
			b = binary.AppendUvarint(b, uint64(a.lease.ExpiresIn))
		case isOver:
			b = binary.AppendUvarint(b, uint64(a.lease.Owner))
			b = append(b, byte(a.lease.Reason))
		}
	}
	return b
}

// reader takes a frame apart. Once something is wrong, everything reads as zero.
type reader struct {
	b   []byte
	err error
}

func (r *reader) fail(format string, args ...any) {
	if r.err == nil {
		r.err = fmt.Errorf("%w: "+format, append([]any{errFrame}, args...)...)
		r.b = nil
	}
}

func (r *reader) byte() byte {
	if len(r.b) == 0 {
		r.fail("it is cut short")
		return 0
	}
	c := r.b[0]
	r.b = r.b[1:]
	return c
}

func (r *reader) num() uint64 {
	v, n := binary.Uvarint(r.b)
	if n <= 0 {
		r.fail("it is cut short")
		return 0
	}
	r.b = r.b[n:]
	return v
}

// head reads version, kind and number.
func (r *reader) head() (askKind, int) {
	if v := r.byte(); v != frameVersion {
		r.fail("version %d, this program reads %d", v, frameVersion)
	}
	kind := askKind(r.byte())
	if kind != askRenew && kind != askTouch && kind != askLook {
		r.fail("unknown kind %d", kind)
	}
	n := r.num()
	if n > MaxBatch {
		r.fail("about %d sessions, the limit is %d", n, MaxBatch)
		n = 0
	}
	return kind, int(n)
}

func (r *reader) end() error {
	if len(r.b) > 0 {
		r.fail("%d bytes too many", len(r.b))
	}
	return r.err
}

func decodeQuestion(b []byte) (*question, error) {
	r := reader{b: b}
	kind, n := r.head()
	q := &question{kind: kind}
	if r.err == nil && kind == askLook {
		q.owners = make([]znode.Owner, 0, min(n, len(r.b)))
		for range n {
			q.owners = append(q.owners, znode.Owner(r.num()))
		}
	} else if r.err == nil {
		if len(r.b) != n*len(znode.SessionKey{}) {
			r.fail("%d bytes for %d keys", len(r.b), n)
			n = 0
		}
		q.keys = make([]znode.SessionKey, n)
		for i := range q.keys {
			r.b = r.b[copy(q.keys[i][:], r.b):]
		}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("a question about sessions: %w", err)
	}
	return q, nil
}

// decodeAnswers reads the answers to a question of that kind.
func decodeAnswers(b []byte, kind askKind) ([]answer, error) {
	r := reader{b: b}
	k, n := r.head()
	if k != kind {
		r.fail("the answer to a question of kind %d, not %d", k, kind)
	}
	answers := make([]answer, 0, min(n, len(r.b)))
	for range n {
		answers = append(answers, r.answer())
		if r.err != nil {
			break
		}
	}
	if err := r.end(); err != nil {
		return nil, fmt.Errorf("an answer about sessions: %w", err)
	}
	return answers, nil
}

func (r *reader) answer() answer {
	a := answer{status: status(r.byte())}
	l := &a.lease
	switch a.status {
	case isAlive:
		owner, timeout, left := r.num(), r.num(), r.num()
		if owner == 0 || timeout > znode.MaxSessionTimeout || left > timeout {
			r.fail("session %d with %d of %d ms left", owner, left, timeout)
		}
		*l = command.Lease{Owner: znode.Owner(owner), Alive: true, Timeout: int64(timeout), ExpiresIn: int64(left)}
	case isOver:
		*l = command.Lease{Owner: znode.Owner(r.num()), Reason: znode.Reason(r.byte())}
		if l.Reason > znode.Killed {
			r.fail("unknown reason %d", l.Reason)
		}
	case askAgain:
	default:
		r.fail("unknown status %d", a.status)
	}
	return a
}
