package client_test

import (
	"net/http"
	"sync/atomic"
	"testing"

	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
)

// A load of which an attempt may have been carried out is not told to have failed because the members refuse the next.
func TestALoadInDoubtStaysSo(t *testing.T) {
	t.Parallel()
	s := clienttest.New()
	defer s.Close()
	c, err := client.New(client.Config{Endpoints: []string{s.URL}, Timeout: patience})
	if err != nil {
		t.Fatal(err)
	}
	defer c.Close()
	var asked atomic.Int32
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		w.Header().Set("Content-Type", "application/problem+json")
		w.WriteHeader(http.StatusTooManyRequests)
		_, _ = w.Write([]byte(`{"code":"throttled","status":429}`))
	})
	s.Lose(1)
	if _, err := c.LoadTree(t.Context(), "/t", lines(3), client.LoadOptions{}); client.CodeOf(err) != client.OutcomeUnknown {
		t.Errorf("after an answer that was lost, and %d refusals: %v", asked.Load(), err)
	}
	if asked.Load() == 0 {
		t.Error("it was not asked for again")
	}
	if _, err := c.LoadTree(t.Context(), "/t", lines(3), client.LoadOptions{}); client.CodeOf(err) != client.Throttled {
		t.Errorf("refused alone: %v", err)
	}
}
