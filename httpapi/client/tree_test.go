package client_test

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/apitest"
	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// lines opens a tree of n znodes below /t again and again.
func lines(n int) func() (io.ReadCloser, error) {
	return func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			for i := range n {
				path := "/t"
				if i > 0 {
					path = fmt.Sprintf("/t/%07d", i)
				}
				if _, err := fmt.Fprintf(w, `{"path":%q,"mode":"persistent","data":"%d"}`+"\n", path, i); err != nil {
					return
				}
			}
			w.Close()
		}()
		return r, nil
	}
}

func TestATreeIsReadAndLoaded(t *testing.T) {
	s, c := serve(t)
	done, err := c.LoadTree(t.Context(), "/copy", lines(1000), client.LoadOptions{})
	if err != nil || done.Made != 1000 || done.Lines != 1000 || done.Replayed || done.Zxid != uint64(s.State().Zxid) {
		t.Fatalf("LoadTree = %+v, %v", done, err)
	}
	count, err := c.CountTree(t.Context(), "/copy", client.Linearizable)
	if err != nil || count.Descendants != 999 || count.Bytes != 2890 || count.Zxid != done.Zxid {
		t.Errorf("CountTree = %+v, %v", count, err)
	}
	tree, err := c.Tree(t.Context(), "/copy", client.TreeQuery{WithData: true})
	if err != nil || tree.Zxid != done.Zxid {
		t.Fatal(tree, err)
	}
	defer tree.Close()
	for i := range 1000 {
		line, err := tree.Next()
		if err != nil {
			t.Fatal(err)
		}
		n, err := client.ParseTreeLine(line)
		if err != nil || string(n.Data) != fmt.Sprint(i) || n.Mode != client.Persistent || n.Stat == nil {
			t.Fatalf("line %d is %s: %+v, %v", i, line, n, err)
		}
	}
	if line, err := tree.Next(); err != io.EOF || tree.Lines() != 1000 {
		t.Errorf("behind the last of %d: %s, %v", tree.Lines(), line, err)
	}
	depth := 0
	if tree, err = c.Tree(t.Context(), "/copy", client.TreeQuery{Depth: &depth}); err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	if line, err := tree.Next(); err != nil || strings.Contains(string(line), `"data"`) {
		t.Errorf("%s, %v", line, err)
	}
	if _, err := tree.Next(); err != io.EOF {
		t.Error(err)
	}
	for path, want := range map[string]error{"/none": client.NoNode, "x": client.BadArguments} {
		if _, err := c.Tree(t.Context(), path, client.TreeQuery{}); !errors.Is(err, want) {
			t.Errorf("Tree of %s: %v", path, err)
		}
		if _, err := c.CountTree(t.Context(), path, client.Local); !errors.Is(err, want) {
			t.Errorf("CountTree of %s: %v", path, err)
		}
		if _, err := c.LoadTree(t.Context(), path+"/y", lines(2), client.LoadOptions{}); !errors.Is(err, want) {
			t.Errorf("LoadTree to %s: %v", path, err)
		}
	}
}

func TestLinesOfATreeThatAreNone(t *testing.T) {
	for _, line := range []string{``, `7`, `{}`, `{"path":"a"}`, `{"path":"/a","data":"="  ,"encoding":"base64"}`, `{"path":"/a","data":"","encoding":"x"}`, `{"path":"/a"`} {
		if n, err := client.ParseTreeLine([]byte(line)); err == nil {
			t.Errorf("%s is %+v", line, n)
		}
	}
	long := client.NewTreeLines(strings.NewReader("{}\n" + strings.Repeat("x", client.MaxTreeLine+100_000) + "\n{}"))
	if _, err := long.Next(); err != nil {
		t.Error(err)
	}
	if _, err := long.Next(); err == nil || err == io.EOF {
		t.Errorf("a line too long: %v", err)
	}
}

// A load goes on at the next member when one is gone, is told of one that is nobody, and all is made once.
func TestALoadGoesOnAtTheNextMember(t *testing.T) {
	s := clienttest.New()
	t.Cleanup(s.Close)
	gone := clienttest.New()
	gone.Close()
	c := connect(t, client.Config{Endpoints: []string{gone.URL, s.URL}})
	var tries atomic.Int64
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		switch tries.Add(1) {
		case 1:
			io.CopyN(io.Discard, r.Body, 1000)
			panic(http.ErrAbortHandler)
		case 2: // it has loaded some when it loses its leader
			s.Node.Fail(apitest.Faults{Swallow: command.ErrUnknown})
			time.AfterFunc(200*time.Millisecond, func() { s.Node.Fail(apitest.Faults{}) })
		}
	})
	done, err := c.LoadTree(t.Context(), "/copy", lines(3000), client.LoadOptions{})
	if err != nil || done.Made != 3000 || tries.Load() != 2 {
		t.Errorf("LoadTree = %+v, %v, after %d tries", done, err, tries.Load())
	}
}

// What cannot be opened twice ends with what broke it.
func TestALoadThatCannotBeSentAgain(t *testing.T) {
	s, c := serve(t)
	s.Before(func(http.ResponseWriter, *http.Request) { panic(http.ErrAbortHandler) })
	opened := 0
	_, err := c.LoadTree(t.Context(), "/copy", func() (io.ReadCloser, error) {
		if opened++; opened > 1 {
			return nil, errors.New("no")
		}
		return lines(10)()
	}, client.LoadOptions{})
	if !errors.Is(err, client.OutcomeUnknown) || opened < 2 {
		t.Errorf("%v, opened %d times", err, opened)
	}
	s.Before(nil)
	_, err = c.LoadTree(t.Context(), "/copy", func() (io.ReadCloser, error) {
		r, w := io.Pipe()
		go func() {
			io.WriteString(w, `{"path":"/t","mode":"persistent","data":""}`+"\n")
			w.CloseWithError(errors.New("the disk is gone"))
		}()
		return r, nil
	}, client.LoadOptions{})
	if err == nil || !strings.Contains(err.Error(), "the disk is gone") || client.CodeOf(err) != "" {
		t.Errorf("%v", err)
	}
}

// A load under a key of its own is replayed.
func TestALoadUnderAKeyOfItsOwn(t *testing.T) {
	s, c := serve(t)
	for i := range 2 {
		done, err := c.Keyed("move").LoadTree(t.Context(), "/copy", lines(700), client.LoadOptions{})
		if err != nil || done.Made != 700 || done.Replayed != (i == 1) {
			t.Errorf("LoadTree = %+v, %v", done, err)
		}
		s.Apply(znode.SetOp(znode.MustPath("/copy"), "since"))
	}
	if _, err := c.Keyed("move").LoadTree(t.Context(), "/copy", lines(3), client.LoadOptions{}); !errors.Is(err, client.IdempotencyMismatch) {
		t.Errorf("another load under the key: %v", err)
	}
}

// A million znodes in and out; run it with -benchtime 1x.
func BenchmarkMillionZnodes(b *testing.B) {
	const n = 1_000_000
	s := clienttest.New()
	defer s.Close()
	c, err := client.New(client.Config{Endpoints: []string{s.URL}})
	if err != nil {
		b.Fatal(err)
	}
	defer c.Close()
	var in, out time.Duration
	round := 0
	for b.Loop() {
		round++
		began := time.Now()
		done, err := c.LoadTree(b.Context(), fmt.Sprintf("/copy%d", round), lines(n), client.LoadOptions{})
		if err != nil || done.Made != n {
			b.Fatal(done, err)
		}
		in += time.Since(began)
		began = time.Now()
		tree, err := c.Tree(b.Context(), fmt.Sprintf("/copy%d", round), client.TreeQuery{WithData: true})
		if err != nil {
			b.Fatal(err)
		}
		for err == nil {
			_, err = tree.Next()
		}
		if err != io.EOF || tree.Lines() != n {
			b.Fatal(tree.Lines(), err)
		}
		tree.Close()
		out += time.Since(began)
	}
	b.ReportMetric(n*float64(round)/in.Seconds(), "loaded/s")
	b.ReportMetric(n*float64(round)/out.Seconds(), "told/s")
}
