package sessions

import (
	"bytes"
	"encoding/binary"
	"errors"
	"math"
	"reflect"
	"testing"

	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

func someAnswers() []answer {
	return []answer{
		{isAlive, command.Lease{Owner: 300, Alive: true, Timeout: 10_000, ExpiresIn: 9_999}},
		{isOver, command.Lease{Owner: 2, Reason: znode.Killed}},
		{isOver, command.Lease{}},
		{status: askAgain},
	}
}

// Members of different versions talk to one another: what these bytes mean must not change.
func TestFramesAreFixed(t *testing.T) {
	k := znode.SessionKey(bytes.Repeat([]byte{7}, 32))
	for _, tt := range []struct {
		name string
		got  []byte
		want []byte
	}{
		{"renew", appendKeys(nil, askRenew, []znode.SessionKey{k}), append([]byte{1, 1, 1}, k[:]...)},
		{"touch", appendKeys(nil, askTouch, []znode.SessionKey{k}), append([]byte{1, 2, 1}, k[:]...)},
		{"look", appendOwners(nil, []znode.Owner{5, 300}), []byte{1, 3, 2, 5, 0xac, 2}},
		{"answers", appendAnswers(nil, askRenew, someAnswers()), []byte{1, 1, 4, 1, 0xac, 2, 0x90, 0x4e, 0x8f, 0x4e, 2, 2, 3, 2, 0, 0, 3}},
	} {
		if !bytes.Equal(tt.got, tt.want) {
			t.Errorf("%s is written as %x, want %x", tt.name, tt.got, tt.want)
		}
	}
}

func TestFramesRoundTrip(t *testing.T) {
	keys := make([]znode.SessionKey, MaxBatch)
	owners := make([]znode.Owner, MaxBatch)
	for i := range keys {
		keys[i], owners[i] = key(i), znode.Owner(i*i)
	}
	for _, kind := range []askKind{askRenew, askTouch} {
		if q, err := decodeQuestion(appendKeys(nil, kind, keys)); err != nil || q.kind != kind || !reflect.DeepEqual(q.keys, keys) {
			t.Errorf("kind %d: %v", kind, err)
		}
	}
	if q, err := decodeQuestion(appendOwners(nil, owners)); err != nil || q.kind != askLook || !reflect.DeepEqual(q.owners, owners) {
		t.Error(err)
	}
	if got, err := decodeAnswers(appendAnswers(nil, askLook, someAnswers()), askLook); err != nil || !reflect.DeepEqual(got, someAnswers()) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestMalformedFramesAreRefused(t *testing.T) {
	question := appendKeys(nil, askRenew, []znode.SessionKey{key(1), key(2)})
	answers := appendAnswers(nil, askRenew, someAnswers())
	refused := func(what string, b []byte) {
		t.Helper()
		if _, err := decodeQuestion(b); !errors.Is(err, errFrame) {
			t.Errorf("question, %s: %v", what, err)
		}
		if _, err := decodeAnswers(b, askRenew); !errors.Is(err, errFrame) {
			t.Errorf("answer, %s: %v", what, err)
		}
	}
	for n := range question {
		refused("cut short", question[:n])
	}
	for n := range answers {
		refused("cut short", answers[:n])
	}
	refused("a byte more", append(bytes.Clone(question), 0))
	refused("a byte more", append(bytes.Clone(answers), 0))
	for _, tt := range []struct {
		name string
		b    []byte
	}{
		{"another version", []byte{2, 1, 0}},
		{"unknown kind", []byte{1, 4, 0}},
		{"no kind", []byte{1, 0, 0}},
		{"too many", binary.AppendUvarint([]byte{1, 1}, MaxBatch+1)},
		{"a number beyond all", binary.AppendUvarint([]byte{1, 1}, math.MaxUint64)},
		{"a number of eleven bytes", append([]byte{1, 1}, bytes.Repeat([]byte{0x81}, 11)...)},
		{"unknown status", []byte{1, 1, 1, 4}},
		{"alive and nobody", []byte{1, 1, 1, 1, 0, 5, 5}},
		{"more left than there is", []byte{1, 1, 1, 1, 1, 5, 6}},
		{"a timeout beyond all", append(binary.AppendUvarint([]byte{1, 1, 1, 1, 1}, znode.MaxSessionTimeout+1), 0)},
		{"an unknown reason", []byte{1, 1, 1, 2, 1, 4}},
	} {
		refused(tt.name, tt.b)
	}
	if _, err := decodeAnswers(answers, askLook); !errors.Is(err, errFrame) {
		t.Errorf("the answer to another kind: %v", err)
	}
}

// What is accepted reads the same when it is written again, and is within the limits.
func FuzzDecodeQuestion(f *testing.F) {
	f.Add(appendKeys(nil, askRenew, []znode.SessionKey{key(1), key(2)}))
	f.Add(appendKeys(nil, askTouch, nil))
	f.Add(appendOwners(nil, []znode.Owner{1, math.MaxUint64}))
	l := New(Config{})
	f.Fuzz(func(t *testing.T, b []byte) {
		if _, err := l.OnAsk(t.Context(), b); err == nil {
			t.Fatal("answered by one that keeps no leases")
		}
		q, err := decodeQuestion(b)
		if err != nil {
			if !errors.Is(err, errFrame) {
				t.Fatalf("an error that is not about the bytes: %v", err)
			}
			return
		}
		again := appendKeys(nil, q.kind, q.keys)
		if q.kind == askLook {
			again = appendOwners(nil, q.owners)
		}
		if q2, err := decodeQuestion(again); err != nil || !reflect.DeepEqual(q, q2) || len(q.keys)+len(q.owners) > MaxBatch {
			t.Fatalf("%+v reads as %+v, %v", q, q2, err)
		}
	})
}

func FuzzDecodeAnswers(f *testing.F) {
	f.Add(appendAnswers(nil, askRenew, someAnswers()))
	f.Add(appendAnswers(nil, askTouch, nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		for _, kind := range []askKind{askRenew, askTouch, askLook} {
			answers, err := decodeAnswers(b, kind)
			if err != nil {
				if !errors.Is(err, errFrame) {
					t.Fatalf("an error that is not about the bytes: %v", err)
				}
				continue
			}
			got, err := decodeAnswers(appendAnswers(nil, kind, answers), kind)
			if err != nil || !reflect.DeepEqual(got, answers) || len(got) > MaxBatch {
				t.Fatalf("%+v reads as %+v, %v", answers, got, err)
			}
		}
	})
}
