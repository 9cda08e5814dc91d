package command

import (
	"bytes"
	"encoding/binary"
	"encoding/hex"
	"errors"
	"hash/crc32"
	"math"
	"reflect"
	"testing"
)

func batch() *Entry {
	return &Entry{Term: 7, Time: 1000, Commands: [][]byte{[]byte("one"), {}, []byte("three")}}
}

func refusesEntry(t *testing.T, b []byte, what string, args ...any) {
	t.Helper()
	if err := new(Entry).Decode(b); !errors.Is(err, ErrMalformed) {
		t.Errorf(what+": %v", append(args, err)...)
	}
}

func TestEntryFormatIsFixed(t *testing.T) {
	for _, tt := range []struct {
		file  string
		entry *Entry
	}{
		{"testdata/entry-v1.hex", batch()},
		{"testdata/epoch-v1.hex", &Entry{Term: 300, Time: 1700000000000}},
	} {
		want := golden(t, tt.file)
		if got := tt.entry.Append(nil); !bytes.Equal(got, want) {
			t.Errorf("%s: the entry is written as\n%s\nwant\n%s", tt.file, hex.Dump(got), hex.Dump(want))
		}
		var got Entry
		if err := got.Decode(want); err != nil || !reflect.DeepEqual(&got, tt.entry) {
			t.Errorf("%s reads as %+v, %v", tt.file, got, err)
		}
	}
}

func TestEntryRoundTrip(t *testing.T) {
	full := &Entry{Term: math.MaxUint64, Time: math.MaxInt64}
	for i := range MaxEntryCommands {
		full.Commands = append(full.Commands, bytes.Repeat([]byte{byte(i)}, i*5))
	}
	used := new(Entry)
	for _, e := range []*Entry{full, batch(), {Time: -1}} {
		b := e.Append([]byte("before"))[6:]
		if len(b) > e.Size() {
			t.Errorf("Size says %d, it is %d bytes", e.Size(), len(b))
		}
		if err := used.Decode(b); err != nil || used.Term != e.Term || used.Time != e.Time || len(used.Commands) != len(e.Commands) {
			t.Fatalf("%+v reads as %+v, %v", e, used, err)
		}
		for i := range e.Commands {
			if !bytes.Equal(used.Commands[i], e.Commands[i]) {
				t.Errorf("command %d reads as %q", i, used.Commands[i])
			}
		}
	}
}

// Commands are parts of the entry's bytes; appending to one must not write over the next.
func TestCommandsOfAnEntryAreApart(t *testing.T) {
	b := batch().Append(nil)
	var e Entry
	if err := e.Decode(b); err != nil {
		t.Fatal(err)
	}
	_ = append(e.Commands[0], "more"...)
	if string(e.Commands[2]) != "three" || CheckEntry(b) != nil {
		t.Error("appending to a command changed the entry")
	}
}

func TestDamagedEntryIsRefused(t *testing.T) {
	b := golden(t, "testdata/entry-v1.hex")
	if err := CheckEntry(b); err != nil {
		t.Fatal(err)
	}
	for n := range b {
		refusesEntry(t, b[:n], "cut to %d bytes", n)
		if CheckEntry(b[:n]) == nil {
			t.Errorf("cut to %d bytes it passes for whole", n)
		}
	}
	refusesEntry(t, append(bytes.Clone(b), 0), "a byte more")
	for i := range b {
		for bit := range 8 {
			damaged := bytes.Clone(b)
			damaged[i] ^= 1 << bit
			refusesEntry(t, damaged, "byte %d, bit %d", i, bit)
			if CheckEntry(damaged) == nil {
				t.Errorf("with byte %d, bit %d changed it passes for whole", i, bit)
			}
		}
	}
}

// sealed is an entry with that content and a correct checksum.
func sealed(content []byte) []byte {
	b := append([]byte{entryVersion, 0, 0, 0, 0}, content...)
	binary.LittleEndian.PutUint32(b[1:], crc32.Checksum(content, castagnoli))
	return b
}

func TestHandMadeEntries(t *testing.T) {
	commands := func(n uint64, present int) []byte {
		return sealed(append(binary.AppendUvarint([]byte{1, 1}, n), make([]byte, present)...))
	}
	for _, tt := range []struct {
		name  string
		ok    bool
		bytes []byte
	}{
		{"an epoch", true, commands(0, 0)},
		{"as many commands as can be", true, commands(256, 256)},
		{"a command more", false, commands(257, 257)},
		{"a number of commands that no memory holds", false, commands(math.MaxUint64, 9)},
		{"fewer commands than said", false, commands(2, 1)},
		{"more commands than said", false, commands(1, 2)},
		{"a command longer than the entry", false, sealed([]byte{1, 1, 1, 5, 'x'})},
		{"a length beyond all", false, sealed(binary.AppendUvarint([]byte{1, 1, 1}, math.MaxUint64))},
		{"no content", false, sealed(nil)},
		{"a term of eleven bytes", false, sealed(append(bytes.Repeat([]byte{0x80}, 11), 1, 0))},
		{"another version", false, append([]byte{2}, commands(0, 0)[1:]...)},
	} {
		if err := new(Entry).Decode(tt.bytes); (err == nil) != tt.ok || err != nil && !errors.Is(err, ErrMalformed) {
			t.Errorf("%s: %v", tt.name, err)
		}
	}
}

// The checksum is put right, or nothing but Append's own bytes would get past it.
func FuzzDecodeEntry(f *testing.F) {
	f.Add(batch().Append(nil)[headBytes:])
	f.Add((&Entry{Term: 1, Time: -1}).Append(nil)[headBytes:])
	f.Fuzz(func(t *testing.T, content []byte) {
		var e, again Entry
		if err := e.Decode(sealed(content)); err != nil {
			if !errors.Is(err, ErrMalformed) {
				t.Fatalf("an error that is not about the bytes: %v", err)
			}
			return
		}
		b := e.Append(nil)
		if len(b) > e.Size() {
			t.Fatalf("Size says %d, it is %d bytes", e.Size(), len(b))
		}
		if err := again.Decode(b); err != nil || !reflect.DeepEqual(e, again) {
			t.Fatalf("%+v reads as %+v, %v", e, again, err)
		}
	})
}
