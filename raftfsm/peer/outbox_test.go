package peer

import (
	"bufio"
	"context"
	"errors"
	"io"
	"testing"
	"testing/synctest"
	"time"
)

// A large message that waits for room is not overtaken by small ones that would
// fit, or it might wait for ever.
func TestWhoWaitsForRoomIsNotOvertaken(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		o := newOutbox()
		put := func(id uint64, size int) error {
			ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
			defer cancel()
			return o.put(ctx, id, 0, make([]byte, size))
		}
		if err := put(1, QueueBytes-1000); err != nil {
			t.Fatal(err)
		}
		large := make(chan error, 1)
		go func() { large <- o.put(t.Context(), 2, 0, make([]byte, QueueBytes/2)) }()
		synctest.Wait()
		if err := put(3, 10); !errors.Is(err, context.DeadlineExceeded) {
			t.Errorf("a small one got in: %v", err)
		}

		r, w := io.Pipe()
		ended := make(chan error)
		go func() { ended <- o.run(w) }()
		frames := bufio.NewReader(r)
		for want := uint64(1); want <= 4; want++ {
			if want == 3 {
				if err := <-large; err != nil {
					t.Errorf("the large one: %v", err)
				}
				for id := uint64(3); id <= 4; id++ {
					if err := put(id, 10); err != nil {
						t.Error(err)
					}
				}
			}
			if id, _, _, err := readFrame(frames); id != want || err != nil {
				t.Errorf("message %d came, %v; want %d", id, err, want)
			}
		}
		o.fail(ErrClosed)
		if err := <-ended; !errors.Is(err, ErrClosed) {
			t.Errorf("the writer ended with %v", err)
		}
		if err := put(5, 10); !errors.Is(err, ErrClosed) {
			t.Errorf("afterwards: %v", err)
		}
	})
}
