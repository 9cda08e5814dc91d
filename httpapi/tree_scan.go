package httpapi

import (
	"unicode/utf8"

	"holt/httpapi/wire"
)

// scanTreeLine reads the lines that nearly all are, as scanLine does those of a pipeline. The stat is looked at and not kept: nothing of
// it is loaded.
func scanTreeLine(text string, line *wire.TreeLine) bool {
	s := scanner{s: text}
	if !utf8.ValidString(text) {
		return false
	}
	var seen fields
	if !s.object(func(name string) bool { return s.treeField(name, line, &seen) }) {
		return false
	}
	s.space()
	return s.i == len(s.s)
}

func (s *scanner) treeField(name string, line *wire.TreeLine, seen *fields) (ok bool) {
	number := 0
	switch name {
	case "path":
		line.Path, ok = s.str()
	case "mode":
		number = 1
		line.Mode, ok = s.str()
	case "ttl_ms":
		number = 2
		var n *int64
		if n, ok = s.integer(); ok {
			line.TTLMs = *n
		}
	case "created":
		number = 3
		var n uint64
		n, ok = s.natural()
		line.Created = n
	case "stat":
		number = 4
		var statSeen fields
		ok = s.object(func(name string) bool { return s.statField(name, &statSeen) })
	case "data":
		number = 5
		var data string
		data, ok = s.str()
		line.Data = &data
	case "encoding":
		number = 6
		line.Encoding, ok = s.str()
	}
	return ok && seen.first(number)
}

// statFields are wire.Stat's; those that are true cannot be negative.
var statFields = map[string]struct {
	number  int
	natural bool
}{
	"version": {0, false}, "cversion": {1, false}, "aversion": {2, false}, "czxid": {3, true}, "mzxid": {4, true}, "pzxid": {5, true},
	"ctime": {6, false}, "mtime": {7, false}, "data_length": {8, false}, "num_children": {9, false},
}

func (s *scanner) statField(name string, seen *fields) (ok bool) {
	if name == "ephemeral_owner" {
		_, ok = s.str()
		return ok && seen.first(len(statFields))
	}
	field, ok := statFields[name]
	if !ok {
		return false
	}
	if field.natural {
		_, ok = s.natural()
	} else {
		_, ok = s.integer()
	}
	return ok && seen.first(field.number)
}
