package command

import (
	"encoding/binary"
	"hash/crc32"
)

// entryVersion is the first byte of every entry.
const entryVersion = 1

// headBytes is the version and the checksum.
const headBytes = 1 + crc32.Size

var castagnoli = crc32.MakeTable(crc32.Castagnoli)

// Entry is the content of one raft log entry: the commands that were waiting when the leader made it. Without commands
// it is an Epoch, the first entry of a leader: it proves that something of its term was committed.
type Entry struct {
	// Term the leader proposed it in. An entry that ends up in another term than this is void: none of its commands
	// is carried out, so that whoever proposed them knows from the term alone that they are not to come any more.
	Term uint64
	// Time is the leader's clock, ms since the Unix epoch.
	Time int64
	// Commands are encoded, each as Append gives it.
	Commands [][]byte
}

// Append encodes e behind b: version, CRC32C of all that follows, term, time, number of commands, commands with their
// lengths.
func (e *Entry) Append(b []byte) []byte {
	start := len(b)
	b = append(b, entryVersion, 0, 0, 0, 0)
	b = binary.AppendUvarint(b, e.Term)
	b = binary.AppendUvarint(b, uint64(e.Time))
	b = binary.AppendUvarint(b, uint64(len(e.Commands)))
	for _, c := range e.Commands {
		b = binary.AppendUvarint(b, uint64(len(c)))
		b = append(b, c...)
	}
	binary.LittleEndian.PutUint32(b[start+1:], crc32.Checksum(b[start+headBytes:], castagnoli))
	return b
}

// Size is about how many bytes Append adds, never fewer.
func (e *Entry) Size() int {
	n := headBytes + 3*binary.MaxVarintLen64
	for _, c := range e.Commands {
		n += binary.MaxVarintLen32 + len(c)
	}
	return n
}

// Decode reads an entry, all of b. The commands are parts of b and not looked into.
func (e *Entry) Decode(b []byte) error {
	if err := CheckEntry(b); err != nil {
		return err
	}
	r := reader{b: b[headBytes:]}
	e.Term, e.Time = r.num(), int64(r.num())
	n := r.num()
	if n > MaxEntryCommands {
		return malformed("%d commands in an entry, the limit is %d", n, MaxEntryCommands)
	}
	e.Commands = e.Commands[:0]
	for range n {
		e.Commands = append(e.Commands, r.bytes())
	}
	return r.end()
}

// CheckEntry says whether b is whole: its version and checksum.
func CheckEntry(b []byte) error {
	if len(b) < headBytes {
		return malformed("an entry of %d bytes", len(b))
	}
	if b[0] != entryVersion {
		return malformed("entry version %d, this program reads %d", b[0], entryVersion)
	}
	if binary.LittleEndian.Uint32(b[1:]) != crc32.Checksum(b[headBytes:], castagnoli) {
		return malformed("the checksum of an entry differs: the disk or the memory it was read from is damaged")
	}
	return nil
}
