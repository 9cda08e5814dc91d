package main

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"strings"
	"time"

	"holt/httpapi/client"
)

const (
	// largeTree is how many znodes a tree has that is loaded, read and deleted. Its deletions fill the history, which is bounded, while
	// the run warms up.
	largeTree = 5000
	// pipeLines is how many lines a pipeline has.
	pipeLines = 300
)

// scribed is the path of some scribe.
func scribed() string { return fmt.Sprintf("/scribes/%d", rand.IntN(scribes)) }

func read(how client.Consistency) func(*load, context.Context, *client.Client, int) error {
	return func(_ *load, ctx context.Context, c *client.Client, _ int) error {
		_, err := c.Get(ctx, scribed(), how)
		return err
	}
}

// visit is a session with ephemerals and a watch, which is closed, or left to end by itself.
func visit(_ *load, ctx context.Context, c *client.Client, _ int) error {
	s, err := c.OpenSession(ctx, time.Second+rand.N(4*time.Second))
	if err != nil {
		return err
	}
	defer s.Leave()
	for range 3 {
		if _, err := s.Client().Create(ctx, "/visitors/", []byte(s.Owner), client.EphemeralSequential); err != nil {
			return lost(s, err)
		}
	}
	if _, err := s.SetWatch(ctx, scribed(), client.WatchPersistent); err != nil {
		return lost(s, err)
	}
	rest(ctx, rand.N(4*time.Second))
	if rand.IntN(3) == 0 {
		return nil
	}
	return lost(s, s.Close(context.WithoutCancel(ctx)))
}

// lost takes the end of a session that could not be renewed for a while for what it is.
func lost(s *client.Session, err error) error {
	if err != nil && s.Err() != nil {
		return context.DeadlineExceeded
	}
	return err
}

// stream follows what changes for a while.
func stream(_ *load, ctx context.Context, c *client.Client, who int) error {
	ctx, cancel := context.WithTimeout(ctx, 2*time.Second+rand.N(20*time.Second))
	defer cancel()
	want := client.WatchOptions{Paths: []string{"/scribes", "/visitors"}, Recursive: true, Data: who%2 == 0, Initial: who%3 == 0}
	for _, err := range c.Watch(ctx, want) {
		if err != nil && ctx.Err() == nil {
			return err
		}
	}
	return nil
}

// poll waits for a change.
func poll(_ *load, ctx context.Context, c *client.Client, who int) error {
	at := scribed()
	if who%2 == 0 {
		at = "/trees" // which hardly changes
	}
	z, err := c.Get(ctx, at, client.Local)
	if err != nil {
		return err
	}
	_, err = c.Await(ctx, at, z.Tag, time.Second+rand.N(5*time.Second))
	if errors.Is(err, client.NotModified) {
		return nil
	}
	return err
}

// tree loads a tree, reads it and deletes it.
func tree(_ *load, ctx context.Context, c *client.Client, who int) error {
	at := fmt.Sprintf("/trees/%d", who)
	var lines strings.Builder
	fmt.Fprintf(&lines, `{"path":%q,"mode":"persistent","data":"","encoding":"utf8"}`+"\n", at)
	for i := range largeTree {
		fmt.Fprintf(&lines, `{"path":"%s/%05d","mode":"persistent","data":"znode %d","encoding":"utf8"}`+"\n", at, i, i)
	}
	body := lines.String()
	open := func() (io.ReadCloser, error) { return io.NopCloser(strings.NewReader(body)), nil }
	if _, err := c.LoadTree(ctx, at, open, client.LoadOptions{Replace: true}); err != nil {
		return err
	}
	t, err := c.Tree(ctx, at, client.TreeQuery{WithData: true, Consistency: client.Linearizable})
	if err != nil {
		return err
	}
	n := 0
	for err == nil {
		if _, err = t.Next(); err == nil {
			n++
		}
	}
	if _ = t.Close(); !errors.Is(err, io.EOF) {
		return fmt.Errorf("%w: a tree that broke off: %w", context.DeadlineExceeded, err)
	}
	if n != largeTree+1 {
		return fmt.Errorf("a tree of %d znodes has %d lines", largeTree+1, n)
	}
	_, err = c.DeleteTree(ctx, at, client.Any())
	return err
}

// shortLived makes a znode that goes by itself.
func shortLived(_ *load, ctx context.Context, c *client.Client, _ int) error {
	how := client.Making{Mode: client.PersistentSequentialWithTTL, TTL: time.Second + rand.N(9*time.Second).Truncate(time.Millisecond)}
	_, err := c.CreateAs(ctx, "/short/", []byte("gone soon"), how)
	return err
}

// container makes a container with a child, which goes; the container goes by itself.
func container(_ *load, ctx context.Context, c *client.Client, _ int) error {
	at := fmt.Sprintf("/containers/%x", rand.Uint64())
	if _, err := c.CreateAs(ctx, at, nil, client.Making{Mode: client.Container}); err != nil {
		return err
	}
	if _, err := c.Create(ctx, at+"/child", nil, client.Persistent); err != nil {
		return err
	}
	_, err := c.Delete(ctx, at+"/child", client.Any())
	return err
}

// pipeline sets one znode many times over one connection.
func pipeline(_ *load, ctx context.Context, c *client.Client, _ int) error {
	p := c.Pipeline(ctx)
	defer p.Close()
	sent := make(chan error, 1)
	go func() {
		defer p.CloseSend()
		for i := range pipeLines {
			line := fmt.Sprintf(`{"op":"set","path":"/pipes/one","data":"%d"}`, i)
			if err := p.SendText([]byte(line)); err != nil {
				sent <- nil // Receive says why
				return
			}
		}
		sent <- nil
	}()
	n := 0
	for {
		r, err := p.Receive()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			return err
		}
		if n++; string(r.Code) != "ok" && r.Code != client.Throttled {
			return fmt.Errorf("line %d of a pipeline: %s", n, bytes.TrimSpace(r.Text))
		}
	}
	if n != pipeLines {
		return fmt.Errorf("%d of %d lines were answered", n, pipeLines)
	}
	return <-sent
}
