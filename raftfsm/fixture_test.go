package raftfsm_test

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	"context"
	"errors"
	"io"
	"log/slog"
	"os"
	"path/filepath"
	"testing"
	"time"

	"github.com/hashicorp/raft"

	"holt/raftfsm"
	"holt/raftfsm/command"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
)

// unpacked is a member's data folder, as a program that knew version 1 of the log left it, and its last state. It has a snapshot and log
// behind it, and some of all that there was: sessions alive and ended, watches, kept outcomes, containers, refused transactions, batches.
func unpacked(t *testing.T) (dir string, state []byte) {
	t.Helper()
	f, err := os.Open("testdata/folder-v1.tar.gz")
	if err != nil {
		t.Fatal(err)
	}
	defer f.Close()
	z, err := gzip.NewReader(f)
	if err != nil {
		t.Fatal(err)
	}
	root := t.TempDir()
	for r := tar.NewReader(z); ; {
		h, err := r.Next()
		if errors.Is(err, io.EOF) {
			break
		}
		if err != nil {
			t.Fatal(err)
		}
		path := filepath.Join(root, filepath.FromSlash(h.Name))
		b, err := io.ReadAll(r)
		if err = errors.Join(err, os.MkdirAll(filepath.Dir(path), 0o700), os.WriteFile(path, b, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	state, err = os.ReadFile(filepath.Join(root, "state"))
	if err != nil {
		t.Fatal(err)
	}
	return filepath.Join(root, "data"), state
}

func openFixture(t *testing.T, dir string) *raftfsm.Folder {
	t.Helper()
	f, err := raftfsm.OpenFolder(raftfsm.FolderConfig{Dir: dir, Logger: slog.New(slog.DiscardHandler), Fatal: func(err error) { t.Error(err) }})
	if err != nil {
		t.Fatal(err)
	}
	return f
}

// A member is upgraded: the folder of the version before opens, and holds what it held. It goes on, compares, and is what it was after the
// next start as well.
func TestAFolderOfVersionOneIsTakenOver(t *testing.T) {
	dir, want := unpacked(t)
	old, err := znode.DecodeState(bytes.NewReader(want))
	if err != nil {
		t.Fatal(err)
	}
	for start := range 2 {
		f := openFixture(t, dir)
		mux, err := peer.Listen(peer.Config{
			Name: f.Name, Cluster: f.Cluster, LoopbackOnly: true, BindAddr: "127.0.0.1:0", Logger: slog.New(slog.DiscardHandler),
		})
		if err != nil {
			t.Fatal(err)
		}
		n, err := raftfsm.Open(raftfsm.Config{
			Name: f.Name, Members: f.Members, RaftAdvertise: f.Members[0].RaftAddr, Storage: &f.Storage, Mux: mux, Logger: slog.New(slog.DiscardHandler),
			DigestEvery: 20 * time.Millisecond, Fatal: func(err error) { t.Error(err) },
		})
		if err != nil {
			t.Fatal(err)
		}
		ctx, cancel := context.WithTimeout(t.Context(), time.Minute)
		s, err := n.Linearizable(ctx)
		if err != nil {
			t.Fatal(err)
		}
		if start == 0 && (!bytes.Equal(encodedState(t, s), encodedState(t, old)) || s.Digest() != old.Digest() || s.Zxid != 294) {
			t.Errorf("it reads as\n%.400s\nwant\n%.400s", encodedState(t, s), encodedState(t, old))
		}
		if start == 1 && data(s, "/new") != "x" {
			t.Error("what was written after the upgrade is not there")
		}
		r, err := n.Propose(ctx, &znode.Txn{Ops: []znode.Op{znode.PutOp(path("/new"), "x")}})
		if err != nil || r.Zxid != old.Zxid+znode.Zxid(start)+1 {
			t.Errorf("after the upgrade: %+v, %v", r, err)
		}
		tick := time.NewTicker(time.Millisecond)
		for n.Stats().DigestZxid < r.Zxid && ctx.Err() == nil {
			<-tick.C
		}
		if n.Stats().DigestZxid < r.Zxid {
			t.Error("it does not compare")
		}
		tick.Stop()
		cancel()
		if err := errors.Join(n.Close(), f.Close()); err != nil {
			t.Fatal(err)
		}
	}
}

// What version 1 wrote is still what is written, to the byte: a member that was not upgraded yet reads it.
func TestWhatVersionOneWroteIsWrittenAlike(t *testing.T) {
	dir, state := unpacked(t)
	f := openFixture(t, dir)
	defer f.Close()
	first, err := f.Logs.FirstIndex()
	if err != nil {
		t.Fatal(err)
	}
	last, err := f.Logs.LastIndex()
	if err != nil {
		t.Fatal(err)
	}
	commands := 0
	for i := first; i <= last; i++ {
		var l raft.Log
		if err := f.Logs.GetLog(i, &l); err != nil {
			t.Fatal(err)
		}
		if l.Type != raft.LogCommand {
			continue
		}
		var e command.Entry
		if err := e.Decode(l.Data); err != nil {
			t.Fatalf("entry %d: %v", i, err)
		}
		if !bytes.Equal(e.Append(nil), l.Data) {
			t.Errorf("entry %d is written as\n%x\nand was\n%x", i, e.Append(nil), l.Data)
		}
		for _, b := range e.Commands {
			var c command.Command
			if err := c.Decode(b); err != nil {
				t.Fatalf("entry %d: %v", i, err)
			}
			if !bytes.Equal(c.Append(nil), b) {
				t.Errorf("in entry %d %+v is written as\n%x\nand was\n%x", i, c, c.Append(nil), b)
			}
			commands++
		}
	}
	if commands < 150 {
		t.Errorf("%d commands are too few to say much", commands)
	}
	s, err := znode.DecodeState(bytes.NewReader(state))
	if err != nil || !bytes.Equal(encodedState(t, s), state) {
		t.Errorf("a state is written another way than it was: %v", err)
	}
}

func encodedState(t *testing.T, s *znode.State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatal(err)
	}
	return b.Bytes()
}
