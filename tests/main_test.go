// Package tests holds the black-box stories: the built program as processes, with real disks and ports, killed, starved
// and lied to. Each story runs alone, since they share the machine.
package tests

import (
	"fmt"
	"os"
	"testing"

	"holt/tests/harness"
)

// bin is the program under test, built once.
var bin *harness.Binary

func TestMain(m *testing.M) {
	var err error
	if bin, err = harness.Build(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
	code := m.Run()
	if err := bin.Close(); err != nil {
		fmt.Fprintln(os.Stderr, err)
		code = 1
	}
	os.Exit(code)
}
