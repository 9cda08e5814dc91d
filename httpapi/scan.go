package httpapi

import "strconv"

// scanner is how far a line has been read. Its methods say whether what they look for is there, and are behind it then.
type scanner struct {
	s string
	i int
}

func (s *scanner) space() {
	for s.i < len(s.s) {
		switch s.s[s.i] {
		case ' ', '\t', '\r', '\n':
			s.i++
		default:
			return
		}
	}
}

// char takes c, with the white space before it.
func (s *scanner) char(c byte) bool {
	s.space()
	if s.i < len(s.s) && s.s[s.i] == c {
		s.i++
		return true
	}
	return false
}

// object calls field for each field of an object, behind its colon.
func (s *scanner) object(field func(name string) bool) bool {
	if !s.char('{') {
		return false
	}
	if s.char('}') {
		return true
	}
	for {
		name, ok := s.str()
		if !ok || !s.char(':') || !field(name) {
			return false
		}
		if s.char('}') {
			return true
		}
		if !s.char(',') {
			return false
		}
	}
}

// fields are those that an object has had.
type fields uint32

// first says whether a field is there for the first time.
func (f *fields) first(number int) bool {
	was := *f&(1<<number) != 0
	*f |= 1 << number
	return !was
}

// str is a string.
func (s *scanner) str() (string, bool) {
	s.space()
	if s.i >= len(s.s) || s.s[s.i] != '"' {
		return "", false
	}
	start := s.i + 1
	for i := start; i < len(s.s); i++ {
		switch c := s.s[i]; {
		case c == '"':
			s.i = i + 1
			return s.s[start:i], true
		case c == '\\':
			return s.escaped(start, i)
		case c < ' ':
			return "", false
		}
	}
	return "", false
}

// escapes are what follows a backslash, and what both stand for.
var escapes = [256]byte{'"': '"', '\\': '\\', '/': '/', 'b': '\b', 'f': '\f', 'n': '\n', 'r': '\r', 't': '\t'}

// escaped is a string that began at start and has its first backslash at i.
func (s *scanner) escaped(start, i int) (string, bool) {
	out := append(make([]byte, 0, len(s.s)-start), s.s[start:i]...)
	for ; i < len(s.s); i++ {
		switch c := s.s[i]; {
		case c == '"':
			s.i = i + 1
			return string(out), true
		case c < ' ':
			return "", false
		case c == '\\':
			if i++; i == len(s.s) || escapes[s.s[i]] == 0 {
				return "", false
			}
			out = append(out, escapes[s.s[i]])
		default:
			out = append(out, c)
		}
	}
	return "", false
}

// enoughDigits is how many digits every number of 64 bits has room for.
const enoughDigits = 18

// integer is a number without fraction or exponent.
func (s *scanner) integer() (*int64, bool) {
	s.space()
	start := s.i
	if s.i < len(s.s) && s.s[s.i] == '-' {
		s.i++
	}
	first := s.i
	for s.i < len(s.s) && s.s[s.i] >= '0' && s.s[s.i] <= '9' {
		s.i++
	}
	digits := s.i - first
	if digits == 0 || digits > enoughDigits || digits > 1 && s.s[first] == '0' || first > start && s.s[first] == '0' {
		return nil, false
	}
	n, err := strconv.ParseInt(s.s[start:s.i], 10, 64)
	return &n, err == nil && !s.goesOn()
}

// natural is an integer from 0.
func (s *scanner) natural() (uint64, bool) {
	n, ok := s.integer()
	if !ok || *n < 0 {
		return 0, false
	}
	return uint64(*n), true
}

// goesOn says whether what looked like the end of a number is none.
func (s *scanner) goesOn() bool {
	return s.i < len(s.s) && (s.s[s.i] == '.' || s.s[s.i]|0x20 == 'e')
}

func (s *scanner) truth() (is, ok bool) {
	s.space()
	for _, word := range []string{"true", "false"} {
		if len(s.s)-s.i >= len(word) && s.s[s.i:s.i+len(word)] == word {
			s.i += len(word)
			return word == "true", true
		}
	}
	return false, false
}

// scalar is a string, an integer or a truth value.
func (s *scanner) scalar() bool {
	if s.i == len(s.s) {
		return false
	}
	switch s.s[s.i] {
	case '"':
		_, ok := s.str()
		return ok
	case 't', 'f':
		_, ok := s.truth()
		return ok
	}
	_, ok := s.integer()
	return ok
}
