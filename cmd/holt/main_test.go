package main

import (
	"os"
	"strings"
	"testing"
)

// TestMain makes the test binary holt itself when it is started with a verb, as the program starts itself: what is
// tested then is a process of its own.
func TestMain(m *testing.M) {
	if len(os.Args) > 1 && !strings.HasPrefix(os.Args[1], "-") {
		os.Exit(run())
	}
	os.Exit(m.Run())
}
