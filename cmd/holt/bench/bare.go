package bench

import (
	"bufio"
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"os/exec"
	"strconv"
	"strings"
	"time"
)

const (
	bareStart = 10 * time.Second
	bareStop  = 5 * time.Second
)

// Bare is the bare HTTP server, running.
type Bare struct {
	Addr string // host:port
	Stop func() error
}

// StartBare runs cmd, which must call ServeBare, and waits for its address. It is a process of its own, as a member is,
// so that the generator's threads do not do its work.
func StartBare(ctx context.Context, cmd *exec.Cmd) (*Bare, error) {
	in, err := cmd.StdinPipe()
	if err != nil {
		return nil, err
	}
	out, err := cmd.StdoutPipe()
	if err != nil {
		return nil, err
	}
	if err := cmd.Start(); err != nil {
		return nil, err
	}
	stop := func() error {
		in.Close() // it ends by itself when its input does
		kill := time.AfterFunc(bareStop, func() { cmd.Process.Kill() })
		defer kill.Stop()
		if err := cmd.Wait(); err != nil && ctx.Err() == nil {
			return fmt.Errorf("the bare server: %w", err)
		}
		return nil // an interrupt from a terminal ends it too
	}
	late := time.AfterFunc(bareStart, func() { cmd.Process.Kill() })
	line, err := bufio.NewReader(out).ReadString('\n')
	late.Stop()
	if err != nil {
		return nil, errors.Join(errors.New("it said no address"), err, stop())
	}
	return &Bare{Addr: strings.TrimSpace(line), Stop: stop}, nil
}

// ServeBare serves size constant bytes at every path on a free port of the loopback, says its address on out, and ends
// when in or ctx does.
func ServeBare(ctx context.Context, in io.Reader, out io.Writer, size int) error {
	if size < 0 || size > MaxSize {
		return fmt.Errorf("size %d: it must be 0 to %d bytes", size, MaxSize)
	}
	ln, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return err
	}
	body := bytes.Repeat([]byte{'x'}, size)
	kind, length := []string{"application/octet-stream"}, []string{strconv.Itoa(size)}
	srv := &http.Server{ReadHeaderTimeout: 5 * time.Second, Handler: http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		h := w.Header()
		h["Content-Type"], h["Content-Length"] = kind, length
		w.Write(body)
	})}
	if _, err := fmt.Fprintln(out, ln.Addr()); err != nil {
		return errors.Join(err, ln.Close())
	}
	ctx, cancel := context.WithCancel(ctx)
	defer cancel()
	// The goroutine ends with in; who started us closes it, and otherwise the process is about to end anyway.
	go func() { _, _ = io.Copy(io.Discard, in); cancel() }()
	defer context.AfterFunc(ctx, func() { srv.Close() })()
	if err := srv.Serve(ln); !errors.Is(err, http.ErrServerClosed) {
		return err
	}
	return nil
}
