package httpapi_test

import (
	"bytes"
	"fmt"
	"net"
	"net/http"
	"runtime"
	"sync/atomic"
	"testing"
	"time"

	"golang.org/x/sys/unix"
)

// crowd is many clients of streams over loopback that cost as little as clients can: plain sockets and one thread that
// reads whatever comes and counts events. What that thread takes is known, so that it can be taken off what the
// process takes.
type crowd struct {
	poll  int
	fds   []int
	heads atomic.Int64 // answers that began
	got   atomic.Int64 // events
	want  atomic.Int64 // events, for told
	told  chan struct{}
	stop  atomic.Bool
	ended chan struct{}
	cpu   atomic.Int64 // of the thread, ns
}

// gather connects so many clients to a server of h, which all ask for target.
func gather(b *testing.B, h http.Handler, many int, target string) *crowd {
	b.Helper()
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	srv := &http.Server{Handler: h, ReadHeaderTimeout: time.Minute}
	served := make(chan struct{})
	go func() { _ = srv.Serve(l); close(served) }()
	c := &crowd{told: make(chan struct{}, 1), ended: make(chan struct{})}
	if c.poll, err = unix.EpollCreate1(0); err != nil {
		b.Fatal(err)
	}
	go c.read()
	b.Cleanup(func() {
		c.stop.Store(true)
		<-c.ended
		for _, fd := range c.fds {
			_ = unix.Close(fd)
		}
		_ = unix.Close(c.poll)
		_ = srv.Close()
		<-served
	})
	to := &unix.SockaddrInet4{Port: l.Addr().(*net.TCPAddr).Port, Addr: [4]byte{127, 0, 0, 1}}
	request := []byte("GET " + target + " HTTP/1.1\r\nHost: localhost\r\n\r\n")
	for range many {
		if err := c.join(to, request); err != nil {
			b.Fatal(err)
		}
	}
	for begun := time.Now(); c.heads.Load() < int64(many); runtime.Gosched() {
		if time.Since(begun) > time.Minute {
			b.Fatalf("%d of %d streams began", c.heads.Load(), many)
		}
	}
	return c
}

func (c *crowd) join(to unix.Sockaddr, request []byte) error {
	fd, err := unix.Socket(unix.AF_INET, unix.SOCK_STREAM, 0)
	if err != nil {
		return err
	}
	c.fds = append(c.fds, fd)
	if err := unix.Connect(fd, to); err != nil {
		return err
	}
	if _, err := unix.Write(fd, request); err != nil {
		return err
	}
	return unix.EpollCtl(c.poll, unix.EPOLL_CTL_ADD, fd, &unix.EpollEvent{Events: unix.EPOLLIN, Fd: int32(fd)})
}

// read is the thread that reads.
func (c *crowd) read() {
	defer close(c.ended)
	runtime.LockOSThread()
	defer runtime.UnlockOSThread()
	var ready [512]unix.EpollEvent
	buf := make([]byte, 64<<10)
	for !c.stop.Load() {
		n, err := unix.EpollWait(c.poll, ready[:], 100)
		if err != nil && err != unix.EINTR {
			panic(err)
		}
		for _, e := range ready[:max(n, 0)] {
			k, err := unix.Read(int(e.Fd), buf)
			if err != nil || k == 0 {
				panic(fmt.Sprintf("a stream broke off: %v", err))
			}
			c.heads.Add(int64(bytes.Count(buf[:k], []byte("HTTP/1.1 200"))))
			c.got.Add(int64(bytes.Count(buf[:k], []byte(`"events":`))))
		}
		c.cpu.Store(cpuTime(unix.RUSAGE_THREAD))
		if want := c.want.Load(); want > 0 && c.got.Load() >= want && c.want.CompareAndSwap(want, 0) {
			c.told <- struct{}{}
		}
	}
}

// await waits until so many events more came than there were before.
func (c *crowd) await(b *testing.B, before, more int64) {
	c.want.Store(before + more)
	select {
	case <-c.told:
	case <-time.After(time.Minute):
		b.Fatalf("%d of %d events came", c.got.Load()-before, more)
	}
}

// serverCPU is what the process took but for the reading thread, in ns.
func (c *crowd) serverCPU() int64 { return cpuTime(unix.RUSAGE_SELF) - c.cpu.Load() }

func cpuTime(who int) int64 {
	var u unix.Rusage
	if err := unix.Getrusage(who, &u); err != nil {
		panic(err)
	}
	return u.Utime.Nano() + u.Stime.Nano()
}

// memory is what the process has of heap and stacks, after a collection.
func memory() int64 {
	runtime.GC()
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return int64(m.HeapAlloc + m.StackInuse)
}
