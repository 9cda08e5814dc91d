package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"maps"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// seeing is the folder of what Prometheus and Grafana are to know.
func seeing(file string) string { return filepath.Join(bin.Root, "httpapi", "metrics", file) }

// promtool runs Prometheus' own checks.
func promtool(t *testing.T, stdin string, args ...string) string {
	t.Helper()
	cmd := exec.Command(filepath.Join(bin.Root, ".cache", "bin", "promtool"), args...)
	cmd.Stdin, cmd.Dir = strings.NewReader(stdin), t.TempDir()
	out, err := cmd.CombinedOutput()
	if err != nil {
		t.Errorf("promtool %s: %v\n%s", strings.Join(args, " "), err, out)
	}
	return string(out)
}

// families are the metrics in an exposition, with their types.
func families(exposition string) map[string]string {
	out := make(map[string]string)
	for _, m := range regexp.MustCompile(`(?m)^# TYPE (\S+) (\S+)$`).FindAllStringSubmatch(exposition, -1) {
		out[m[1]] = m[2]
	}
	return out
}

// samples are its values, by name and labels as they are written there.
func samples(t *testing.T, m *harness.Member) map[string]float64 {
	t.Helper()
	status, _, body := m.Get("/metrics")
	if status != 200 {
		t.Fatalf("/metrics answers %d", status)
	}
	out := make(map[string]float64)
	for line := range strings.Lines(body) {
		if i := strings.LastIndexByte(line, ' '); i > 0 && line[0] != '#' {
			v, err := strconv.ParseFloat(strings.TrimSpace(line[i:]), 64)
			if err != nil {
				t.Fatalf("%q: %v", line, err)
			}
			out[line[:i]] = v
		}
	}
	return out
}

// lateMetrics need something to be set up before they are there.
var lateMetrics = regexp.MustCompile(`^holt_backup_`)

// named are the metrics that an expression or a text names. A number of a histogram is the histogram.
func named(text string, there map[string]string) []string {
	text = regexp.MustCompile(`"[^"]*"`).ReplaceAllString(text, "")
	var out []string
	for _, name := range regexp.MustCompile(`\b(?:holt|go|process)_[a-z0-9_]*[a-z0-9]`).FindAllString(text, -1) {
		for _, suffix := range []string{"_bucket", "_sum", "_count"} {
			if base, ok := strings.CutSuffix(name, suffix); ok && there[base] == "histogram" {
				name = base
			}
		}
		out = append(out, name)
	}
	return out
}

// What a member says is what the README lists, is named by Prometheus' rules, and has no label of what clients called things.
func TestMetricsAreWhatTheReadmeSaysAndNamedByTheRules(t *testing.T) {
	m := bin.NewMember(t, "counted").Start().Ready()
	if _, err := m.Client().Put(t.Context(), "/secretpath", []byte("x"), client.Any()); err != nil {
		t.Fatal(err)
	}
	_, _, said := m.Get("/metrics")
	if out := promtool(t, said, "check", "metrics"); strings.TrimSpace(out) != "" {
		t.Errorf("promtool finds:\n%s", out)
	}
	if strings.Contains(said, "secretpath") {
		t.Error("a label holds a path")
	}
	there := families(said)
	_, readme, _ := strings.Cut(readFile(t, "README.md"), "\n## Metrics\n")
	readme, _, _ = strings.Cut(readme, "\n## ")
	var listed []string
	for _, row := range rows(t, readme, "| metric | meaning |") {
		listed = append(listed, named(row[0], there)...)
	}
	for _, name := range listed {
		if there[name] == "" && !lateMetrics.MatchString(name) {
			t.Errorf("the README lists %s, which there is not", name)
		}
	}
	for name := range there {
		if strings.HasPrefix(name, "holt_") && !slices.Contains(listed, name) {
			t.Errorf("the README does not list %s", name)
		}
	}
	for _, file := range []string{"alerts.yaml", "alerts_test.yaml", "alerts_days_test.yaml", "dashboard.json"} {
		text := readFile(t, filepath.Join("httpapi", "metrics", file))
		if strings.HasSuffix(file, ".json") {
			text = strings.Join(slices.Collect(maps.Keys(expressions(t))), "\n")
		}
		for _, name := range named(text, there) {
			if there[name] == "" && !lateMetrics.MatchString(name) {
				t.Errorf("%s names %s, which there is not", file, name)
			}
		}
	}
}

func TestAlarmsSoundWhenTheyShould(t *testing.T) {
	promtool(t, "", "check", "rules", seeing("alerts.yaml"))
	promtool(t, "", "test", "rules", seeing("alerts_test.yaml"), seeing("alerts_days_test.yaml"))
	promtool(t, "", "check", "config", seeing("prometheus.yaml"))
	rules := readFile(t, "httpapi/metrics/alerts.yaml")
	tested := readFile(t, "httpapi/metrics/alerts_test.yaml") + readFile(t, "httpapi/metrics/alerts_days_test.yaml")
	alerts := regexp.MustCompile(`(?m)^      - alert: (\w+)$`).FindAllStringSubmatch(rules, -1)
	if len(alerts) < 20 {
		t.Fatalf("only %d alarms", len(alerts))
	}
	for _, a := range alerts {
		if !strings.Contains(tested, fmt.Sprintf("ALERTS{alertname=%q,alertstate=\"firing\",severity", a[1])) {
			t.Errorf("%s is not shown to sound", a[1])
		}
	}
}

// dashboard is the part of Grafana's schema that is used.
type dashboard struct {
	Title         string
	UID           string
	SchemaVersion int
	Templating    struct{ List []struct{ Name, Type string } }
	Panels        []struct {
		ID         int
		Type       string
		Title      string
		Datasource map[string]string
		GridPos    struct{ H, W, X, Y int }
		Targets    []struct{ RefID, Expr, LegendFormat string }
	}
}

func readDashboard(t *testing.T) (d dashboard) {
	t.Helper()
	if err := json.Unmarshal([]byte(readFile(t, "httpapi/metrics/dashboard.json")), &d); err != nil {
		t.Fatal(err)
	}
	return d
}

// expressions are those of the dashboard, with what its variables stand for, and the panels they are in.
func expressions(t *testing.T) map[string]string {
	t.Helper()
	out := make(map[string]string)
	for _, p := range readDashboard(t).Panels {
		for _, target := range p.Targets {
			expr := strings.NewReplacer("$__rate_interval", "1m", "$job", "holt.*").Replace(target.Expr)
			if strings.Contains(expr, "$") {
				t.Errorf("panel %q: there is no such variable: %s", p.Title, expr)
			}
			out[expr] = p.Title
		}
	}
	return out
}

func TestTheDashboardCanBeShown(t *testing.T) {
	d := readDashboard(t)
	if d.Title == "" || d.UID == "" || d.SchemaVersion < 36 || len(d.Templating.List) != 2 || d.Templating.List[1].Name != "job" {
		t.Errorf("the dashboard is %q %q of schema %d with variables %v", d.Title, d.UID, d.SchemaVersion, d.Templating.List)
	}
	ids, cells := make(map[int]bool), make(map[[2]int]string)
	for _, p := range d.Panels {
		if p.ID == 0 || ids[p.ID] || p.Title == "" || !slices.Contains([]string{"row", "stat", "timeseries"}, p.Type) {
			t.Errorf("panel %d, %q, is a %q", p.ID, p.Title, p.Type)
		}
		ids[p.ID] = true
		if (p.Type == "row") != (len(p.Targets) == 0) || p.Type != "row" && p.Datasource["uid"] != "${datasource}" {
			t.Errorf("panel %q has %d queries of %v", p.Title, len(p.Targets), p.Datasource)
		}
		if p.GridPos.X+p.GridPos.W > 24 || p.GridPos.W < 1 || p.GridPos.H < 1 {
			t.Errorf("panel %q is at %+v", p.Title, p.GridPos)
		}
		for x := p.GridPos.X; x < p.GridPos.X+p.GridPos.W; x++ {
			for y := p.GridPos.Y; y < p.GridPos.Y+p.GridPos.H; y++ {
				if other := cells[[2]int{x, y}]; other != "" {
					t.Fatalf("panels %q and %q are in the same place", other, p.Title)
				}
				cells[[2]int{x, y}] = p.Title
			}
		}
	}
	var rules bytes.Buffer
	rules.WriteString("groups:\n- name: dashboard\n  rules:\n")
	all := expressions(t)
	for i, expr := range slices.Sorted(maps.Keys(all)) {
		fmt.Fprintf(&rules, "  - record: panel:%d\n    expr: %s\n", i, strconv.Quote(expr))
	}
	file := filepath.Join(t.TempDir(), "dashboard.yaml")
	if err := os.WriteFile(file, rules.Bytes(), 0o600); err != nil {
		t.Fatal(err)
	}
	promtool(t, "", "check", "rules", file)
	if len(all) < 60 {
		t.Errorf("only %d queries", len(all))
	}
}
