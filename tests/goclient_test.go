package tests

import (
	"context"
	"errors"
	"strconv"
	"sync"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
	"holt/tests/properties"
)

// goWatch is a watch of the Go client, which comes back by itself and says nothing of it.
type goWatch struct {
	t      *testing.T
	filter properties.Filter
	cancel context.CancelFunc
	wg     sync.WaitGroup

	mu        sync.Mutex // guards recording
	recording *properties.Recording
}

// watchWithClient begins to watch a subtree from the first transaction on.
func watchWithClient(t *testing.T, c *client.Client, path string) *goWatch {
	t.Helper()
	ctx, cancel := context.WithCancel(context.Background())
	w := &goWatch{t: t, filter: pathFilter(t, true, true, false, path), cancel: cancel}
	w.recording = &properties.Recording{Name: "of the Go client", Filter: w.filter}
	w.recording.Resume(0, "anywhere")
	w.wg.Go(func() {
		for m, err := range c.Watch(ctx, client.WatchOptions{Paths: []string{path}, Recursive: true, Since: new(uint64)}) {
			if err != nil {
				if !errors.Is(err, context.Canceled) {
					t.Errorf("the Go client's watch ended: %v", err)
				}
				return
			}
			w.mu.Lock()
			note(t, w.recording, harness.Message{ID: strconv.FormatUint(m.Zxid, 10), Event: nameOf(m), Data: string(m.JSON)})
			w.mu.Unlock()
		}
	})
	t.Cleanup(w.stop)
	return w
}

func (w *goWatch) stop() {
	w.cancel()
	w.wg.Wait()
}

// judge is judgeStream.
func (w *goWatch) judge(truth *properties.Truth) {
	w.t.Helper()
	last := lastFor(truth, w.filter)
	harness.Eventually(w.t, harness.SettleTime, "the Go client is told of the last transaction", func() bool {
		w.mu.Lock()
		defer w.mu.Unlock()
		return w.recording.Position() >= last
	})
	w.stop()
	if err := properties.All(truth, w.recording); err != nil {
		w.t.Error(err)
	}
	messages := 0
	for _, s := range w.recording.Steps {
		if s.Kind == properties.Message {
			messages++
		}
		if s.Kind == properties.Reset {
			w.t.Errorf("the Go client: the history was long enough, and still: %v", s)
		}
	}
	w.t.Logf("%d messages of the Go client: nothing missing, nothing twice", messages)
}

func nameOf(m client.Message) string {
	if m.Kind == client.Changed {
		return "message"
	}
	return string(m.Kind)
}
