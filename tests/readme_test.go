package tests

import (
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(bin.Root, name))
	if err != nil {
		t.Fatal(err)
	}
	return string(b)
}

// helpOf is what the program prints for --help.
func helpOf(t *testing.T, args ...string) string {
	t.Helper()
	out, err := exec.Command(bin.Path, append(args, "--help")...).Output()
	if err != nil {
		t.Fatal(err)
	}
	return string(out)
}

// rows are the rows of the table below a heading line in Markdown, without their backticks.
func rows(t *testing.T, text, heading string) [][]string {
	t.Helper()
	_, rest, ok := strings.Cut(text, heading+"\n|---")
	if !ok {
		t.Fatalf("the README has no table %q", heading)
	}
	_, rest, _ = strings.Cut(rest, "\n")
	var out [][]string
	for line := range strings.Lines(rest) {
		if !strings.HasPrefix(line, "|") {
			break
		}
		var cells []string
		for _, cell := range strings.Split(strings.Trim(strings.TrimSpace(line), "|"), "|") {
			cells = append(cells, strings.TrimSpace(strings.ReplaceAll(cell, "`", "")))
		}
		out = append(out, cells)
	}
	return out
}

// variable is one row of the configuration.
type variable struct{ preset, meaning string }

func TestTheConfigurationInTheReadmeIsWhatServeSays(t *testing.T) {
	help := helpOf(t, "serve")
	_, help, _ = strings.Cut(help, "--help")
	help, _, _ = strings.Cut(help, "\nExit codes:")
	flag := regexp.MustCompile(`(?m)^ +--([a-z-]+)(?:=\S+)?\s`)
	starts := flag.FindAllStringSubmatchIndex(help, -1)
	says := map[string]variable{}
	for i, at := range starts {
		end := len(help)
		if i+1 < len(starts) {
			end = starts[i+1][0]
		}
		name := "HOLT_" + strings.ToUpper(strings.ReplaceAll(help[at[2]:at[3]], "-", "_"))
		text := strings.Join(strings.Fields(help[at[1]:end]), " ")
		meaning, preset, _ := strings.Cut(text, " [")
		says[name] = variable{strings.TrimSuffix(preset, "]"), meaning}
	}
	if len(says) < 10 {
		t.Fatalf("only %d flags in the help:\n%s", len(says), help)
	}
	for _, row := range rows(t, readFile(t, "README.md"), "| variable | default | meaning |") {
		want, ok := says[row[0]]
		if got := (variable{row[1], row[2]}); !ok || got != want {
			t.Errorf("%s: the README says %+v, the program %+v", row[0], got, want)
		}
		delete(says, row[0])
	}
	for name := range says {
		t.Errorf("%s is not in the README", name)
	}
}

func TestTheExitCodesInTheReadmeAreThePrograms(t *testing.T) {
	_, help, ok := strings.Cut(helpOf(t), "Exit codes:\n")
	if !ok {
		t.Fatal("holt --help has no exit codes")
	}
	says := map[string]string{}
	for line := range strings.Lines(help) {
		if code, meaning, ok := strings.Cut(strings.TrimSpace(line), "  "); ok {
			says[code] = meaning
		}
	}
	for _, row := range rows(t, readFile(t, "README.md"), "| exit code | meaning |") {
		if says[row[0]] != row[1] {
			t.Errorf("%s: the README says %q, the program %q", row[0], row[1], says[row[0]])
		}
		delete(says, row[0])
	}
	for code, meaning := range says {
		t.Errorf("%s, %s, is not in the README", code, meaning)
	}
}

func TestTheCommandsInTheReadmeAreThePrograms(t *testing.T) {
	_, help, _ := strings.Cut(helpOf(t), "\nCommands:\n")
	help, _, _ = strings.Cut(help, "\n\n")
	says := map[string]bool{}
	for _, m := range regexp.MustCompile(`(?m)^  ([a-z]+(?: [a-z]+)?)  `).FindAllStringSubmatch(help, -1) {
		says[m[1]] = true
	}
	if len(says) < 10 {
		t.Fatalf("only %d commands in the help:\n%s", len(says), help)
	}
	_, table, _ := strings.Cut(readFile(t, "README.md"), "| command | does |\n")
	table, _, _ = strings.Cut(table, "\n\n")
	for _, m := range regexp.MustCompile("(?:^|[|,\n]) `holt ([a-z]+(?: [a-z]+)?)").FindAllStringSubmatch(table, -1) {
		if !says[m[1]] {
			t.Errorf("holt --help knows no %s", m[1])
		}
		delete(says, m[1])
	}
	for verb := range says {
		t.Errorf("holt %s is not in the README", verb)
	}
}

// contract are the methods of each route in openapi.yaml.
func contract(t *testing.T) map[string]bool {
	t.Helper()
	routes, path := map[string]bool{}, ""
	_, paths, ok := strings.Cut(readFile(t, "openapi.yaml"), "\npaths:\n")
	if !ok {
		t.Fatal("openapi.yaml has no paths")
	}
	line := regexp.MustCompile(`^(?:  (/\S*)|    (get|head|put|post|delete)):`)
	for l := range strings.Lines(paths) {
		if l[0] != ' ' && l[0] != '\n' && l[0] != '#' {
			break // the next section
		}
		switch m := line.FindStringSubmatch(l); {
		case m == nil:
		case m[1] != "":
			path = m[1]
		default:
			routes[strings.ToUpper(m[2])+" "+path] = true
		}
	}
	return routes
}

func TestTheRoutesInTheReadmeAreInTheContractAndTheReverse(t *testing.T) {
	routes := contract(t)
	named := map[string]bool{}
	for _, m := range regexp.MustCompile("`(GET|HEAD|PUT|POST|DELETE) (/[^`?]*)[^`]*`").FindAllStringSubmatch(readFile(t, "README.md"), -1) {
		route, takesPath := strings.CutSuffix(m[2], "{path}")
		named[m[1]+" "+route] = true
		if takesPath {
			named[m[1]+" "+route+"/{path}"] = true
		}
	}
	if len(named) < 10 {
		t.Fatalf("the README names only %d routes", len(named))
	}
	for route := range named {
		if !routes[route] {
			t.Errorf("%s is in the README, not in openapi.yaml", route)
		}
	}
	for route := range routes {
		if !named[route] && !strings.HasPrefix(route, "HEAD ") {
			t.Errorf("%s is in openapi.yaml, not in the README", route)
		}
	}
}
