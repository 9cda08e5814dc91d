package command

import (
	"bytes"
	"encoding/hex"
	"errors"
	"os"
	"strings"
	"testing"
)

// steps has one of each kind, as they go into the log.
func steps() []RestoreStep {
	id := RestoreID{1, 2, 3, 15: 16}
	return []RestoreStep{
		{Kind: RestoreBegin, ID: id},
		{Kind: RestorePiece, ID: id, Number: 300, Data: "some bytes of a state"},
		{Kind: RestoreEnd, ID: id, Number: 301, Replace: true},
		{Kind: RestoreEnd, ID: id, Number: 1},
		{Kind: RestoreAbort, ID: id},
	}
}

func TestStepsOfARestoreComeBackAsTheyWere(t *testing.T) {
	for _, s := range steps() {
		c := &Command{Origin: 7, Seq: 300, Restore: &s}
		if err := c.Validate(); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		b := c.Append(nil)
		if len(b) > c.Size() {
			t.Errorf("%+v: %d bytes, Size says %d", s, len(b), c.Size())
		}
		var got Command
		if err := got.Decode(b); err != nil {
			t.Fatalf("%+v: %v", s, err)
		}
		if *got.Restore != s || got.Origin != 7 || got.Seq != 300 || len(got.Txns) != 0 {
			t.Errorf("%+v came back as %+v of %d/%d", s, got.Restore, got.Origin, got.Seq)
		}
		if got.Grows() != (s.Kind == RestorePiece) {
			t.Errorf("%+v: Grows is %t", s, got.Grows())
		}
		for i := range b {
			if err := got.Decode(b[:i]); !errors.Is(err, ErrMalformed) {
				t.Errorf("%+v, its first %d bytes: %v", s, i, err)
			}
		}
		if got.Release(); got.Restore != nil {
			t.Error("a step is kept after Release")
		}
	}
}

// A transaction after a step must not find the step in the command it is decoded into.
func TestAStepLeavesNothingForTheNextCommand(t *testing.T) {
	var c Command
	if err := c.Decode((&Command{Restore: &steps()[1]}).Append(nil)); err != nil {
		t.Fatal(err)
	}
	if err := c.Decode(typical().Append(nil)); err != nil {
		t.Fatal(err)
	}
	if c.Restore != nil || len(c.Txns) != 1 {
		t.Errorf("step %+v, %d transactions", c.Restore, len(c.Txns))
	}
}

func TestStepsThatCannotBe(t *testing.T) {
	for what, s := range map[string]RestoreStep{
		"no kind":                   {},
		"a kind of later":           {Kind: restoreKinds},
		"a piece without bytes":     {Kind: RestorePiece},
		"a piece that is too large": {Kind: RestorePiece, Data: strings.Repeat("x", MaxPieceBytes+1)},
		"a beginning with bytes":    {Kind: RestoreBegin, Data: "x"},
		"an end with bytes":         {Kind: RestoreEnd, Data: "x"},
		"a beginning with a number": {Kind: RestoreBegin, Number: 1},
		"a piece that replaces":     {Kind: RestorePiece, Data: "x", Replace: true},
	} {
		c := &Command{Restore: &s}
		if c.Validate() == nil {
			t.Errorf("%s is valid", what)
		}
		var got Command
		if err := got.Decode(c.Append(nil)); !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", what, err)
		}
	}
	b := (&Command{Restore: &steps()[0]}).Append(nil)
	b[bytes.IndexByte(b, byte(RestoreBegin))+1] = 2
	var got Command
	if err := got.Decode(b); !errors.Is(err, ErrMalformed) {
		t.Errorf("a flag of later: %v", err)
	}
}

// What is in a log stays readable: these bytes never change.
func TestStepsOfARestoreAreWrittenAsEver(t *testing.T) {
	var lines strings.Builder
	for _, s := range steps() {
		lines.WriteString(hex.EncodeToString((&Command{Origin: 0x0123456789abcdef, Seq: 300, Restore: &s}).Append(nil)) + "\n")
	}
	want, err := os.ReadFile("testdata/restore-v2.hex")
	if err != nil {
		t.Fatal(err)
	}
	if lines.String() != string(want) {
		t.Errorf("steps are written as\n%s\nand were written as\n%s", lines.String(), want)
	}
}
