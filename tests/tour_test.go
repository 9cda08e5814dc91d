package tests

import (
	"fmt"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"holt/tests/harness"
)

// tourTime bounds the whole tour; it builds the program from nothing, as a newcomer does.
const tourTime = 8 * time.Minute

// step is a command of the tour with what the README says it prints.
type step struct {
	line    int // in the README
	command string
	output  []string
}

// tour reads the README's sh blocks: a line that begins with "$ " is a command, the lines behind it are its output.
func tour(t *testing.T, readme string) []step {
	t.Helper()
	var steps []step
	inside := false
	for i, line := range strings.Split(readme, "\n") {
		switch {
		case strings.HasPrefix(line, "```"):
			inside = !inside && line == "```sh"
		case !inside:
		case strings.HasPrefix(line, "$ "):
			steps = append(steps, step{line: i + 1, command: line[2:]})
		case len(steps) == 0:
			t.Fatalf("README line %d: output before any command", i+1)
		default:
			steps[len(steps)-1].output = append(steps[len(steps)-1].output, line)
		}
	}
	return steps
}

// wildcard stands for anything within a line and, alone on one, for any number of lines.
const wildcard = "…"

// pattern is what the output has to match, whole.
func (s step) pattern() *regexp.Regexp {
	var b strings.Builder
	b.WriteString("^")
	for _, line := range s.output {
		if line == wildcard {
			b.WriteString(`(?:.*\n)*?`)
			continue
		}
		b.WriteString(strings.ReplaceAll(regexp.QuoteMeta(line), wildcard, ".*") + `\n`)
	}
	b.WriteString("$")
	return regexp.MustCompile(b.String())
}

// mark begins the output of each step.
const mark = "\x1e"

func TestTheTourInTheReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(bin.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps := tour(t, string(readme))
	if len(steps) < 10 {
		t.Fatalf("%d commands in the README: that is no tour", len(steps))
	}
	clone := filepath.Join(t.TempDir(), "holt")
	copySources(t, bin.Root, clone)
	build := exec.Command("go", "build", "-o", os.DevNull, "./cmd/holt")
	build.Dir = clone
	if out, err := build.CombinedOutput(); err != nil { // the tour would wait for its server for long
		t.Fatalf("building holt: %v\n%s", err, out)
	}

	var script strings.Builder
	script.WriteString("exec 2>&1\n")
	for _, s := range steps {
		fmt.Fprintf(&script, "printf '%s'\n%s\n", mark, s.command)
	}
	log := harness.NewLog(t, "the tour")
	shell := bin.Shell(t, log, clone, script.String())
	if code := shell.Exit(tourTime); code == 99 {
		t.Fatal("the shell's own network could not be made")
	}
	got := strings.Split(log.String(), mark)[1:]
	for i, s := range steps {
		if i >= len(got) {
			t.Fatalf("README line %d: the tour ended before: $ %s", s.line, s.command)
		}
		output := strings.ReplaceAll(got[i], "\r", "")
		if output != "" && !strings.HasSuffix(output, "\n") {
			output += "\n"
		}
		if !s.pattern().MatchString(output) {
			t.Errorf("README line %d: $ %s\nprints\n%s\nwhere the README says\n%s", s.line, s.command, output, strings.Join(s.output, "\n"))
		}
	}
	t.Logf("%d commands, as printed", len(steps))
}

func TestAStepIsComparedWhole(t *testing.T) {
	for _, c := range []struct {
		says, prints string
		want         bool
	}{
		{"", "", true},
		{"", "more\n", false},
		{"a", "a\n", true},
		{"a", "a\nb\n", false},
		{"a", "", false},
		{"a…c", "abc\n", true},
		{"a…c", "ab\nc\n", false},
		{"a\n…\nd", "a\nb\nc\nd\n", true},
		{"a\n…\nd", "a\nd\n", true},
		{"a\n…", "a\nd\n", true},
		{"a.c", "abc\n", false},
	} {
		s := step{output: strings.Split(c.says, "\n")}
		if c.says == "" {
			s.output = nil
		}
		if got := s.pattern().MatchString(c.prints); got != c.want {
			t.Errorf("%q against %q: %v, want %v", c.prints, c.says, got, c.want)
		}
	}
}

// copySources copies the repository as it is, without what git ignores or keeps for itself.
func copySources(t *testing.T, from, to string) {
	t.Helper()
	skip := map[string]bool{".git": true, ".cache": true, "holt-data": true, "bin": true, "holt": true, "holt.log": true}
	err := filepath.WalkDir(from, func(path string, d fs.DirEntry, err error) error {
		if err != nil {
			return err
		}
		rel, err := filepath.Rel(from, path)
		if err != nil {
			return err
		}
		switch {
		case skip[rel] && d.IsDir():
			return filepath.SkipDir
		case skip[rel]:
			return nil
		case d.IsDir():
			return os.MkdirAll(filepath.Join(to, rel), 0o755)
		case !d.Type().IsRegular():
			return nil
		}
		b, err := os.ReadFile(path)
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(to, rel), b, 0o644)
	})
	if err != nil {
		t.Fatal(err)
	}
}
