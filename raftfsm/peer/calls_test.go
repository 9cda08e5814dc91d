package peer

import (
	"bytes"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"io"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/peer/peertest"
)

func number(i int) []byte { return binary.BigEndian.AppendUint64(nil, uint64(i)) }

func TestAnswersFindTheirCalls(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", map[byte]Route{
			kindEcho:    {Handler: echo},
			kindOrdered: {Handler: echo, Ordered: true},
		})
		c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
		var wg sync.WaitGroup
		for g := range 50 {
			wg.Go(func() {
				for i := range 40 {
					want := []byte(fmt.Sprintf("%d/%d", g, i))
					kind := kindEcho + byte(i%2)
					if got, err := c.Call(t.Context(), kind, want); err != nil || !bytes.Equal(got, want) {
						t.Errorf("answer %q to %q, %v", got, want, err)
					}
				}
			})
		}
		wg.Wait()
	})
}

func TestErrorsComeOutOfCall(t *testing.T) {
	failing := func(err error) map[byte]Route {
		return map[byte]Route{kindFail: {Handler: func(context.Context, Peer, byte, []byte) ([]byte, error) { return nil, err }}}
	}
	tests := []struct {
		name string
		kind byte
		err  error
		want RemoteError
	}{
		{"a code of the handler's", kindFail, fmt.Errorf("wrapped: %w", &RemoteError{"not_leader", "ask ash"}), RemoteError{"not_leader", "ask ash"}},
		{"any other error", kindFail, errors.New("disk on fire"), RemoteError{CodeInternal, "disk on fire"}},
		{"an empty one", kindFail, &RemoteError{}, RemoteError{}},
		{"too long a text", kindFail, errors.New(strings.Repeat("x", 2*MaxErrorText)), RemoteError{CodeInternal, strings.Repeat("x", MaxErrorText)}},
		{"no such kind", kindUnknown, nil, RemoteError{CodeUnknownKind, "no call of kind 99"}},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := peertest.New()
				member(t, n, "ash", failing(tt.err))
				c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
				_, err := c.Call(t.Context(), tt.kind, nil)
				var remote *RemoteError
				if !errors.As(err, &remote) || *remote != tt.want || errors.Is(err, ErrNotSent) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

// Four goroutines send numbered messages while others keep the connection busy
// with calls; each one's numbers arrive in order, and so do the pushes the
// handler makes of them.
func TestOneWayMessagesKeepTheirOrder(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		const senders, each = 4, 3000
		var next [senders]int // touched by the reader only
		n := peertest.New()
		member(t, n, "ash", map[byte]Route{
			kindEcho: {Handler: echo},
			kindOrdered: {Ordered: true, Handler: func(ctx context.Context, from Peer, _ byte, p []byte) ([]byte, error) {
				if from.Name != "birch" || from.Conn == 0 {
					t.Errorf("from %+v", from)
				}
				g, i := int(p[0]), int(binary.BigEndian.Uint64(p[1:]))
				if next[g] != i {
					t.Errorf("sender %d: %d arrived, not %d", g, i, next[g])
				}
				next[g] = i + 1
				return nil, from.Send(ctx, p[0], p[1:])
			}},
		})
		var pushed [senders]int
		all := make(chan struct{})
		total := 0
		c := dial(t, member(t, n, "birch", nil), at("ash"), func(kind byte, p []byte) {
			if i := int(binary.BigEndian.Uint64(p)); pushed[kind] != i {
				t.Errorf("sender %d: push %d came back, not %d", kind, i, pushed[kind])
			}
			pushed[kind]++
			if total++; total == senders*each {
				close(all)
			}
		})
		var wg sync.WaitGroup
		for g := range senders {
			wg.Go(func() {
				for i := range each {
					if err := c.Send(t.Context(), kindOrdered, append([]byte{byte(g)}, number(i)...)); err != nil {
						t.Error(err)
						return
					}
				}
			})
			wg.Go(func() {
				for range 200 {
					if _, err := c.Call(t.Context(), kindEcho, []byte("between")); err != nil {
						t.Error(err)
						return
					}
				}
			})
		}
		wg.Wait()
		<-all
	})
}

// A handler that blocks stops the reader; then the pipe fills, then the queue,
// and then senders wait, until their ctx ends or the handler goes on.
func TestABlockedHandlerHoldsSendersBack(t *testing.T) {
	for _, size := range []int{10, 100_000} {
		t.Run(fmt.Sprintf("%d bytes", size), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				goOn := make(chan struct{})
				var handled atomic.Int64
				n := peertest.New()
				member(t, n, "ash", map[byte]Route{kindBlock: {Ordered: true, Handler: func(context.Context, Peer, byte, []byte) ([]byte, error) {
					<-goOn
					handled.Add(1)
					return nil, nil
				}}})
				c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
				payload := make([]byte, size)
				sent := 0
				for {
					ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
					err := c.Send(ctx, kindBlock, payload)
					cancel()
					if err == nil {
						sent++
						continue
					}
					if !errors.Is(err, context.DeadlineExceeded) || !errors.Is(err, ErrNotSent) {
						t.Fatalf("error %v", err)
					}
					break
				}
				frame := frameSize(0, payload)
				elsewhere := 2*peertest.Buffer + readBuffer + QueueBytes // being written, on the way, being read
				if limit := QueueFrames + elsewhere/frame; size == 10 && sent > 2*limit {
					t.Errorf("%d messages were taken, limit %d", sent, limit)
				}
				if limit := 2*QueueBytes + elsewhere; sent*frame > limit {
					t.Errorf("%d bytes were taken, limit %d", sent*frame, limit)
				}
				if c.out.frames > QueueFrames || len(c.out.buf) > QueueBytes {
					t.Errorf("queue holds %d frames, %d bytes", c.out.frames, len(c.out.buf))
				}
				blocked := make(chan error)
				go func() { blocked <- c.Send(t.Context(), kindBlock, payload) }()
				synctest.Wait()
				close(goOn)
				if err := <-blocked; err != nil {
					t.Errorf("after the handler went on: %v", err)
				}
				synctest.Wait()
				if got := handled.Load(); got != int64(sent+1) {
					t.Errorf("%d of %d handled", got, sent+1)
				}
			})
		})
	}
}

func TestUnorderedCallsRunTogetherUpToTheLimit(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var running atomic.Int64
		goOn := make(chan struct{})
		n := peertest.New()
		member(t, n, "ash", map[byte]Route{kindBlock: {Handler: func(context.Context, Peer, byte, []byte) ([]byte, error) {
			running.Add(1)
			<-goOn
			return nil, nil
		}}})
		c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
		var wg sync.WaitGroup
		for range MaxConcurrentCalls + 50 {
			wg.Go(func() {
				if _, err := c.Call(t.Context(), kindBlock, nil); err != nil {
					t.Error(err)
				}
			})
		}
		synctest.Wait()
		if got := running.Load(); got != MaxConcurrentCalls {
			t.Errorf("%d run", got)
		}
		close(goOn)
		wg.Wait()
	})
}

func TestALostConnectionFailsWhatIsPending(t *testing.T) {
	tests := map[string]func(*peertest.Network, *Mux){
		"the member is killed":            func(n *peertest.Network, _ *Mux) { n.Kill("ash") },
		"the member closes":               func(_ *peertest.Network, m *Mux) { go m.Close() },
		"the link is silent for too long": func(n *peertest.Network, _ *Mux) { n.Cut("ash", "birch") },
	}
	for name, end := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := peertest.New()
				n.DeadAfter = UserTimeout
				ended := make(chan error, 10)
				ash := member(t, n, "ash", map[byte]Route{kindBlock: {Handler: func(ctx context.Context, _ Peer, _ byte, _ []byte) ([]byte, error) {
					<-ctx.Done()
					ended <- ctx.Err()
					return nil, ctx.Err()
				}}})
				c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
				failed := make(chan error, 10)
				for range 10 {
					go func() {
						_, err := c.Call(t.Context(), kindBlock, nil)
						failed <- err
					}()
				}
				synctest.Wait()
				end(n, ash)
				for range 10 {
					if err := <-failed; !errors.Is(err, ErrConnLost) || errors.Is(err, ErrNotSent) {
						t.Errorf("pending call: %v", err)
					}
					if err := <-ended; !errors.Is(err, context.Canceled) {
						t.Errorf("handler: %v", err)
					}
				}
				<-c.Closed()
				if !errors.Is(c.Err(), ErrConnLost) {
					t.Errorf("Err %v", c.Err())
				}
				_, err := c.Call(t.Context(), kindBlock, nil)
				for _, err := range []error{err, c.Send(t.Context(), kindBlock, nil)} {
					if !errors.Is(err, ErrConnLost) || !errors.Is(err, ErrNotSent) {
						t.Errorf("afterwards: %v", err)
					}
				}
			})
		})
	}
}

func TestACallEndsWithItsContext(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", map[byte]Route{
			kindEcho: {Handler: echo},
			kindBlock: {Handler: func(context.Context, Peer, byte, []byte) ([]byte, error) {
				time.Sleep(2 * time.Second) // virtual
				return []byte("late"), nil
			}},
		})
		c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		_, err := c.Call(ctx, kindBlock, nil)
		if !errors.Is(err, context.DeadlineExceeded) || errors.Is(err, ErrNotSent) {
			t.Errorf("error %v", err)
		}
		if _, err := c.Call(ctx, kindEcho, nil); !errors.Is(err, ErrNotSent) {
			t.Errorf("call with a dead context: %v", err)
		}
		time.Sleep(2 * time.Second) // the late answer arrives, for nobody
		if got, err := c.Call(t.Context(), kindEcho, []byte("next")); err != nil || string(got) != "next" {
			t.Errorf("next answer %q, %v", got, err)
		}
		if len(c.pending) != 0 {
			t.Errorf("%d calls pending", len(c.pending))
		}
	})
}

func TestSizesAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", map[byte]Route{
			kindEcho: {Handler: echo},
			kindFail: {Handler: func(context.Context, Peer, byte, []byte) ([]byte, error) { return make([]byte, MaxPayload+1), nil }},
		})
		c := dial(t, member(t, n, "birch", nil), at("ash"), nil)
		if got, err := c.Call(t.Context(), kindEcho, make([]byte, MaxPayload)); err != nil || len(got) != MaxPayload {
			t.Errorf("largest payload: %d bytes, %v", len(got), err)
		}
		if _, err := c.Call(t.Context(), kindEcho, make([]byte, MaxPayload+1)); !errors.Is(err, ErrTooLarge) || !errors.Is(err, ErrNotSent) {
			t.Errorf("too large: %v", err)
		}
		var remote *RemoteError
		if _, err := c.Call(t.Context(), kindFail, nil); !errors.As(err, &remote) || remote.Code != CodeTooLarge {
			t.Errorf("too large an answer: %v", err)
		}
	})
}

// A proven member that sends something else than frames loses its connection,
// and nothing else happens.
func TestBadFramesEndTheConnection(t *testing.T) {
	tests := map[string][]byte{
		"too large":   binary.BigEndian.AppendUint32(nil, MaxFrame+1),
		"too small":   {0, 0, 0, 1, 0},
		"id only":     {0, 0, 0, 2, 0x80, 0x80},
		"id too long": append([]byte{0, 0, 0, 20}, bytes.Repeat([]byte{0xff}, 20)...),
	}
	for name, sent := range tests {
		t.Run(name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := peertest.New()
				member(t, n, "ash", echoes())
				birch := member(t, n, "birch", nil)
				c, _, err := birch.connect(t.Context(), at("ash"), KindCalls)
				if err != nil {
					t.Fatal(err)
				}
				defer c.Close()
				start := time.Now()
				c.Write(sent)
				if answer, _ := io.ReadAll(c); len(answer) != 0 || time.Since(start) > 0 {
					t.Errorf("answered %q after %v", answer, time.Since(start))
				}
			})
		})
	}
}

func TestConnectionsAreRefusedUntilSomebodyServes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ash := member(t, n, "ash", nil)
		birch := member(t, n, "birch", nil)
		_, err := birch.Dial(t.Context(), at("ash"), nil)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Reason != NotServing {
			t.Errorf("before Serve: %v", err)
		}
		if err := ash.Serve(map[byte]Route{kindEcho: {}}); err == nil {
			t.Error("a route without handler was taken")
		}
		if err := ash.Serve(echoes()); err != nil {
			t.Fatal(err)
		}
		if err := ash.Serve(echoes()); err == nil {
			t.Error("Serve twice")
		}
		dial(t, birch, at("ash"), nil)
		if _, _, err := birch.connect(t.Context(), at("ash"), KindRaft); !errors.As(err, &refused) || refused.Reason != NotServing {
			t.Errorf("before RaftLayer: %v", err)
		}
	})
}

func TestProvenConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ash := member(t, n, "ash", echoes())
		birch := member(t, n, "birch", nil)
		var conns []*Conn
		for range MaxConns {
			conns = append(conns, dial(t, birch, at("ash"), nil))
		}
		_, err := birch.Dial(t.Context(), at("ash"), nil)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Reason != Busy {
			t.Errorf("one too many: %v", err)
		}
		conns[0].Close()
		synctest.Wait()
		dial(t, birch, at("ash"), nil)
		ash.Close()
		if len(ash.open) != 0 || ash.proven != 0 {
			t.Errorf("after Close: %d open, %d proven", len(ash.open), ash.proven)
		}
	})
}
