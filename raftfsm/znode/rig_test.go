package znode

import (
	"bytes"
	"testing"
)

// rig is a machine with short ways to ask it things and to say what must come back.
type rig struct {
	testing.TB
	*Machine
}

func newRig(t testing.TB) *rig {
	t.Helper()
	return &rig{t, NewMachine()}
}

func path(s string) Path { return MustPath(s) }

func prefix(s string) Prefix {
	p, err := ParsePrefix(s)
	if err != nil {
		panic(err)
	}
	return p
}

func create(p string) Op              { return CreateOp(path(p), "", Persistent) }
func createWith(p, data string) Op    { return CreateOp(path(p), data, Persistent) }
func numbered(p string) Op            { return CreateSequentialOp(prefix(p), "", PersistentSequential) }
func put(p, data string) Op           { return PutOp(path(p), data) }
func set(p, data string, t ...Tag) Op { return SetOp(path(p), data, t...) }
func remove(p string, t ...Tag) Op    { return DeleteOp(path(p), t...) }
func check(p string, tags ...Tag) Op  { return CheckOp(path(p), tags...) }
func absent(p string) Op              { return CheckAbsentOp(path(p)) }
func version(v int64) Tag             { return Tag{Version: v} }
func exactly(v int64, czxid Zxid) Tag { return Tag{Version: v, Czxid: czxid} }
func transaction(ops []Op) *Txn       { return &Txn{Ops: ops} }
func (r *rig) try(ops ...Op) *Result  { return r.Apply(transaction(ops)) }
func (r *rig) at(now int64) *rig      { r.Advance(now, 1); return r }
func (r *rig) has(p string) bool      { return r.tree.Get(path(p)) != nil }
func (r *rig) encoded() []byte        { return encode(r.TB, r.State()) }

func codesOf(r *Result) (codes []Code) {
	for _, op := range r.Ops {
		codes = append(codes, op.Code)
	}
	return codes
}

// do applies a transaction that must succeed.
func (r *rig) do(ops ...Op) *Result {
	r.Helper()
	res := r.try(ops...)
	if res.Code != OK || res.Failed != -1 || len(res.Ops) != len(ops) {
		r.Fatalf("transaction refused: %s at op %d, path %s", res.Code, res.Failed, res.Ops[max(res.Failed, 0)].Path)
	}
	return res
}

// refuses applies a transaction that must be refused at its last op, and must leave no trace.
func (r *rig) refuses(code Code, at string, ops ...Op) *Result {
	r.Helper()
	before := r.encoded()
	res := r.try(ops...)
	if res.Failed != len(ops)-1 || res.Code != code {
		r.Fatalf("ended with %s at op %d, want %s at op %d", res.Code, res.Failed, code, len(ops)-1)
	}
	if got := res.Ops[res.Failed].Path.String(); got != at {
		r.Errorf("%s arose at %s, want %s", code, got, at)
	}
	if !bytes.Equal(before, r.encoded()) {
		r.Errorf("a refused transaction changed the state")
	}
	return res
}

func (r *rig) stat(p string) Stat {
	r.Helper()
	n := r.tree.Get(path(p))
	if n == nil {
		r.Fatalf("there is no znode %s", p)
	}
	return n.Stat()
}

func (r *rig) wantStat(p string, want Stat) {
	r.Helper()
	if got := r.stat(p); got != want {
		r.Errorf("stat of %s\n got %+v\nwant %+v", p, got, want)
	}
}

func encode(t testing.TB, s *State) []byte {
	t.Helper()
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		t.Fatalf("encode: %v", err)
	}
	return b.Bytes()
}

func decode(t testing.TB, b []byte) *State {
	t.Helper()
	s, err := DecodeState(bytes.NewReader(b))
	if err != nil {
		t.Fatalf("decode: %v", err)
	}
	return s
}
