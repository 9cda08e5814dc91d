// Screenshots takes a picture of each view of the page, light and dark, from a cluster with sample content:
//
//	go run ./tests/ui/screenshots [folder]
//
// The folder is .cache/screenshots if none is named. A page that is not as a view should be ends it with a message.
package main

import (
	"context"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"testing"

	"holt/tests/harness"
	"holt/tests/ui"
)

func main() {
	folder := ".cache/screenshots"
	if len(os.Args) > 1 {
		folder = os.Args[1]
	}
	s := &stage{}
	err := s.play(func() { take(s, folder) })
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// shot is a picture: where it is taken, and what is done before.
type shot struct {
	name  string
	place string // behind /ui/
	act   func(*ui.Page)
	size  ui.Size
	empty bool // of a tree with nothing in it
}

func take(s *stage, folder string) {
	if err := os.MkdirAll(folder, 0o755); err != nil {
		s.Fatal(err)
	}
	bin, err := harness.Build()
	if err != nil {
		s.Fatal(err)
	}
	s.Cleanup(func() { _ = bin.Close() }) // a folder of the system's temporary ones
	chromium, err := ui.Start()
	if err != nil {
		s.Fatal("no browser; tests/install installs one: ", err)
	}
	s.Cleanup(chromium.Close)

	c := bin.NewCluster(s, 3, nil).Start()
	bare := bin.NewMember(s, "first").Start().Ready()
	if err := ui.Sample(context.Background(), c.Client(0)); err != nil {
		s.Fatal(err)
	}
	for _, shot := range shots() {
		for _, dark := range []bool{false, true} {
			at := c.Members[0].URL
			if shot.empty {
				at = bare.URL
			}
			p := chromium.Open(s, at+"/ui/"+shot.place, ui.Options{Dark: dark, Size: shot.size})
			if shot.act != nil {
				shot.act(p)
			}
			file := filepath.Join(folder, shot.name+map[bool]string{true: "-dark", false: "-light"}[dark]+".png")
			p.Picture(file)
			fmt.Println(file)
		}
	}
}

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
