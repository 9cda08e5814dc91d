package znode

import "hash/crc32"

// Checksum is told of the bytes of an encoded state, as a Writer, and knows in the end whether they were all and undamaged. It does not
// look into them, which DecodeState does. The zero value is before the first byte.
type Checksum struct {
	head []byte
	sum  uint32
}

// Write never fails.
func (c *Checksum) Write(p []byte) (int, error) {
	if room := len(stateMagic) - len(c.head); room > 0 {
		c.head = append(c.head, p[:min(room, len(p))]...)
	}
	c.sum = crc32.Update(c.sum, castagnoli, p)
	return len(p), nil
}

// Whole is nil if what was written is an encoded state from its first byte to its last; else it wraps ErrCorruptState.
func (c *Checksum) Whole() error {
	switch {
	case string(c.head) != stateMagic:
		return corrupt("it does not begin as one")
	case c.sum != residue:
		return corrupt("it is cut short or damaged: the checksum differs")
	}
	return nil
}

// Format is the version of the encoding of s.
func (s *State) Format() int { return int(s.formatVersion()) }
