package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// readConnections to each member send readBatch requests at once, and the next ones as soon as all are answered: so the load costs
	// a part of what its answers cost the members, and there is room for all of them on two processors.
	readConnections, readBatch = 8, 8
	// writeConnections send one write after another.
	writeConnections = 32
	// dataBytes is the data of a znode.
	dataBytes = 256
	// answerTime bounds one answer: a member that has used up its share of the processor waits for the next.
	answerTime = 30 * time.Second
)

// work is what each connection to a member does.
type work struct {
	connections, batch int
	request            func(connection int) []byte
}

// reading is local reads of a znode that all members have.
func reading() work {
	return work{readConnections, readBatch, func(int) []byte { return []byte("GET /v1/znodes/read HTTP/1.1\r\nHost: localhost\r\n\r\n") }}
}

// writing sets a znode of each connection's own.
func writing() work {
	return work{writeConnections, 1, func(i int) []byte { return put("/write" + strconv.Itoa(i)) }}
}

func put(path string) []byte {
	return fmt.Appendf(nil, "PUT /v1/znodes%s HTTP/1.1\r\nHost: localhost\r\nContent-Length: %d\r\n\r\n%s", path, dataBytes, strings.Repeat("x", dataBytes))
}

// fill makes what is read.
func fill(at string) error {
	c, err := dial(at)
	if err != nil {
		return err
	}
	defer c.Close()
	return c.ask(put("/read"), 1)
}

// load asks all members at once and gives how much they answered a second, together.
func load(members []string, w work) (float64, error) {
	var wg sync.WaitGroup
	var answered atomic.Int64
	var mu sync.Mutex // guards failed
	var failed []error
	counts := time.Now().Add(warmTime)
	end := counts.Add(loadTime)
	for _, at := range members {
		for i := range w.connections {
			wg.Go(func() {
				n, err := hammer(at, bytes.Repeat(w.request(i), w.batch), w.batch, counts, end)
				answered.Add(n)
				mu.Lock()
				defer mu.Unlock()
				failed = append(failed, err)
			})
		}
	}
	wg.Wait()
	return float64(answered.Load()) / loadTime.Seconds(), errors.Join(failed...)
}

// hammer asks over one connection until the end and gives how many answers came in the time that counts.
func hammer(at string, requests []byte, batch int, counts, end time.Time) (int64, error) {
	c, err := dial(at)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var n int64
	for {
		if err := c.ask(requests, batch); err != nil {
			return n, err
		}
		switch now := time.Now(); {
		case now.After(end):
			return n, nil
		case now.After(counts):
			n += int64(batch)
		}
	}
}

// conn is a connection that does as little as it can.
type conn struct {
	net.Conn
	r *bufio.Reader
}

func dial(at string) (conn, error) {
	c, err := net.DialTimeout("tcp", at, answerTime)
	if err != nil {
		return conn{}, err
	}
	return conn{c, bufio.NewReader(c)}, nil
}

// ask sends n requests and reads their answers.
func (c conn) ask(requests []byte, n int) error {
	if err := c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, err := c.Write(requests); err != nil {
		return err
	}
	for range n {
		if err := c.answer(); err != nil {
			return err
		}
	}
	return nil
}

// answer reads one answer, which has to be one of success with a Content-Length.
func (c conn) answer() error {
	status, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if !bytes.HasPrefix(status, []byte("HTTP/1.1 2")) {
		return fmt.Errorf("answered with %s", bytes.TrimSpace(status))
	}
	length := -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return err
		}
		if len(line) <= 2 {
			break
		}
		if value, ok := bytes.CutPrefix(line, []byte("Content-Length: ")); ok {
			if length, err = strconv.Atoi(string(bytes.TrimSpace(value))); err != nil {
				return err
			}
		}
	}
	if length < 0 {
		return errors.New("an answer without a length")
	}
	_, err = c.r.Discard(length)
	return err
}
