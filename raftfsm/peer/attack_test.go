package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"net"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/peer/peertest"
)

// A listener without the secret sends the dialer its own words back: the same
// nonce as challenge, and the dialer's proof as its own.
func TestAReflectedHandshakeFails(t *testing.T) {
	if said := []byte("said"); bytes.Equal(proofOf(nil, roleDialer, said), proofOf(nil, roleListener, said)) {
		t.Error("the proof does not depend on the role")
	}
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ln, _ := n.Listen("ash:7")
		defer ln.Close()
		go func() {
			c, err := ln.Accept()
			if err != nil {
				return
			}
			defer c.Close()
			h, _, _ := readHello(c)
			challenge := newChallenge()
			copy(challenge[len(magic)+1:], h.nonce[:])
			c.Write(challenge)
			proof := make([]byte, proofSize)
			io.ReadFull(c, proof)
			c.Write(append([]byte{byte(accepted), 0, 0}, proof...))
		}()
		_, err := member(t, n, "birch", nil).Dial(t.Context(), at("ash"), nil)
		if !errors.Is(err, ErrAuth) {
			t.Errorf("error %v", err)
		}
	})
}

// A listener without the secret relays everything between the dialer and the
// dialer's own port, or another member's. With a name wanted, the proof is no
// good there; without one, the member sees that it talks to itself.
func TestARelayedHandshakeReachesNobodyElse(t *testing.T) {
	tests := []struct {
		name, relayTo string
		to            Target
		reason        Refusal
	}{
		{"to itself, wanted by name", "birch:7", Target{Name: "ash", Addr: "evil:7"}, WrongName},
		{"to itself, anybody wanted", "birch:7", Target{Addr: "evil:7"}, SameName},
		{"to another member", "cedar:7", Target{Name: "ash", Addr: "evil:7"}, WrongName},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := peertest.New()
				birch := member(t, n, "birch", echoes())
				member(t, n, "cedar", echoes())
				ln, _ := n.Listen("evil:7")
				defer ln.Close()
				out := plain(t, n, tt.relayTo)
				go func() {
					in, err := ln.Accept()
					if err != nil {
						return
					}
					defer in.Close()
					go io.Copy(out, in)
					io.Copy(in, out)
				}()
				_, err := birch.Dial(t.Context(), tt.to, nil)
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Reason != tt.reason {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestAReplayedHandshakeFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		cfg := configOf(t, n, "birch")
		var seen *record
		inner := cfg.Dial
		cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
			c, err := inner(ctx, network, addr)
			if seen == nil {
				seen = &record{Conn: c}
				return seen, err
			}
			return c, err
		}
		birch := listen(t, cfg)
		c, err := birch.Dial(t.Context(), at("ash"), nil)
		if err != nil {
			t.Fatal(err)
		}
		c.Close()

		// All the dialer said, to the listener.
		again := plain(t, n, "ash:7")
		again.Write(seen.written.Bytes())
		answer, err := io.ReadAll(again)
		if len(answer) != challengeSize {
			t.Errorf("the listener answered a replay with %d bytes, %v", len(answer), err)
		}

		// All the listener said, to the dialer.
		ln, _ := n.Listen("evil:7")
		defer ln.Close()
		go func() {
			in, err := ln.Accept()
			if err != nil {
				return
			}
			defer in.Close()
			in.Write(seen.read.Bytes())
			io.Copy(io.Discard, in)
		}()
		_, err = birch.Dial(t.Context(), Target{Name: "ash", Addr: "evil:7"}, nil)
		if !errors.Is(err, ErrAuth) {
			t.Errorf("the dialer said of a replay: %v", err)
		}
	})
}

// relay carries bytes from src to dst, one at a time, and changes the one at
// index flip.
func relay(dst, src net.Conn, flip int, changed *atomic.Bool) {
	defer dst.Close()
	one := make([]byte, 1)
	for i := 0; ; i++ {
		if _, err := src.Read(one); err != nil {
			return
		}
		if i == flip {
			one[0] ^= 1
			changed.Store(true)
		}
		if _, err := dst.Write(one); err != nil {
			return
		}
	}
}

// handshakeOver runs a whole handshake with one byte changed on the way, and
// reports whether there was such a byte and whether both sides were content.
func handshakeOver(flipThere, flipBack int) (changed, content bool) {
	a, aEnd := net.Pipe()
	b, bEnd := net.Pipe()
	// A changed length makes one side wait for bytes that never come.
	a.SetDeadline(time.Now().Add(time.Second))
	b.SetDeadline(time.Now().Add(time.Second))
	var seen atomic.Bool
	go relay(bEnd, aEnd, flipThere, &seen)
	go relay(aEnd, bEnd, flipBack, &seen)
	heard := make(chan error, 1)
	go func() {
		_, _, err := receive(b, []byte(secret), func(hello) verdict { return verdict{name: "ash", cluster: "c1"} })
		b.Close()
		heard <- err
	}()
	_, err := greet(a, []byte(secret), hello{kind: KindRaft, name: "birch", wanted: "ash", cluster: "c1"})
	a.Close()
	return seen.Load(), <-heard == nil && err == nil
}

// Every byte of every message is covered: change any one on the way, and no
// connection comes about.
func TestNoByteOfTheHandshakeCanBeChanged(t *testing.T) {
	for _, dir := range []string{"to the listener", "to the dialer"} {
		t.Run(dir, func(t *testing.T) {
			for i := 0; ; i++ {
				changed, content := false, false
				synctest.Test(t, func(t *testing.T) {
					if dir == "to the listener" {
						changed, content = handshakeOver(i, -1)
					} else {
						changed, content = handshakeOver(-1, i)
					}
				})
				if !changed {
					if !content || i < challengeSize+proofSize {
						t.Errorf("the handshake ended after %d bytes, content: %v", i, content)
					}
					return
				}
				if content {
					t.Errorf("byte %d was changed and nobody noticed", i)
				}
			}
		})
	}
}

func TestGarbageIsHungUpOnWithoutAWord(t *testing.T) {
	tests := map[string]string{
		"http":          "GET / HTTP/1.1\r\nHost: ash\r\n\r\n" + strings.Repeat("x", helloHead),
		"zeros":         strings.Repeat("\x00", 1000),
		"other version": magic + "\x02" + strings.Repeat("R", 1000),
		"other kind":    magic + "\x01?" + strings.Repeat("R", 1000),
		"no name":       magic + "\x01R" + strings.Repeat("n", nonceSize) + "\x00\x00\x00",
	}
	for name, said := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := peertest.New()
				member(t, n, "ash", echoes())
				c := plain(t, n, "ash:7")
				start := time.Now()
				io.WriteString(c, said)
				answer, err := io.ReadAll(c)
				if len(answer) != 0 || err != nil || time.Since(start) > 0 {
					t.Errorf("answered %q, %v after %v", answer, err, time.Since(start))
				}
			})
		})
	}
}
