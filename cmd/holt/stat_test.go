package main

import (
	"strings"
	"testing"

	"holt/httpapi/wire"
)

func TestStatTellsWhenAZnodeGoes(t *testing.T) {
	var out strings.Builder
	if err := writeStat(&out, &wire.Znode{Path: "/t", Mode: "persistent_with_ttl", TTLMs: 90_500}); err != nil {
		t.Fatal(err)
	}
	for _, line := range []string{"mode             persistent_with_ttl\n", "ttl              1m30.5s\n"} {
		if !strings.Contains(out.String(), line) {
			t.Errorf("%q is not in\n%s", line, &out)
		}
	}
}
