package tests

import (
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"testing"
	"time"

	"holt/tests/harness"
	"holt/tests/tour"
)

// tourTime bounds the whole tour; it builds the program from nothing, as a newcomer does.
const tourTime = 8 * time.Minute

func TestTheTourInTheReadme(t *testing.T) {
	readme, err := os.ReadFile(filepath.Join(bin.Root, "README.md"))
	if err != nil {
		t.Fatal(err)
	}
	steps, err := tour.Steps(string(readme), 1)
	if err != nil {
		t.Fatal(err)
	}
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

	log := harness.NewLog(t, "the tour")
	shell := bin.Shell(t, log, clone, tour.Script(steps))
	if code := shell.Exit(tourTime); code == 99 {
		t.Fatal("the shell's own network could not be made")
	}
	for _, fault := range tour.Compare(steps, log.String()) {
		t.Errorf("README.md, %s", fault)
	}
	t.Logf("%d commands, as printed", len(steps))
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
