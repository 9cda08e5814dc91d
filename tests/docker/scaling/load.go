package main

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"io"
	"net"
	"strconv"
	"strings"
	"sync"
	"sync/atomic"
	"time"
)

const (
	// connections to each member. Each asks again as soon as it is answered.
	connections = 16
	// dataBytes is the data of a znode.
	dataBytes = 256
	// answerTime bounds one answer: a member that has used up its share of the processor waits for the next.
	answerTime = 30 * time.Second
)

// readRequest is that of connection i: a local read of a znode that all have.
func readRequest(int) []byte {
	return []byte("GET /v1/znodes/read HTTP/1.1\r\nHost: localhost\r\n\r\n")
}

// writeRequest sets a znode of the connection's own.
func writeRequest(i int) []byte { return put("/write" + strconv.Itoa(i)) }

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
	return c.ask(put("/read"))
}

// load asks all members at once and gives how much they answered a second, together.
func load(members []string, request func(i int) []byte) (float64, error) {
	var wg sync.WaitGroup
	var answered atomic.Int64
	var mu sync.Mutex // guards failed
	var failed []error
	counts := time.Now().Add(warmTime)
	end := counts.Add(loadTime)
	for _, at := range members {
		for i := range connections {
			wg.Go(func() {
				n, err := hammer(at, request(i), counts, end)
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
func hammer(at string, request []byte, counts, end time.Time) (int64, error) {
	c, err := dial(at)
	if err != nil {
		return 0, err
	}
	defer c.Close()
	var n int64
	for {
		if err := c.ask(request); err != nil {
			return n, err
		}
		switch now := time.Now(); {
		case now.After(end):
			return n, nil
		case now.After(counts):
			n++
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

// ask sends a request and reads its answer, which has to be one of success with a Content-Length.
func (c conn) ask(request []byte) error {
	if err := c.SetDeadline(time.Now().Add(answerTime)); err != nil {
		return err
	}
	if _, err := c.Write(request); err != nil {
		return err
	}
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
	_, err = io.CopyN(io.Discard, c.r, int64(length))
	return err
}
