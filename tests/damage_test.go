package tests

import (
	"bytes"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// The files in a data folder the stories damage.
const (
	logFile      = "raft.db"
	identityFile = "identity.json"
)

// boltPage is the size of a page of the log file on the machines the tests run on, in bytes.
const boltPage = 4096

// lived is the folder of a member that has written for a while and was killed.
func lived(t *testing.T, name string) *harness.Member {
	t.Helper()
	m := bin.NewMember(t, name).Start().Ready()
	c := m.Client()
	for i := range 200 {
		if _, err := c.Put(t.Context(), fmt.Sprintf("/n%03d", i), bytes.Repeat([]byte{'x'}, 2000), client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := c.Put(t.Context(), "/marked", []byte(marker), client.Any()); err != nil {
		t.Fatal(err)
	}
	m.Kill()
	return m
}

// marker is data that is found again in the log file.
const marker = "a sentence that is in one entry alone"

func TestDamageToAFolderIsRefused(t *testing.T) {
	model, other := lived(t, "model"), lived(t, "other")
	for name, c := range map[string]struct {
		damage func(t *testing.T, dir string)
		says   string
	}{
		"the log is empty": {func(t *testing.T, dir string) { truncate(t, filepath.Join(dir, logFile), 0) }, "may have voted"},
		"the log is gone":  {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, logFile)) }, "may have voted"},
		"the log is cut":   {halve, "cut short"},
		"a page is zeroed": {zeroPages, "damaged"},
		"the log is no log": {func(t *testing.T, dir string) {
			write(t, filepath.Join(dir, logFile), bytes.Repeat([]byte("no log "), 9000))
		}, logFile},
		"the log is another's": {func(t *testing.T, dir string) { copyFile(t, other.Dir, dir, logFile) }, "does not belong"},
		"the identity is another's": {func(t *testing.T, dir string) { copyFile(t, other.Dir, dir, identityFile) },
			"belongs to member"},
		"the identity is gone":   {func(t *testing.T, dir string) { remove(t, filepath.Join(dir, identityFile)) }, "no identity file"},
		"the identity is broken": {func(t *testing.T, dir string) { write(t, filepath.Join(dir, identityFile), []byte("{")) }, identityFile},
	} {
		t.Run(name, func(t *testing.T) {
			m := bin.NewMember(t, model.Name)
			if err := os.CopyFS(m.Dir, os.DirFS(model.Dir)); err != nil {
				t.Fatal(err)
			}
			c.damage(t, m.Dir)
			before := folder(t, m.Dir)
			if code := m.Start().Exit(endTime); code != exitStorage {
				t.Errorf("exit code %d, want %d", code, exitStorage)
			}
			if !m.Log.Has(m.Dir, c.says, "what to do: ") {
				t.Errorf("want a message with the folder, %q and what to do:\n%s", c.says, m.Log)
			}
			if strings.Contains(m.Log.String(), "goroutine ") {
				t.Errorf("the message shows a stack:\n%s", m.Log)
			}
			if after := folder(t, m.Dir); after != before {
				t.Errorf("the folder was changed from %s to %s", before, after)
			}
		})
	}
}

func TestTheUndamagedCopyStarts(t *testing.T) {
	model := lived(t, "model")
	m := bin.NewMember(t, model.Name)
	if err := os.CopyFS(m.Dir, os.DirFS(model.Dir)); err != nil {
		t.Fatal(err)
	}
	// Its log says where it listens.
	m.Env["HOLT_RAFT_ADDR"], m.Env["HOLT_HTTP_ADDR"] = model.Env["HOLT_RAFT_ADDR"], model.Env["HOLT_HTTP_ADDR"]
	m.URL = model.URL
	z, err := m.Start().Ready().Client().Get(t.Context(), "/marked", client.Linearizable)
	if err != nil || string(z.Data) != marker {
		t.Fatalf("%v, %v", z, err)
	}
}

func TestOneFlippedByteInAnEntryIsNeverServed(t *testing.T) {
	m := lived(t, "flipped")
	path := filepath.Join(m.Dir, logFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Contains(b, []byte(marker)) {
		t.Fatal("the data is not in the log file: nothing to damage")
	}
	flipped := strings.Replace(marker, "sentence", "sentance", 1)
	write(t, path, bytes.ReplaceAll(b, []byte(marker), []byte(flipped)))

	m.Start()
	for !m.Ended() {
		if status, _, body := m.Get("/v1/znodes/marked"); status == http.StatusOK {
			t.Fatalf("wrong data is served: %q", body)
		}
		if m.Status("/readyz") == http.StatusOK {
			t.Fatal("the member is ready on a damaged log")
		}
	}
	if code := m.Exit(endTime); code != exitStorage {
		t.Errorf("exit code %d, want %d", code, exitStorage)
	}
	if !m.Log.Has("replace the member") && !m.Log.Has("what to do: ") {
		t.Errorf("the message does not say what to do:\n%s", m.Log)
	}
}

// folder lists the files of a data folder with their sizes.
func folder(t *testing.T, dir string) string {
	t.Helper()
	sizes := map[string]int64{}
	list, err := os.ReadDir(dir)
	if err != nil {
		t.Fatal(err)
	}
	for _, e := range list {
		info, err := e.Info()
		if err != nil {
			t.Fatal(err)
		}
		if !e.IsDir() {
			sizes[e.Name()] = info.Size()
		}
	}
	b, _ := json.Marshal(sizes)
	return string(b)
}

// halve cuts the file in the middle of what is written; behind that is room that was only reserved.
func halve(t *testing.T, dir string) {
	path := filepath.Join(dir, logFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	truncate(t, path, int64(len(bytes.TrimRight(b, "\x00")))/2/boltPage*boltPage)
}

// zeroPages zeroes a page that is in use: one of those with data, which are the most by far.
func zeroPages(t *testing.T, dir string) {
	path := filepath.Join(dir, logFile)
	b, err := os.ReadFile(path)
	if err != nil {
		t.Fatal(err)
	}
	at := bytes.Index(b, []byte(marker)) / boltPage * boltPage
	for at > 0 { // every copy of the page, as only one of them is in use
		clear(b[at : at+boltPage])
		if at = bytes.Index(b, []byte(marker)); at > 0 {
			at = at / boltPage * boltPage
		}
	}
	write(t, path, b)
}

func truncate(t *testing.T, path string, size int64) {
	t.Helper()
	if err := os.Truncate(path, size); err != nil {
		t.Fatal(err)
	}
}

func remove(t *testing.T, path string) {
	t.Helper()
	if err := os.Remove(path); err != nil {
		t.Fatal(err)
	}
}

func write(t *testing.T, path string, b []byte) {
	t.Helper()
	if err := os.WriteFile(path, b, 0o600); err != nil {
		t.Fatal(err)
	}
}

func copyFile(t *testing.T, from, to, name string) {
	t.Helper()
	b, err := os.ReadFile(filepath.Join(from, name))
	if err != nil {
		t.Fatal(err)
	}
	write(t, filepath.Join(to, name), b)
}
