package main

import (
	"context"
	"fmt"
	"os"
	"slices"
	"sync"
	"testing"
)

// stage is what a test is to the harness, where there is none. Error, Errorf, Log and Logf are for all goroutines, what ends the run for
// that of play alone.
type stage struct {
	testing.TB
	ctx  context.Context
	ends []func() // in the order they were asked for

	mu  sync.Mutex // guards err
	err error
}

// fallen is thrown by what ends the run and caught by play.
type fallen struct{}

// play runs f, then all that was to be cleaned up, and gives the first error.
func (s *stage) play(f func()) (err error) {
	defer func() {
		r := recover()
		for _, end := range slices.Backward(s.ends) {
			end()
		}
		if r != nil && r != (fallen{}) {
			panic(r)
		}
		err = s.failure()
	}()
	f()
	return nil
}

func (s *stage) failure() error {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.err
}

func (s *stage) fail(what string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.err == nil {
		s.err = fmt.Errorf("%s", what)
	}
	fmt.Fprintln(os.Stderr, "FAILED:", what)
}

func (s *stage) Helper()                  {}
func (s *stage) Context() context.Context { return s.ctx }
func (s *stage) Cleanup(f func())         { s.ends = append(s.ends, f) }
func (s *stage) Failed() bool             { return s.failure() != nil }
func (s *stage) Log(a ...any)             { fmt.Fprintln(os.Stderr, a...) }
func (s *stage) Logf(f string, a ...any)  { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (s *stage) Error(a ...any)           { s.fail(fmt.Sprint(a...)) }
func (s *stage) Fatal(a ...any)           { s.fail(fmt.Sprint(a...)); panic(fallen{}) }

func (s *stage) Errorf(f string, a ...any) { s.fail(fmt.Sprintf(f, a...)) }
func (s *stage) Fatalf(f string, a ...any) { s.fail(fmt.Sprintf(f, a...)); panic(fallen{}) }

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "holt-soak-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder of the system's temporary ones
	return dir
}
