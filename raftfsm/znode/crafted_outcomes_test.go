package znode

import (
	"bytes"
	"math"
	"slices"
	"strings"
	"testing"

	"pgregory.net/rapid"
)

// remembered is an outcome in a crafted state. Its last number is the length of the body.
func remembered(zxid, due, owner uint64, body ...[]byte) []byte {
	b := slices.Concat(body...)
	whole := appendNums(make([]byte, 32), zxid, due, owner, uint64(len(b)))
	return appendString(nil, string(append(whole, b...)))
}

// done is the body of n ops that were carried out.
func done(n uint64, ops ...[]byte) []byte {
	return append(appendNums([]byte{byte(OK)}, n), slices.Concat(ops...)...)
}

// refusal is the body of n ops of which the one at failed was refused.
func refusal(code Code, n, failed uint64, op []byte) []byte {
	return append(appendNums([]byte{byte(code)}, n, failed), op...)
}

// said is the result of an op: flags, what a load did, and what the flags say follows.
func said(flags byte, loaded Loaded, follows ...[]byte) []byte {
	return append([]byte{flags, byte(loaded)}, slices.Concat(follows...)...)
}

func nums(n ...uint64) []byte { return appendNums(nil, n...) }
func text(s string) []byte    { return appendString(nil, s) }

// Outcomes, and znodes that go of themselves, with a correct checksum that no Encode writes. The first of each group is right.
func TestCraftedOutcomes(t *testing.T) {
	const due = OutcomeTime + 50
	nothing, stat := said(0, 0), nums(1, 0, 0, 7, 0, 0, 0, 0, 0, 0, 0, 1)
	one := func(body []byte) parts { return parts{outcomes: [][]byte{remembered(5, due, 0, body)}} }
	znode := func(n raw) parts { return parts{nodes: []raw{n}} }
	a := func() raw { return leaf("=", "a", "", 4).more(4, 0, 0) }
	ann := live("ann", 2, 100, 7)
	for _, tt := range []struct {
		name string
		ok   bool
		parts
	}{
		{"nothing is kept", true, parts{}},
		{"one", true, one(done(1, nothing))},
		{"two", true, parts{outcomes: [][]byte{remembered(5, due, 0, done(1, nothing)), remembered(4, due, 0, done(1, nothing))}}},
		{"out of order", false, parts{outcomes: [][]byte{remembered(5, due, 0, done(1, nothing)), remembered(5, due-1, 0, done(1, nothing))}}},
		{"of the newest zxid", true, parts{outcomes: [][]byte{remembered(9, due, 9, done(1, nothing))}}},
		{"of a future zxid", false, parts{outcomes: [][]byte{remembered(10, due, 0, done(1, nothing))}}},
		{"of no zxid", false, parts{outcomes: [][]byte{remembered(0, due, 0, done(1, nothing))}}},
		{"of a session that came later", false, parts{outcomes: [][]byte{remembered(5, due, 6, done(1, nothing))}}},
		{"kept as long as can be", true, parts{outcomes: [][]byte{remembered(5, OutcomeTime+100, 0, done(1, nothing))}}},
		{"kept for longer", false, parts{outcomes: [][]byte{remembered(5, OutcomeTime+101, 0, done(1, nothing))}}},
		{"kept from the first moment", true, parts{outcomes: [][]byte{remembered(5, OutcomeTime, 0, done(1, nothing))}}},
		{"kept from before time", false, parts{outcomes: [][]byte{remembered(5, OutcomeTime-1, 0, done(1, nothing))}}},
		{"kept for a time below 0", false, parts{outcomes: [][]byte{remembered(5, math.MaxUint64, 0, done(1, nothing))}}},
		{"too short to be one", false, parts{outcomes: [][]byte{text("short")}}},
		{"of no bytes", false, parts{outcomes: [][]byte{text("")}}},
		{"of a body longer than it is", false, parts{outcomes: [][]byte{text(string(appendNums(make([]byte, 32), 5, due, 0, 9)))}}},
		{"of a body of more than memory holds", false, parts{outcomes: [][]byte{text(string(appendNums(make([]byte, 32), 5, due, 0, math.MaxUint64)))}}},
		{"of more bytes than one has", false, one(done(1, said(keptFound|keptData, 0, stat, text(strings.Repeat("x", maxOneOutcomeBytes)))))},

		{"no body", false, one(nil)},
		{"no ops", false, one(done(0))},
		{"fewer ops than said", false, one(done(2, nothing))},
		{"more ops than said", false, one(done(1, nothing, nothing))},
		{"as many ops as can be", true, one(done(MaxTxnOps, bytes.Repeat(nothing, MaxTxnOps)))},
		{"more ops than can be", false, one(done(MaxTxnOps+1, bytes.Repeat(nothing, MaxTxnOps+1)))},
		{"an unknown code", false, one(refusal(codes, 1, 0, nothing))},
		{"a refusal", true, one(refusal(codes-1, 3, 2, nothing))},
		{"a refusal of an op that is not there", false, one(refusal(NoNode, 3, 3, nothing))},
		{"a refusal of an op far away", false, one(refusal(NoNode, 3, math.MaxUint64, nothing))},
		{"a refusal for being taken back", false, one(refusal(RolledBack, 3, 2, nothing))},
		{"a refusal and more", false, one(refusal(NoNode, 3, 2, append(nothing, 0)))},
		{"a refusal that says nothing", false, one(refusal(NoNode, 3, 2, nil))},

		{"what a load did", true, one(done(1, said(0, loadeds-1)))},
		{"what no load does", false, one(done(1, said(0, loadeds)))},
		{"a znode", true, one(done(1, said(keptFound|keptCreated, 0, stat)))},
		{"a znode as old as can be", true, one(done(1, said(keptFound, 0, nums(5, 5, 5), stat[3:])))},
		{"a znode older than can be", false, one(done(1, said(keptFound, 0, nums(6, 0, 0), stat[3:])))},
		{"a znode set before time", false, one(done(1, said(keptFound, 0, nums(5, 6, 0), stat[3:])))},
		{"a znode cut short", false, one(done(1, said(keptFound, 0, stat[:8])))},
		{"made and not found", false, one(done(1, said(keptCreated, 0)))},
		{"data of what is not found", false, one(done(1, said(keptData, 0, text("x"))))},
		{"data", true, one(done(1, said(keptFound|keptData, 0, stat, text("x"))))},
		{"data cut short", false, one(done(1, said(keptFound|keptData, 0, stat, nums(9), []byte("x"))))},
		{"names", true, one(done(1, said(keptFound|keptNames, 0, stat, nums(2), text("b"), text("c"))))},
		{"names of what is not found", false, one(done(1, said(keptNames, 0, nums(0))))},
		{"fewer names than said", false, one(done(1, said(keptFound|keptNames, 0, stat, nums(2), text("b"))))},
		{"more names than memory holds", false, one(done(1, said(keptFound|keptNames, 0, stat, nums(math.MaxUint64), text("b"))))},
		{"a number", true, one(done(1, said(keptFound|keptNumber, 0, text("0000000007"), stat)))},
		{"a number of what is not found", false, one(done(1, said(keptNumber, 0, text("0000000007"))))},
		{"a number longer than numbers are", false, one(done(1, said(keptFound|keptNumber, 0, text(strings.Repeat("0", 21)), stat)))},
		{"elsewhere", true, one(refusal(NoNode, 1, 0, said(keptElsewhere, 0, text("/a"))))},
		{"elsewhere at the root", true, one(refusal(NoNode, 1, 0, said(keptElsewhere, 0, text("/"))))},
		{"elsewhere at no path", false, one(refusal(NoNode, 1, 0, said(keptElsewhere, 0, text("a"))))},
		{"elsewhere at an empty path", false, one(refusal(NoNode, 1, 0, said(keptElsewhere, 0, text(""))))},
		{"elsewhere with a slash behind", false, one(refusal(NoNode, 1, 0, said(keptElsewhere, 0, text("/a/"))))},
		{"elsewhere too far", false, one(refusal(NoNode, 1, 0, said(keptElsewhere, 0, text(long(4097)))))},
		{"a session", true, one(done(1, said(keptSession, 0, make([]byte, 32), nums(5, 100, 7), make([]byte, 32))))},
		{"a session without its seal", false, one(done(1, said(keptSession, 0, make([]byte, 32), nums(5, 100, 7), make([]byte, 31))))},
		{"how many were deleted", true, one(done(1, said(keptDeleted|keptFound, 0, stat, nums(3))))},
		{"how many were deleted, not said", false, one(done(1, said(keptDeleted|keptFound, 0, stat)))},

		{"a container", true, znode(a().going(0, 0))},
		{"a container emptied before all time", false, znode(a().going(0, 1<<63))},
		{"a time to live", true, znode(a().going(2))},
		{"the longest time to live", true, znode(a().going(MaxTTL + 1))},
		{"a longer time to live", false, znode(a().going(MaxTTL + 2))},
		{"a time to live that goes round", false, znode(a().going(math.MaxUint64))},
		{"a time to live at the other end", false, znode(a().going(1 << 63))},
		{"a znode that goes and stays", false, znode(a().going(1))},
		{"a znode that goes in two ways", false, parts{nodes: []raw{a().owned(2).going(0, 0)}, live: [][]byte{ann}}},
		{"a znode that goes and has no more", false, znode(raw{flagSameDir | flagGoes, 1, 'a', 0, 4, 1, 0})},
	} {
		b := tt.bytes()
		if !tt.ok {
			refusesBytes(t, b, "%s", tt.name)
		} else if s, err := DecodeState(bytes.NewReader(b)); err != nil {
			t.Errorf("%s: %v", tt.name, err)
		} else if !bytes.Equal(encode(t, s), b) {
			t.Errorf("%s: written again, the bytes differ", tt.name)
		}
	}
	root := func(n raw) []byte { return inVersionThree(inVersionTwo(crafted(9, 1, n), 9)) }
	if _, err := DecodeState(bytes.NewReader(root(leaf("=", "", "", 0).more(1, 0, 0)))); err != nil {
		t.Errorf("a root: %v", err)
	}
	refusesBytes(t, root(leaf("=", "", "", 0).more(1, 0, 0).going(0, 0)), "a root that goes")
	refusesBytes(t, parts{nodes: []raw{a().going(0, 0)}}.in(2), "a container in version 2")
}

// going makes a znode one that goes of itself: 0 and when it was emptied make it a container, any other number is its time to live and one.
func (r raw) going(n ...uint64) raw {
	r[0] |= flagGoes
	return appendNums(r, n...)
}

// An outcome can be any bytes: it is refused, or read; and what is read can be asked for everything.
func FuzzOutcome(f *testing.F) {
	for _, body := range outcomeBodies(f) {
		f.Add(body, uint16(0))
	}
	f.Fuzz(func(_ *testing.T, body []byte, ops uint16) { lookInto(body, int(ops)-1) })
}

func TestAnyBytesAsOutcome(t *testing.T) {
	seeds := outcomeBodies(t)
	rapid.Check(t, func(t *rapid.T) {
		body := bytes.Clone(rapid.SampledFrom(seeds).Draw(t, "seed"))
		for range rapid.IntRange(0, 4).Draw(t, "changes") {
			i := rapid.IntRange(0, len(body)-1).Draw(t, "at")
			switch rapid.IntRange(0, 3).Draw(t, "change") {
			case 0:
				body[i] = rapid.Byte().Draw(t, "byte")
			case 1:
				body = slices.Insert(body, i, rapid.SliceOfN(rapid.Byte(), 1, 12).Draw(t, "more")...)
			case 2:
				body = body[:i+1]
			default:
				body[i] ^= 1 << rapid.IntRange(0, 7).Draw(t, "bit")
			}
		}
		lookInto(body, rapid.IntRange(-1, 8).Draw(t, "ops"))
	})
}

// outcomeBodies are those of the golden state.
func outcomeBodies(t testing.TB) (bodies [][]byte) {
	for o := range goldenOutcomes(t).outcomes.all() {
		bodies = append(bodies, o.body)
	}
	return bodies
}

// lookInto reads a body, and asks what was read for all there is.
func lookInto(body []byte, ops int) {
	r := newResult(1)
	c := checker{b: body}
	if !c.outcome(r, 9, ops) {
		return
	}
	if len(r.Ops) > MaxTxnOps || ops >= 0 && len(r.Ops) != ops {
		panic("it is read as too many ops")
	}
	for i := range r.Ops {
		op := &r.Ops[i]
		if !op.Found() {
			if op.Created {
				panic("made, and not found")
			}
			continue
		}
		op.Where()
		op.Stat()
		op.Mode()
		op.Data()
		for range op.Names() {
		}
	}
}
