package peer

import (
	"bytes"
	"context"
	"errors"
	"io"
	"log/slog"
	"net"
	"strings"
	"sync"
	"testing"
	"testing/synctest"
	"time"

	"holt/raftfsm/peer/peertest"
)

// record remembers what passed through a connection.
type record struct {
	net.Conn
	read, written bytes.Buffer
}

func (r *record) Read(b []byte) (int, error) {
	n, err := r.Conn.Read(b)
	r.read.Write(b[:n])
	return n, err
}

func (r *record) Write(b []byte) (int, error) {
	r.written.Write(b)
	return r.Conn.Write(b)
}

func TestMembersOfOneClusterConnect(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		birch := member(t, n, "birch", nil)
		for _, to := range []Target{at("ash"), {Addr: "ash:7"}} {
			c := dial(t, birch, to, nil)
			if c.Name() != "ash" {
				t.Errorf("%v answered as %q", to, c.Name())
			}
			if got, err := c.Call(t.Context(), kindEcho, []byte("hi")); err != nil || string(got) != "hi" {
				t.Errorf("answer %q, %v", got, err)
			}
		}
	})
}

func TestADialerIsTurnedDown(t *testing.T) {
	tests := []struct {
		name   string
		dialer func(*Config)
		to     Target
		auth   bool // ErrAuth and nothing learnt
		reason Refusal
		says   string
	}{
		{name: "dialer has another secret", dialer: func(c *Config) { c.Secret = []byte("guess") }, to: at("ash"), auth: true},
		{name: "dialer has no secret", dialer: func(c *Config) { c.Secret, c.LoopbackOnly = nil, true }, to: at("ash"), auth: true},
		{name: "another member wanted", to: Target{Name: "cedar", Addr: "ash:7"}, reason: WrongName, says: `"ash" listens there`},
		{name: "another cluster", dialer: func(c *Config) { c.Cluster = "c2" }, to: at("ash"), reason: WrongCluster, says: `another cluster, "c1"`},
		{name: "same name", dialer: func(c *Config) { c.Name = "ash" }, to: at("ash"), reason: SameName, says: "a name used twice"},
		{name: "wrong secret hides a wrong name", dialer: func(c *Config) { c.Secret = []byte("guess") },
			to: Target{Name: "cedar", Addr: "ash:7"}, auth: true},
	}
	for _, tt := range tests {
		t.Run(tt.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				n := peertest.New()
				member(t, n, "ash", echoes())
				cfg := configOf(t, n, "birch")
				if tt.dialer != nil {
					tt.dialer(&cfg)
				}
				var seen *record
				inner := cfg.Dial
				cfg.Dial = func(ctx context.Context, network, addr string) (net.Conn, error) {
					c, err := inner(ctx, network, addr)
					seen = &record{Conn: c}
					return seen, err
				}
				_, err := listen(t, cfg).Dial(t.Context(), tt.to, nil)
				if errors.Is(err, ErrAuth) != tt.auth {
					t.Fatalf("error %v", err)
				}
				if tt.auth {
					if got := seen.read.Len(); got != challengeSize {
						t.Errorf("a stranger was told %d bytes, not just the challenge's %d", got, challengeSize)
					}
					return
				}
				var refused *RefusedError
				if !errors.As(err, &refused) || refused.Reason != tt.reason || !strings.Contains(err.Error(), tt.says) {
					t.Errorf("error %v", err)
				}
			})
		})
	}
}

func TestAListenerWithAnotherSecretIsNotBelieved(t *testing.T) {
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
			h, said, _ := readHello(c)
			challenge := newChallenge()
			c.Write(challenge)
			io.ReadFull(c, make([]byte, proofSize))
			v := verdict{reason: accepted, name: h.wanted}
			b := v.append(nil)
			c.Write(append(b, proofOf([]byte("guess"), roleListener, said, challenge, b)...))
		}()
		_, err := member(t, n, "birch", nil).Dial(t.Context(), at("ash"), nil)
		if !errors.Is(err, ErrAuth) || !strings.Contains(err.Error(), "does not hold the secret") {
			t.Errorf("error %v", err)
		}
	})
}

func TestASlowStrangerIsCutOff(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		c := plain(t, n, "ash:7")
		start := time.Now()
		var trickle sync.WaitGroup
		trickle.Go(func() {
			tick := time.NewTicker(time.Second)
			defer tick.Stop()
			h := hello{kind: KindCalls, name: "slow"}
			for _, b := range h.append(nil) {
				if _, err := c.Write([]byte{b}); err != nil {
					return
				}
				<-tick.C
			}
		})
		io.ReadAll(c)
		if took := time.Since(start); took != HandshakeTimeout {
			t.Errorf("cut off after %v", took)
		}
		trickle.Wait()
	})
}

func TestADialerDoesNotWaitForASilentListener(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		ln, _ := n.Listen("ash:7")
		defer ln.Close()
		birch := member(t, n, "birch", nil)
		start := time.Now()
		if _, err := birch.Dial(t.Context(), at("ash"), nil); !errors.Is(err, ErrAuth) || time.Since(start) != HandshakeTimeout {
			t.Errorf("%v after %v", err, time.Since(start))
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Second)
		defer cancel()
		start = time.Now()
		if _, err := birch.Dial(ctx, at("ash"), nil); !errors.Is(err, context.DeadlineExceeded) || time.Since(start) != time.Second {
			t.Errorf("%v after %v", err, time.Since(start))
		}
	})
}

func TestUnprovenConnectionsAreLimited(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		birch := member(t, n, "birch", nil)
		proven := dial(t, birch, at("ash"), nil)
		for range MaxHandshakes {
			plain(t, n, "ash:7")
		}
		synctest.Wait()
		start := time.Now()
		if b, _ := io.ReadAll(plain(t, n, "ash:7")); len(b) != 0 || time.Since(start) > 0 {
			t.Errorf("one too many got %q after %v", b, time.Since(start))
		}
		if _, err := proven.Call(t.Context(), kindEcho, nil); err != nil {
			t.Errorf("a proven connection suffers: %v", err)
		}
		time.Sleep(HandshakeTimeout) // virtual
		synctest.Wait()
		dial(t, birch, at("ash"), nil)
	})
}

func TestAJoiningMemberNeedsNoClusterID(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		n := peertest.New()
		member(t, n, "ash", echoes())
		cfg := configOf(t, n, "birch")
		cfg.Cluster = ""
		birch := listen(t, cfg)
		birch.Serve(echoes())
		dial(t, birch, at("ash"), nil)
		cfg = configOf(t, n, "cedar")
		cfg.Cluster = "c2"
		cedar := listen(t, cfg)
		dial(t, cedar, at("birch"), nil)

		birch.SetCluster("c1")
		_, err := cedar.Dial(t.Context(), at("birch"), nil)
		var refused *RefusedError
		if !errors.As(err, &refused) || refused.Reason != WrongCluster || refused.Cluster != "c1" {
			t.Errorf("error %v", err)
		}
	})
}

func TestConfigValidate(t *testing.T) {
	good := Config{Name: "ash", Secret: []byte(secret), BindAddr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler)}
	tests := map[string]struct {
		change func(*Config)
		says   string
	}{
		"good":          {func(*Config) {}, ""},
		"loopback only": {func(c *Config) { c.Secret, c.LoopbackOnly = nil, true }, ""},
		"no name":       {func(c *Config) { c.Name = "" }, "name"},
		"long name":     {func(c *Config) { c.Name = strings.Repeat("x", MaxName+1) }, "name"},
		"long cluster":  {func(c *Config) { c.Cluster = strings.Repeat("x", MaxName+1) }, "cluster"},
		"no secret":     {func(c *Config) { c.Secret = nil }, "secret"},
		"no address":    {func(c *Config) { c.BindAddr = "" }, "listen"},
		"bad limit":     {func(c *Config) { c.MaxHandshakes = -1 }, "limit"},
		"no logger":     {func(c *Config) { c.Logger = nil }, "logger"},
	}
	for name, tt := range tests {
		t.Run(name, func(t *testing.T) {
			cfg := good
			tt.change(&cfg)
			err := cfg.Validate()
			if (err == nil) != (tt.says == "") || err != nil && !strings.Contains(err.Error(), tt.says) {
				t.Errorf("error %v", err)
			}
		})
	}
}
