package web

import (
	"bytes"
	"regexp"
	"strings"
)

// cast is a type told between code, as /** @type {App} */ is.
var cast = regexp.MustCompile(`/\*\* @[^*]*\*/ ?`)

// slim is a module without its comments and indentation, which are a quarter of its bytes and nothing to a browser: lines that are
// comments as a whole, and types told between code. It knows no JavaScript; a test compares what is left, token by token, with what was written, so that
// a template with a line that looks like a comment is found there.
func slim(module []byte) []byte {
	out := make([]byte, 0, len(module))
	inside := false // of a comment of several lines
	for line := range bytes.Lines(module) {
		text := bytes.TrimSpace(line)
		switch {
		case inside:
			inside = !bytes.HasSuffix(text, []byte("*/"))
		case len(text) == 0, bytes.HasPrefix(text, []byte("//")):
		case bytes.HasPrefix(text, []byte("/*")) && !bytes.Contains(text, []byte("*/")):
			inside = true
		case bytes.HasPrefix(text, []byte("/*")) && bytes.Index(text, []byte("*/")) == len(text)-2:
		default:
			out = append(out, cast.ReplaceAll(bytes.TrimLeft(line, " "), nil)...)
		}
	}
	return out
}

// spaces are those a style sheet of ours does not need. There is none inside a string of it that fits.
var spaces = strings.NewReplacer(": ", ":", ", ", ",", "; }", "}", " {\n", "{", " { ", "{", "; ", ";", ";\n", ";", "\n}", "}")

// slimStyle is a style sheet without its comments, its indentation and the spaces between its words; a test compares its rules, as a
// browser has them, with those that were written.
func slimStyle(sheet []byte) []byte {
	return []byte(spaces.Replace(string(slim(sheet))))
}
