package web

import (
	"bytes"
	"regexp"
	"strings"
)

// signs need no space beside them, but that + and - may not meet.
const signs = "=,:;?&|<>*%+-(){}[]\"'"

// cast is a type told between code, as /** @type {App} */ is.
var cast = regexp.MustCompile(`/\*\* @[^*]*\*/ ?`)

// slim is a module without its comments, its indentation and the spaces beside signs, which are a third of its bytes and nothing to a
// browser: lines that are comments as a whole, and types told between code. It knows next to no JavaScript; a test compares what is
// left, token by token, with what was written, so that a template with a line that looks like a comment is found there.
func slim(module []byte) []byte { return strip(module, tighten) }

// strip leaves out comments and indentation; add appends a line of the rest.
func strip(module []byte, add func(out, line []byte) []byte) []byte {
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
			out = add(out, cast.ReplaceAll(bytes.TrimLeft(line, " "), nil))
		}
	}
	return out
}

// spaces are those a style sheet of ours does not need. There is none inside a string of it that fits.
var spaces = strings.NewReplacer(": ", ":", ", ", ",", "; }", "}", " {\n", "{", " { ", "{", "; ", ";", ";\n", ";", "\n}", "}")

// tighten appends a line of a module without the spaces beside signs. Strings stay as they are; so does the line from what may be an
// expression or a comment on, and from the first template to the last.
func tighten(out, line []byte) []byte {
	for i := 0; i < len(line); i++ {
		c := line[i]
		switch {
		case c == '"' || c == '\'':
			end := i + 1
			for end < len(line)-1 && line[end] != c {
				if line[end] == '\\' {
					end++
				}
				end++
			}
			end = min(end, len(line)-1)
			out = append(out, line[i:end+1]...)
			i = end
		case c == '`':
			end := bytes.LastIndexByte(line, '`')
			out = append(out, line[i:end+1]...)
			i = end
		case c == '/' && !bytes.HasPrefix(line[max(i-1, 0):], []byte(" / ")): // nor division
			return append(out, line[i:]...)
		case c == ' ' && i > 0 && i < len(line)-1 && (free(line[i-1], line[i+1]) || free(line[i+1], line[i-1])):
		default:
			out = append(out, c)
		}
	}
	return out
}

// free says whether a sign needs no space between itself and what is beside it.
func free(sign, beside byte) bool {
	return strings.IndexByte(signs, sign) >= 0 && (beside != '+' && beside != '-' || sign != '+' && sign != '-')
}

// slimStyle is a style sheet without its comments, its indentation and the spaces between its words; a test compares its rules, as a
// browser has them, with those that were written.
func slimStyle(sheet []byte) []byte {
	return []byte(spaces.Replace(string(strip(sheet, func(out, line []byte) []byte { return append(out, line...) }))))
}
