package znode

import (
	"fmt"
	"strings"
	"unicode/utf8"
)

// widestNumber is as long as the number of a sequential znode can get.
const widestNumber = "00000000000000000000"

// Root is the path of the znode that always exists.
var Root = Path{"/"}

// Reserved is the name under the root that holt keeps for itself.
const Reserved = "holt"

// Path is an absolute path that has been parsed: "/" or "/a/b". The zero Path is the root.
type Path struct{ s string }

// Prefix is the path of a sequential create: what comes before the number. Unlike a Path it may end in "/"
// (the name is the number alone) or in a name that is complete only with the number, such as "..".
type Prefix struct{ s string }

// PathError says what is wrong with a path.
type PathError struct {
	Path   string
	Reason string
}

func (e *PathError) Error() string { return fmt.Sprintf("path %.200q: %s", e.Path, e.Reason) }

// ParsePath accepts what ZooKeeper's PathUtils does, and characters outside the BMP, which ZooKeeper refuses only
// because Java's strings are UTF-16. "/holt" and what is below it are refused.
func ParsePath(s string) (Path, error) {
	if s == "/" {
		return Root, nil
	}
	if reason := checkPath(s); reason != "" {
		return Path{}, &PathError{s, reason}
	}
	return Path{s}, nil
}

// ParsePrefix accepts s if s with a number behind it is a path.
func ParsePrefix(s string) (Prefix, error) {
	if reason := checkPath(s + widestNumber); reason != "" {
		return Prefix{}, &PathError{s, reason}
	}
	return Prefix{s}, nil
}

// MustPath is ParsePath for constants; it panics on an error.
func MustPath(s string) Path {
	p, err := ParsePath(s)
	if err != nil {
		panic(err)
	}
	return p
}

func (p Path) String() string {
	if p.s == "" {
		return "/"
	}
	return p.s
}

// IsRoot says whether p is "/".
func (p Path) IsRoot() bool { return len(p.s) <= 1 }

// Parent is the path above p. The root's parent is the root.
func (p Path) Parent() Path {
	if i := strings.LastIndexByte(p.s, '/'); i > 0 {
		return Path{p.s[:i]}
	}
	return Root
}

// Name is the last name of p; the root's is "".
func (p Path) Name() string { return p.s[strings.LastIndexByte(p.s, '/')+1:] }

// Depth is the number of names in p.
func (p Path) Depth() int {
	if p.IsRoot() {
		return 0
	}
	return strings.Count(p.s, "/")
}

// Child is the path of a name below p. It is for names that come out of the tree; others are parsed.
func (p Path) Child(name string) Path {
	if p.IsRoot() {
		return Path{"/" + name}
	}
	return Path{p.s + "/" + name}
}

func (p Prefix) String() string { return p.s }

// Parent is the path below which the znode is made.
func (p Prefix) Parent() Path { return Path(p).Parent() }

// Numbered is the path with the number n behind it: at least ten digits, more where it needs them.
func (p Prefix) Numbered(n uint64) Path { return Path{fmt.Sprintf("%s%010d", p.s, n)} }

// checkPath says what is wrong with s, or "".
func checkPath(s string) string {
	switch {
	case s == "":
		return "it is empty"
	case s[0] != '/':
		return "it must begin with /"
	case len(s) > MaxPathBytes:
		return fmt.Sprintf("it is longer than %d bytes", MaxPathBytes)
	case s[len(s)-1] == '/':
		return "it must not end with /"
	}
	depth := 0
	for rest := s[1:]; ; {
		name, tail, more := strings.Cut(rest, "/")
		if reason := checkName(name); reason != "" {
			return reason
		}
		if depth == 0 && name == Reserved {
			return "/" + Reserved + " is reserved"
		}
		if depth++; depth > MaxPathDepth {
			return fmt.Sprintf("it has more than %d levels", MaxPathDepth)
		}
		if !more {
			return ""
		}
		rest = tail
	}
}

func checkName(name string) string {
	switch name {
	case "":
		return "it has an empty name (//)"
	case ".", "..":
		return "names . and .. are not allowed"
	}
	for i := 0; i < len(name); i++ {
		if c := name[i]; c < 0x20 || c >= 0x7f {
			return checkRunes(name[i:])
		}
	}
	return ""
}

func checkRunes(s string) string {
	for i, r := range s {
		switch {
		case r == 0:
			return "NUL is not allowed"
		case r <= 0x1f, r >= 0x7f && r <= 0x9f, r >= 0xe000 && r <= 0xf8ff, r >= 0xfff0 && r <= 0xffff && r != utf8.RuneError:
			return fmt.Sprintf("character %U is not allowed", r)
		case r == utf8.RuneError:
			if _, n := utf8.DecodeRuneInString(s[i:]); n == 1 {
				return "it is not valid UTF-8"
			}
			return fmt.Sprintf("character %U is not allowed", r)
		}
	}
	return ""
}
