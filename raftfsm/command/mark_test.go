package command

import (
	"bytes"
	"errors"
	"math"
	"testing"
)

func someVerdict() *Verdict {
	return &Verdict{Version: 1, Index: 300, Zxid: 7, Digest: 0x0123456789abcdef}
}

func TestMarkFormatIsFixed(t *testing.T) {
	want, got := golden(t, "testdata/mark-v2.hex"), Mark{Version: 9}
	if b := (Mark{Version: 1}).Append(nil); !bytes.Equal(b, want) {
		t.Errorf("it is written as %x", b)
	}
	if err := got.Decode(want); err != nil || got.Version != 1 {
		t.Errorf("it reads as %+v, %v", got, err)
	}
}

func TestVerdictFormatIsFixed(t *testing.T) {
	want := golden(t, "testdata/verdict-v2.hex")
	if b := someVerdict().Append(nil); !bytes.Equal(b, want) {
		t.Errorf("it is written as %x", b)
	}
	var got Verdict
	if err := got.Decode(want); err != nil || got != *someVerdict() {
		t.Errorf("it reads as %+v, %v", got, err)
	}
}

func TestMarksAndVerdictsCutShort(t *testing.T) {
	largest := &Verdict{Version: math.MaxUint8, Index: math.MaxUint64, Zxid: math.MaxUint64, Digest: math.MaxUint64}
	for _, v := range []*Verdict{someVerdict(), largest, {}} {
		b := v.Append([]byte("before"))[6:]
		var got Verdict
		if err := got.Decode(b); err != nil || got != *v {
			t.Errorf("%+v reads as %+v, %v", v, got, err)
		}
		for n := range b {
			if err := got.Decode(b[:n]); !errors.Is(err, ErrMalformed) {
				t.Errorf("cut to %d bytes: %v", n, err)
			}
		}
		if err := got.Decode(append(bytes.Clone(b), 0)); !errors.Is(err, ErrMalformed) {
			t.Errorf("a byte more: %v", err)
		}
	}
	var m Mark
	for _, b := range [][]byte{nil, {KindMark}, {KindMark, 1, 1}, {KindVerdict, 1}, {kindTxn, 1}} {
		if err := m.Decode(b); !errors.Is(err, ErrMalformed) {
			t.Errorf("%x reads as the mark %+v, %v", b, m, err)
		}
	}
	var v Verdict
	if err := v.Decode(Mark{1}.Append(nil)); !errors.Is(err, ErrMalformed) {
		t.Errorf("a mark reads as a verdict: %v", err)
	}
}

// A command that is about the log is none that a member may forward, nor one that Command takes.
func TestCommandDoesNotReadWhatIsAboutTheLog(t *testing.T) {
	refuses(t, Mark{1}.Append(nil), "a mark")
	refuses(t, someVerdict().Append(nil), "a verdict")
}

// Each version of the log knows its own kinds and those before. A kind of a later one is no damage: whoever meets it is told so.
func TestWhichVersionOfTheLogKnowsWhichKind(t *testing.T) {
	all := map[byte]uint8{kindTxn: 1, kindSessionTxn: 1, kindBatch: 1, KindMark: 2, KindVerdict: 2, 6: 2}
	for k := range 256 {
		for version := uint8(1); version <= LogVersion; version++ {
			since, known := all[byte(k)]
			got, from, err := KindOf([]byte{byte(k), 1, 2, 3}, version)
			switch {
			case k == 0:
				if !errors.Is(err, ErrMalformed) || errors.Is(err, ErrTooNew) {
					t.Errorf("kind 0: %v", err)
				}
			case known && since <= version:
				if err != nil || got != byte(k) || from != since {
					t.Errorf("kind %d in version %d: %d, %v", k, version, got, err)
				}
			case !errors.Is(err, ErrTooNew) || errors.Is(err, ErrMalformed):
				t.Errorf("kind %d in version %d: %d, %v", k, version, got, err)
			}
		}
	}
	if _, _, err := KindOf(nil, LogVersion); !errors.Is(err, ErrMalformed) {
		t.Errorf("nothing: %v", err)
	}
}

// What is read can be written, and reads the same then.
func FuzzDecodeMarkAndVerdict(f *testing.F) {
	f.Add(Mark{1}.Append(nil))
	f.Add(someVerdict().Append(nil))
	f.Fuzz(func(t *testing.T, b []byte) {
		var m, m2 Mark
		if err := m.Decode(b); err == nil {
			if err := m2.Decode(m.Append(nil)); err != nil || m2 != m {
				t.Fatalf("%+v reads as %+v, %v", m, m2, err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
		var v, v2 Verdict
		if err := v.Decode(b); err == nil {
			if err := v2.Decode(v.Append(nil)); err != nil || v2 != v {
				t.Fatalf("%+v reads as %+v, %v", v, v2, err)
			}
		} else if !errors.Is(err, ErrMalformed) {
			t.Fatal(err)
		}
	})
}
