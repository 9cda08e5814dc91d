package peer

import (
	"context"
	"fmt"
	"sync"
	"sync/atomic"
	"testing"
)

// between is a connection over loopback TCP.
func between(b *testing.B, table map[byte]Route) *Conn {
	b.Helper()
	ash := overTCP(b, "ash", table)
	c, err := overTCP(b, "birch", nil).Dial(b.Context(), Target{Addr: ash.Addr().String()}, nil)
	if err != nil {
		b.Fatal(err)
	}
	b.Cleanup(func() { c.Close() })
	return c
}

// BenchmarkCall is one round trip of 200 bytes, by so many callers on one
// connection.
func BenchmarkCall(b *testing.B) {
	for _, ordered := range []bool{false, true} {
		for _, callers := range []int{1, 16, 64, 256} {
			b.Run(fmt.Sprintf("ordered=%v/callers=%d", ordered, callers), func(b *testing.B) {
				c := between(b, map[byte]Route{kindEcho: {Handler: echo, Ordered: ordered}})
				payload := make([]byte, 200)
				var left atomic.Int64
				left.Store(int64(b.N))
				b.ReportAllocs()
				b.ResetTimer()
				var wg sync.WaitGroup
				for range callers {
					wg.Go(func() {
						for left.Add(-1) >= 0 {
							if _, err := c.Call(context.Background(), kindEcho, payload); err != nil {
								b.Error(err)
								return
							}
						}
					})
				}
				wg.Wait()
			})
		}
	}
}

// BenchmarkSend is one one-way message, by so many senders on one connection,
// until the last was handled.
func BenchmarkSend(b *testing.B) {
	for _, senders := range []int{1, 64} {
		for _, size := range []int{200, 64 << 10} {
			b.Run(fmt.Sprintf("senders=%d/bytes=%d", senders, size), func(b *testing.B) {
				var handled atomic.Int64
				all := make(chan struct{})
				c := between(b, map[byte]Route{kindOrdered: {Ordered: true, Handler: func(context.Context, Peer, byte, []byte) ([]byte, error) {
					if handled.Add(1) == int64(b.N) {
						close(all)
					}
					return nil, nil
				}}})
				payload := make([]byte, size)
				var left atomic.Int64
				left.Store(int64(b.N))
				b.SetBytes(int64(size))
				b.ReportAllocs()
				b.ResetTimer()
				for range senders {
					go func() {
						for left.Add(-1) >= 0 {
							if err := c.Send(context.Background(), kindOrdered, payload); err != nil {
								b.Error(err)
								return
							}
						}
					}()
				}
				<-all
			})
		}
	}
}
