package bench

import (
	"bufio"
	"bytes"
	"errors"
	"fmt"
	"net"
	"strconv"
	"time"
)

const (
	dialTimeout = 2 * time.Second
	readBuffer  = 8 << 10
	maxSaid     = 200 // bytes of a refusal that are kept
)

// conn is one client's HTTP/1.1 connection. The generator must cost little beside what it measures, so requests are
// bytes, and of an answer only status and length are looked at. It is used by one goroutine.
type conn struct {
	host string // host:port
	c    net.Conn
	r    *bufio.Reader
	out  []byte // the request being sent
}

// statusError is an answer that is not a success.
type statusError struct {
	status int
	said   string
}

func (e *statusError) Error() string { return fmt.Sprintf("status %d: %s", e.status, e.said) }

// exchange sends c.out and reads the answer. After an error that is not a statusError the connection is gone; the next
// exchange makes another.
func (c *conn) exchange(deadline time.Time) error {
	if c.c == nil {
		d := net.Dialer{Timeout: dialTimeout, Deadline: deadline}
		nc, err := d.Dial("tcp", c.host)
		if err != nil {
			return err
		}
		c.c, c.r = nc, bufio.NewReaderSize(nc, readBuffer)
		nc.SetDeadline(deadline)
	}
	_, err := c.c.Write(c.out)
	if err == nil {
		err = c.answer()
	}
	var refused *statusError
	if err != nil && !errors.As(err, &refused) {
		c.close()
	}
	return err
}

// until sets when an exchange is given up.
func (c *conn) until(deadline time.Time) {
	if c.c != nil {
		c.c.SetDeadline(deadline)
	}
}

func (c *conn) close() {
	if c.c != nil {
		c.c.Close()
		c.c = nil
	}
}

func (c *conn) answer() error {
	line, err := c.r.ReadSlice('\n')
	if err != nil {
		return err
	}
	if len(line) < len("HTTP/1.1 200") || !bytes.HasPrefix(line, []byte("HTTP/1.1 ")) {
		return fmt.Errorf("not an HTTP/1.1 answer: %.40q", line)
	}
	status, err := strconv.Atoi(string(line[9:12]))
	if err != nil {
		return fmt.Errorf("not a status: %.40q", line)
	}
	length, last, err := c.head()
	if err != nil {
		return err
	}
	said := ""
	if status/100 != 2 {
		b, err := c.r.Peek(min(length, maxSaid))
		if err != nil {
			return err
		}
		said = string(b)
	}
	if _, err := c.r.Discard(length); err != nil {
		return err
	}
	if last {
		c.close()
	}
	if status/100 != 2 {
		return &statusError{status, said}
	}
	return nil
}

// head reads the header fields: the body's length, and whether the server closes the connection after it.
func (c *conn) head() (length int, last bool, err error) {
	length = -1
	for {
		line, err := c.r.ReadSlice('\n')
		if err != nil {
			return 0, false, err
		}
		if len(line) <= len("\r\n") {
			break
		}
		if first := line[0] | 0x20; first != 'c' {
			continue // neither Content-Length nor Connection
		}
		name, value, _ := bytes.Cut(line, []byte(":"))
		switch value = bytes.TrimSpace(value); {
		case bytes.EqualFold(name, []byte("Content-Length")):
			if length, err = strconv.Atoi(string(value)); err != nil || length < 0 {
				return 0, false, fmt.Errorf("not a length: %.40q", value)
			}
		case bytes.EqualFold(name, []byte("Connection")):
			last = bytes.EqualFold(value, []byte("close"))
		}
	}
	if length < 0 {
		return 0, false, errors.New("an answer without Content-Length")
	}
	return length, last, nil
}
