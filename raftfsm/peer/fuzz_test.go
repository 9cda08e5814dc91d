package peer

import (
	"bufio"
	"bytes"
	"errors"
	"io"
	"strings"
	"testing"
)

// Whatever arrives, frames are read until the first thing that is none; what was
// read is written back as the same frame.
func FuzzReadFrame(f *testing.F) {
	f.Add(appendFrame(nil, 0, 1, nil))
	f.Add(appendFrame(appendFrame(nil, 1, 2, []byte("payload")), 1<<63, 255, make([]byte, 300)))
	f.Add([]byte{0, 0, 0, 4, 0x80, 0x00, 7, 9}) // an id longer than it need be
	f.Add([]byte{0, 0, 0, 1, 0})
	f.Add([]byte{0xff, 0xff, 0xff, 0xff, 0})
	f.Add(append([]byte{0, 0, 0, 12}, bytes.Repeat([]byte{0xff}, 12)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bufio.NewReaderSize(bytes.NewReader(data), 16)
		for {
			id, kind, payload, err := readFrame(r)
			if err != nil {
				if err != io.EOF && err != io.ErrUnexpectedEOF && !errors.Is(err, ErrFrame) {
					t.Fatalf("error %v", err)
				}
				return
			}
			again := appendFrame(nil, id, kind, payload)
			if len(again) != frameSize(id, payload) {
				t.Fatalf("size %d, said to be %d", len(again), frameSize(id, payload))
			}
			id2, kind2, payload2, err := readFrame(bufio.NewReader(bytes.NewReader(again)))
			if err != nil || id2 != id || kind2 != kind || !bytes.Equal(payload2, payload) {
				t.Fatalf("%d %d %q came back as %d %d %q, %v", id, kind, payload, id2, kind2, payload2, err)
			}
		}
	})
}

func FuzzParseError(f *testing.F) {
	f.Add(errorPayload(&RemoteError{"code", "text"}))
	f.Add([]byte{})
	f.Add([]byte{5, 'x'})
	f.Fuzz(func(t *testing.T, data []byte) {
		e, err := parseError(data)
		if err != nil {
			if !errors.Is(err, ErrFrame) {
				t.Fatalf("error %v", err)
			}
			return
		}
		want := data[:min(len(data), 1+len(e.Code)+MaxErrorText)]
		if got := errorPayload(e); !bytes.Equal(got, want) {
			t.Fatalf("%q came back as %q", want, got)
		}
	})
}

// Each message of the handshake is read as exactly the bytes it was written as,
// or not at all, and nothing behind it is touched.
func FuzzHandshakeMessages(f *testing.F) {
	h := hello{kind: KindCalls, name: "birch", wanted: "ash", cluster: "c1"}
	v := verdict{reason: WrongName, name: "ash", cluster: "c1"}
	f.Add(h.append(nil))
	f.Add(newChallenge())
	f.Add(append(v.append(nil), make([]byte, proofSize+5)...))
	f.Add([]byte(magic + "\x01R" + strings.Repeat("\xff", 300)))
	f.Fuzz(func(t *testing.T, data []byte) {
		r := bytes.NewReader(data)
		if h, said, err := readHello(r); err == nil {
			if again := h.append(nil); !bytes.Equal(again, said) || !bytes.HasPrefix(data, said) || r.Len() != len(data)-len(said) {
				t.Fatalf("hello %q came back as %q", said, again)
			}
			if h.name == "" {
				t.Fatal("a dialer without a name")
			}
		}
		r = bytes.NewReader(data)
		if b, err := readChallenge(r); err == nil && (!bytes.HasPrefix(data, b) || r.Len() != len(data)-challengeSize) {
			t.Fatalf("challenge %q", b)
		}
		r = bytes.NewReader(data)
		if v, covered, proof, err := readVerdict(r); err == nil {
			if again := v.append(nil); !bytes.Equal(again, covered) || len(proof) != proofSize ||
				!bytes.HasPrefix(data, append(covered[:len(covered):len(covered)], proof...)) || r.Len() != len(data)-len(covered)-proofSize {
				t.Fatalf("verdict %q came back as %q", covered, again)
			}
		}
	})
}

// Whatever a stranger says, he is not let in, and is told at most a challenge.
func FuzzReceive(f *testing.F) {
	h := hello{kind: KindCalls, name: "birch", wanted: "ash", cluster: "c1"}
	f.Add(append(h.append(nil), make([]byte, proofSize)...))
	f.Fuzz(func(t *testing.T, data []byte) {
		var told bytes.Buffer
		rw := struct {
			io.Reader
			io.Writer
		}{bytes.NewReader(data), &told}
		_, _, err := receive(rw, []byte(secret), func(hello) verdict {
			t.Error("a stranger was judged")
			return verdict{}
		})
		if !errors.Is(err, ErrAuth) || told.Len() > challengeSize {
			t.Fatalf("told %d bytes, %v", told.Len(), err)
		}
	})
}
