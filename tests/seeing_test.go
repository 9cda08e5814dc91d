package tests

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// sum adds a number of all members.
func sum(t *testing.T, c *harness.Cluster, name string) (total float64) {
	t.Helper()
	for _, m := range c.Members {
		v, ok := samples(t, m)[name]
		if !ok {
			t.Fatalf("%s does not tell %s", m.Name, name)
		}
		total += v
	}
	return total
}

// A cluster is written to, a session ends, a stream is read: the numbers say so.
func TestTheNumbersTellWhatWasDone(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	follower := c.Followers()[0]
	done, forwarded := sum(t, c, `holt_writes_total{outcome="done"}`), samples(t, follower)["holt_forwarded_commands_total"]
	f := c.Follow(0, "/v1/watch/a").Open()
	for range 5 {
		if _, err := follower.Client().Put(t.Context(), "/a", []byte("x"), client.Any()); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := follower.Client().Create(t.Context(), "/a", nil, client.Persistent); err == nil {
		t.Fatal("it was created twice")
	}
	status, answer := sendOnce(t, http.MethodPost, follower.URL+"/v1/sessions", "", "")
	if status != http.StatusCreated {
		t.Fatal(status, answer)
	}
	var session struct{ ID string }
	if err := json.Unmarshal([]byte(answer), &session); err != nil {
		t.Fatal(err)
	}
	if status, answer := sendOnce(t, http.MethodPost, follower.URL+"/v1/sessions/"+session.ID+"/keepalive", "", ""); status != http.StatusOK {
		t.Fatal(status, answer)
	}
	if status, answer := sendOnce(t, http.MethodDelete, follower.URL+"/v1/sessions/"+session.ID, "", ""); status != http.StatusNoContent {
		t.Fatal(status, answer)
	}
	f.Await(harness.SettleTime, "the last change", tells("NodeDataChanged", "/a"))
	if n := sum(t, c, `holt_writes_total{outcome="done"}`) - done; n != 7 {
		t.Errorf("%v writes done, not 7", n)
	}
	if n := sum(t, c, `holt_writes_total{outcome="refused"}`); n != 1 {
		t.Errorf("%v writes refused, not 1", n)
	}
	if n := samples(t, follower)["holt_forwarded_commands_total"] - forwarded; n < 8 {
		t.Errorf("%v commands forwarded, not 8", n)
	}
	if n := sum(t, c, "holt_session_renewals_total"); n != 1 {
		t.Errorf("%v renewals, not 1", n)
	}
	harness.Eventually(t, harness.SettleTime, "every member counts what the cluster did", func() bool {
		return sum(t, c, "holt_sessions_opened_total") == 3 && sum(t, c, `holt_sessions_ended_total{reason="closed"}`) == 3
	})
	harness.Eventually(t, harness.SettleTime, "one stream is open", func() bool { // it is left for another one when it is silent for a while
		return sum(t, c, `holt_event_streams{of="paths"}`) == 1
	})
	if messages := sum(t, c, "holt_event_stream_messages_total"); messages < 1 {
		t.Errorf("the streams sent %v messages", messages)
	}
	for _, m := range c.Members {
		now := samples(t, m)
		for name, want := range map[string]float64{"holt_members": 3, "holt_voters": 3, "holt_peers_connected": 2, "holt_raft_has_leader": 1, "holt_ready": 1} {
			if now[name] != want {
				t.Errorf("%s: %s is %v, not %v", m.Name, name, now[name], want)
			}
		}
		if now["holt_log_file_bytes"] == 0 || now["holt_log_entries"] == 0 || now["holt_apply_duration_seconds_count"] == 0 || now["holt_raft_leader_changes_total"] == 0 {
			t.Errorf("%s tells nothing of its log: %v", m.Name, now)
		}
	}
}

// lines are the entries of a member's log with a message, as JSON.
func lines(t *testing.T, m *harness.Member, message string) (out []map[string]any) {
	t.Helper()
	for line := range strings.Lines(m.Log.String()) {
		var l map[string]any
		if json.Unmarshal([]byte(line), &l) == nil && l["msg"] == message {
			out = append(out, l)
		}
	}
	return out
}

// An operator looks for one request: the member that was asked says which transaction it made, and under which number it was
// proposed; the leader, in which entry that number is.
func TestARequestIsFoundInTheLogsOfTheMembers(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{"HOLT_LOG_FORMAT": "json", "HOLT_LOG_LEVEL": "debug", "HOLT_ACCESS_LOG": "true"}).Start()
	asked, leader := c.Followers()[0], c.Leader()
	r, err := http.NewRequestWithContext(t.Context(), http.MethodPut, asked.URL+"/v1/znodes/a", strings.NewReader("topsecret"))
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("X-Request-Id", "ticket-4711")
	r.Header.Set("Idempotency-Key", "topsecret")
	res, err := http.DefaultClient.Do(r)
	if err != nil {
		t.Fatal(err)
	}
	res.Body.Close()
	if res.StatusCode != http.StatusCreated || res.Header.Get("X-Request-Id") != "ticket-4711" {
		t.Fatalf("%s %v", res.Status, res.Header)
	}
	find := func(m *harness.Member, message string, is func(map[string]any) bool) (found map[string]any) {
		t.Helper()
		harness.Eventually(t, harness.SettleTime, m.Name+" has logged the "+message, func() bool {
			for _, l := range lines(t, m, message) {
				if is(l) {
					found = l
				}
			}
			return found != nil
		})
		return found
	}
	request := find(asked, "request", func(l map[string]any) bool { return l["request_id"] == "ticket-4711" })
	if request["level"] != "INFO" || request["status"] != 201.0 || request["route"] != "/v1/znodes/*" || request["method"] != "PUT" {
		t.Errorf("the request: %v", request)
	}
	proposal := find(asked, "proposal", func(l map[string]any) bool { return l["zxid"] == request["zxid"] })
	entry := find(leader, "entry", func(l map[string]any) bool {
		all, _ := l["from"].([]any)
		for _, one := range all {
			origin, seqs, _ := strings.Cut(one.(string), ":")
			var first, last float64
			if _, err := fmt.Sscanf(seqs, "%f-%f", &first, &last); err != nil {
				t.Fatalf("%v: %v", l, err)
			}
			if seq := proposal["seq"].(float64); origin == proposal["origin"] && first <= seq && seq <= last {
				return true
			}
		}
		return false
	})
	if entry["index"] == nil || entry["term"] == nil {
		t.Errorf("the entry: %v", entry)
	}
	for _, m := range c.Members {
		if m.Log.Has("topsecret") {
			t.Errorf("%s logs data or a key", m.Name)
		}
	}
}
