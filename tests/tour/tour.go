// Package tour reads what a document says that commands print, and compares what they print with it.
//
// In a block of sh a line that begins with "$ " is a command, and the lines behind it are its output. An … stands for
// anything within a line and, alone on one, for any number of lines. It runs nothing.
package tour

import (
	"fmt"
	"regexp"
	"strings"
)

// Step is a command with what the document says it prints.
type Step struct {
	Line    int // in the document
	Command string
	Output  []string
}

// Steps reads a document's sh blocks. first is the number of the document's first line.
func Steps(document string, first int) ([]Step, error) {
	var steps []Step
	inside := false
	for i, line := range strings.Split(document, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && line == "```sh"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, Step{Line: first + i, Command: line[2:]})
		case len(steps) == 0:
			return nil, fmt.Errorf("line %d: output before any command", first+i)
		default:
			steps[len(steps)-1].Output = append(steps[len(steps)-1].Output, line)
		}
	}
	return steps, nil
}

// wildcard stands for anything within a line and, alone on one, for any number of lines.
const wildcard = "…"

// Matches says whether this is what the command should print, the whole of it.
func (s Step) Matches(printed string) bool {
	var b strings.Builder
	b.WriteString("^")
	for _, line := range s.Output {
		if line == wildcard {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), wildcard, ".*") + `\n`)
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String()).MatchString(printed)
}

// mark begins the output of each step.
const mark = "\x1e"

// Script is the steps as one script for bash, whose output Compare takes.
func Script(steps []Step) string {
	var b strings.Builder
	b.WriteString("exec 2>&1\n")
	for _, s := range steps {
		fmt.Fprintf(&b, "printf '%s'\n%s\n", mark, s.Command)
	}
	return b.String()
}

// Compare says what the script printed that is not as the document says, a sentence for each such step.
func Compare(steps []Step, printed string) []string {
	var faults []string
	got := strings.Split(printed, mark)[1:]
	for i, s := range steps {
		if i >= len(got) {
			return append(faults, fmt.Sprintf("line %d: the tour ended before: $ %s", s.Line, s.Command))
		}
		output := strings.ReplaceAll(got[i], "\r", "")
		if output != "" && !strings.HasSuffix(output, "\n") {
			output += "\n"
		}
		if !s.Matches(output) {
			faults = append(faults, fmt.Sprintf("line %d: $ %s\nprints\n%s\nwhere the document says\n%s", s.Line, s.Command, output,
				strings.Join(s.Output, "\n")))
		}
	}
	return faults
}
