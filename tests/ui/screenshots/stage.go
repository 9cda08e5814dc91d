package main

import (
	"fmt"
	"os"
	"slices"
	"testing"
)

// stage is what a test is to the harness, where there is none: a failure ends it.
type stage struct {
	testing.TB
	ends []func()
	err  error
}

// fallen is thrown by a failure and caught by play.
type fallen struct{}

func (s *stage) play(f func()) (err error) {
	defer func() {
		if r := recover(); r != nil && r != (fallen{}) {
			panic(r)
		}
		for _, end := range slices.Backward(s.ends) {
			end()
		}
		err = s.err
	}()
	f()
	return s.err
}

func (s *stage) Helper()          {}
func (s *stage) Cleanup(f func()) { s.ends = append(s.ends, f) }
func (s *stage) Failed() bool     { return s.err != nil }
func (s *stage) Log(a ...any)     { fmt.Fprintln(os.Stderr, a...) }
func (s *stage) Error(a ...any)   { s.fail(fmt.Sprint(a...)) }
func (s *stage) Fatal(a ...any)   { s.fail(fmt.Sprint(a...)); panic(fallen{}) }

func (s *stage) Logf(f string, a ...any)   { fmt.Fprintf(os.Stderr, f+"\n", a...) }
func (s *stage) Errorf(f string, a ...any) { s.fail(fmt.Sprintf(f, a...)) }
func (s *stage) Fatalf(f string, a ...any) { s.fail(fmt.Sprintf(f, a...)); panic(fallen{}) }

func (s *stage) fail(what string) {
	if s.err == nil {
		s.err = fmt.Errorf("%s", what)
	} else {
		s.Log(what)
	}
}

func (s *stage) TempDir() string {
	dir, err := os.MkdirTemp("", "holt-screenshots-")
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = os.RemoveAll(dir) }) // a folder of the system's temporary ones
	return dir
}
