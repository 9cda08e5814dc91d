package tour

import (
	"slices"
	"strings"
	"testing"
)

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
		s := Step{Output: strings.Split(c.says, "\n")}
		if c.says == "" {
			s.Output = nil
		}
		if got := s.Matches(c.prints); got != c.want {
			t.Errorf("%q against %q: %v, want %v", c.prints, c.says, got, c.want)
		}
	}
}

const document = "Text\n\n```sh\n$ one\n1\n$ two\n```\n\n    $ none\n\n```json\n$ none\n```\n\n```sh\n$ three\n3\n…\n```\n"

func TestTheStepsOfADocument(t *testing.T) {
	steps, err := Steps(document, 10)
	if err != nil {
		t.Fatal(err)
	}
	want := []Step{{13, "one", []string{"1"}}, {15, "two", nil}, {25, "three", []string{"3", "…"}}}
	if !slices.EqualFunc(steps, want, func(a, b Step) bool {
		return a.Line == b.Line && a.Command == b.Command && slices.Equal(a.Output, b.Output)
	}) {
		t.Errorf("%+v, want %+v", steps, want)
	}
	if _, err := Steps("```sh\n1\n```", 1); err == nil {
		t.Error("output before any command is taken")
	}
	for printed, faults := range map[string]int{
		"\x1e1\n\x1e\x1e3\r\nmore\n":   0,
		"\x1e1\n\x1e\x1e3":             0, // curl ends without a line's end
		"\x1e2\n\x1e\x1e4\n":           2,
		"\x1e1\n\x1enoise\n\x1e3\n":    1,
		"\x1e1\n\x1e":                  1,
		"before\n\x1e1\n\x1e\x1e3\n":   0,
		"\x1e1\n\x1e\x1e3\nmore\nmore": 0,
	} {
		if got := Compare(steps, printed); len(got) != faults {
			t.Errorf("%q: %q, want %d faults", printed, got, faults)
		}
	}
}
