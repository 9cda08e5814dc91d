package ui

import (
	"fmt"
	"os"
	"testing"

	"holt/tests/harness"
)

// What all stories share: the program under test, built once, and a browser.
var (
	bin      *harness.Binary
	chromium *Browser
)

func TestMain(m *testing.M) { os.Exit(run(m)) }

func run(m *testing.M) (code int) {
	var err error
	if bin, err = harness.Build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	defer func() {
		if err := bin.Close(); err != nil {
			fmt.Fprintln(os.Stderr, err)
			code = 1
		}
	}()
	if chromium, err = Start(); err != nil {
		fmt.Fprintln(os.Stderr, "no browser; tests/install installs one:", err)
		return 1
	}
	defer chromium.Close()
	return m.Run()
}

// serve is a member that is ready, and whose page can be asked for.
func serve(t *testing.T, more harness.Env) *harness.Member {
	t.Helper()
	m := bin.NewMember(t, "a")
	for k, v := range more {
		m.Env[k] = v
	}
	return m.Start().Ready()
}
