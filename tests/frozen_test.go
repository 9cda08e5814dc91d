package tests

import (
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
)

// A frozen member still takes connections. A client may lose one write to it, but not all that follow.
func TestTheGoClientLeavesAMemberThatDoesNotAnswer(t *testing.T) {
	const patience = 8 * time.Second // of which the first write takes most
	c := bin.NewCluster(t, 3, nil).Start()
	frozen := c.Followers()[0]
	first := 0
	for i, m := range c.Members {
		if m == frozen {
			first = i
		}
	}
	one, err := client.New(client.Config{Endpoints: c.URLs(first), Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer one.Close()
	if _, err := one.Put(t.Context(), "/n", nil, client.Any()); err != nil {
		t.Fatal(err)
	}
	frozen.Signal(syscall.SIGSTOP)
	defer frozen.Signal(syscall.SIGCONT)
	_, err = one.Put(t.Context(), "/n", nil, client.Any())
	t.Logf("the first write: %v", err)
	begun := time.Now()
	if _, err := one.Put(t.Context(), "/n", nil, client.Any()); err != nil || time.Since(begun) > patience/2 {
		t.Errorf("the next write: %v after %v", err, time.Since(begun))
	}
}
