package ui

import (
	"context"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// lines are the curl lines that can be read now, those of a dialog where one is open.
func lines(p *Page) []string {
	p.t.Helper()
	var out []string
	p.until("there is a curl line", func() (bool, string) {
		text, err := evaluate[string](p, `[...(document.querySelector("dialog[open]") || document).querySelectorAll("pre")].map(e => e.textContent).find(s => s.startsWith("curl ")) || ""`)
		out = strings.FieldsFunc(text, func(r rune) bool { return r == '\n' })
		return err == nil && len(out) > 0, text
	})
	return out
}

// shell runs a line as a person would who copied it, and gives the status and the body.
func shell(t *testing.T, line string) (status, body string) {
	t.Helper()
	rest, ok := strings.CutPrefix(line, "curl ")
	if !ok {
		t.Fatalf("no line of curl: %s", line)
	}
	patience := int(Patience.Seconds())
	if strings.Contains(line, " -N ") { // it follows, and ends when the time is up
		patience = 5
	}
	out, err := exec.Command("bash", "-c", fmt.Sprintf("curl -sS --max-time %d", patience)+` -w '\nstatus %{http_code}' `+rest).CombinedOutput()
	if err != nil && !strings.Contains(line, " -N ") {
		t.Fatalf("%s: %v: %s", line, err, out)
	}
	i := strings.LastIndex(string(out), "status ")
	if i < 0 {
		return "200", string(out)
	}
	return string(out[i+len("status "):])[:3], string(out[:i])
}

// Every view shows the line that does the same, and it does.
func TestTheLinesOfTheViewsWork(t *testing.T) {
	m := full(t, nil)
	s := hold(t, m, "/up/one")
	for name := range hostileNames() {
		put(t, m, "/h/"+name, "x")
	}
	p := chromium.Open(t, m.URL+"/ui/", Options{})
	places := []string{"#/tree/", "#/tree/app/config/motd", "#/tree/app/config/motd?tab=stat", "#/tree/app?tab=watches", "#/sessions", "#/sessions/" + s.Owner,
		"#/watches", "#/watches?path=/app", "#/events", "#/cluster"}
	for name := range hostileNames() {
		places = append(places, "#/tree/h/"+strings.ReplaceAll(strings.ReplaceAll(Eval[string](p, "encodeURIComponent("+quote(name)+")"), "'", "%27"), "(", "%28"))
	}
	ran := make(map[string]bool)
	for _, place := range places {
		p.Go("about:blank")
		p.Go(m.URL + "/ui/" + place)
		p.See("Live")
		for _, line := range lines(p) {
			if ran[line] {
				continue
			}
			ran[line] = true
			if status, body := shell(t, line); status != "200" {
				t.Errorf("at %.60s: %s: %s %s", place, line, status, body)
			}
		}
	}
	p.Go(m.URL + "/ui/#/tree/app/config/motd")
	p.See("Friday at noon")
	if _, body := shell(t, lines(p)[0]); !strings.Contains(body, "Friday at noon") {
		t.Errorf("the line gives %q", body)
	}
}

// So do the lines of what is done.
func TestTheLinesOfTheDialogsWork(t *testing.T) {
	m := full(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/tree/app/config?open=/app/config", Options{})
	run := func(line, want string) {
		t.Helper()
		if status, body := shell(t, line); status != want {
			t.Errorf("%s: %s %s, want %s", line, status, body, want)
		}
		p.Press("Escape")
	}
	p.Click("button", "Create below")
	p.Fill("Name", "it's $HOME; `id`")
	p.Choose("Kind", "persistent with ttl")
	run(lines(p)[0], "201")
	p.Find("treeitem", "it's $HOME; `id`")

	p.Go(m.URL + "/ui/#/tree/app/config/motd")
	p.Click("button", "Edit")
	file := filepath.Join(t.TempDir(), "FILE")
	if err := os.WriteFile(file, []byte("it's\n\"new\" \\ $HOME"), 0o600); err != nil {
		t.Fatal(err)
	}
	line := strings.Replace(lines(p)[0], "@FILE", "@"+file, 1)
	run(line, "200")
	if _, _, body := m.Get("/v1/znodes/app/config/motd"); body != "it's\n\"new\" \\ $HOME" {
		t.Errorf("it holds %q", body)
	}

	p.Go("about:blank")
	p.Go(m.URL + "/ui/#/tree/app/config")
	p.Click("button", "Move")
	p.Within("dialog", "Move a znode").See("znodes with")
	p.Fill("To the path", "/app/moved")
	run(lines(p)[0], "200")
	harness.Eventually(t, Patience, "it is moved", func() bool {
		return m.Status("/v1/znodes/app/moved/motd") == 200 && m.Status("/v1/znodes/app/config") == 404
	})

	p.Go(m.URL + "/ui/#/tree/app/moved")
	p.Click("button", "Delete")
	p.Within("dialog", "Delete a znode").See("Type moved to delete")
	run(lines(p)[0], "204")
	if _, err := m.Client().Stat(context.Background(), "/app/moved", client.Local); client.CodeOf(err) != client.NoNode {
		t.Errorf("it is there: %v", err)
	}
}
