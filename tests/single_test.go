package tests

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"strings"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// endTime bounds how long a process may take to end by itself.
const endTime = time.Minute

// The exit codes the stories meet.
const (
	exitUsage   = 2
	exitStorage = 8
)

func TestAMemberAloneKeepsWhatItAcknowledged(t *testing.T) {
	m := bin.NewMember(t, "alone").Start().Ready()
	c := m.Client()
	acked := make(chan string, 1<<20) // more than there can be by then: it is killed while it is written to
	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	go func() { // writes until the member is gone
		defer close(acked)
		for i := range cap(acked) {
			w, err := c.Create(ctx, "/n", fmt.Appendf(nil, "%d", i), client.PersistentSequential)
			if err != nil {
				return
			}
			acked <- w.Path
		}
	}()
	harness.Eventually(t, endTime, "a hundred writes", func() bool { return len(acked) >= 100 })
	m.Kill()
	stop() // a write that is under way would be sent again once the member is back, and more after it

	m.Start().Ready()
	i := 0
	for path := range acked {
		z, err := m.Client().Get(t.Context(), path, client.Local)
		if err != nil {
			t.Fatalf("write %d was acknowledged and is lost: %v", i, err)
		}
		if string(z.Data) != fmt.Sprint(i) || z.Stat.Version != 0 {
			t.Fatalf("%s: %q in version %d, want %d in version 0", path, z.Data, z.Stat.Version, i)
		}
		i++
	}
	t.Logf("%d writes, all there", i)
}

func TestSIGTERMStopsInOrder(t *testing.T) {
	for _, s := range []syscall.Signal{syscall.SIGTERM, syscall.SIGINT} {
		m := bin.NewMember(t, "orderly").Start().Ready()
		if _, err := m.Client().Put(t.Context(), "/kept", []byte("yes"), client.Any()); err != nil {
			t.Fatal(err)
		}
		m.Signal(s)
		if code := m.Exit(endTime); code != 0 {
			t.Errorf("%v: exit code %d, want 0", s, code)
		}
		z, err := m.Start().Ready().Client().Get(t.Context(), "/kept", client.Local)
		if err != nil || string(z.Data) != "yes" {
			t.Errorf("%v: after the restart: %v, %v", s, z, err)
		}
	}
}

func TestTwoProcessesNeverShareAFolder(t *testing.T) {
	first := bin.NewMember(t, "first").Start().Ready()
	second := bin.NewMember(t, "first")
	second.Env["HOLT_DATA_DIR"] = first.Dir
	if code := second.Start().Exit(endTime); code != exitStorage {
		t.Errorf("exit code %d, want %d", code, exitStorage)
	}
	if !second.Log.Has(first.Dir, "what to do: stop the other process") {
		t.Errorf("the message does not say what to do:\n%s", second.Log)
	}
	if _, err := first.Client().Put(t.Context(), "/still", nil, client.Any()); err != nil {
		t.Errorf("the first member was disturbed: %v", err)
	}
}

func TestAMemberKeepsItsName(t *testing.T) {
	m := bin.NewMember(t, "alpha").Start().Ready()
	m.Kill()
	m.Env["HOLT_NAME"] = ""
	m.Start().Ready()
	if cl, err := m.Client().Cluster(t.Context()); err != nil || cl.Name != "alpha" {
		t.Errorf("unset, the name is %+v, %v; want alpha", cl, err)
	}
	m.Kill()
	m.Env["HOLT_NAME"] = "beta"
	if code := m.Start().Exit(endTime); code != exitStorage {
		t.Errorf("under another name: exit code %d, want %d", code, exitStorage)
	}
	if !m.Log.Has("alpha", "beta", "what to do") {
		t.Errorf("the message names not both names, or no remedy:\n%s", m.Log)
	}
}

// What is for the first start and is given on a later one is left aside, and not without a word.
func TestALaterStartSaysWhatItLeavesAside(t *testing.T) {
	m := bin.NewMember(t, "later").Start().Ready()
	m.Kill()
	m.Env["HOLT_JOIN"] = "http://127.0.0.1:1"
	m.Start().Ready()
	if !m.Log.Has("HOLT_JOIN counts on the first start only") {
		t.Errorf("not a word of HOLT_JOIN:\n%s", m.Log)
	}
	m.Kill()
	delete(m.Env, "HOLT_JOIN")
	m.Env["HOLT_CLUSTER"] = "later=127.0.0.1:1=http://127.0.0.1:2"
	m.Start().Ready()
	if !m.Log.Has("HOLT_CLUSTER counts on the first start only") {
		t.Errorf("not a word of HOLT_CLUSTER:\n%s", m.Log)
	}
}

func TestConfigurationIsRefused(t *testing.T) {
	const secret = "tooshort"
	for name, c := range map[string]struct {
		env  harness.Env
		says string
	}{
		"misspelt variable":     {harness.Env{"HOLT_DATADIR": "/nowhere"}, "HOLT_DATADIR"},
		"no secret, all hosts":  {harness.Env{"HOLT_RAFT_ADDR": "0.0.0.0:0"}, "HOLT_PEER_SECRET is required"},
		"no secret, advertised": {harness.Env{"HOLT_RAFT_ADVERTISE": "holt.example:7071"}, "HOLT_PEER_SECRET is required"},
		"no secret, members": {harness.Env{"HOLT_CLUSTER": "a=127.0.0.1:1=http://127.0.0.1:2,b=192.0.2.1:1=http://192.0.2.1:2"},
			"HOLT_PEER_SECRET is required"},
		"short secret":         {harness.Env{"HOLT_PEER_SECRET": secret}, "HOLT_PEER_SECRET must have"},
		"two secrets":          {harness.Env{"HOLT_PEER_SECRET": secret, "HOLT_PEER_SECRET_FILE": "/x"}, "both set"},
		"no secret file":       {harness.Env{"HOLT_PEER_SECRET_FILE": "/no/such/file"}, "HOLT_PEER_SECRET_FILE"},
		"address without port": {harness.Env{"HOLT_HTTP_ADDR": "localhost"}, "HOLT_HTTP_ADDR"},
		"not a number":         {harness.Env{"HOLT_MAX_REQUESTS": "many"}, "HOLT_MAX_REQUESTS"},
		"not a URL":            {harness.Env{"HOLT_URL": "localhost:7070"}, "HOLT_URL"},
		"log level":            {harness.Env{"HOLT_LOG_LEVEL": "loud"}, "loud"},
		"members":              {harness.Env{"HOLT_CLUSTER": "a,b,c"}, "HOLT_CLUSTER"},
	} {
		t.Run(name, func(t *testing.T) {
			m := bin.NewMember(t, "x")
			for k, v := range c.env {
				m.Env[k] = v
			}
			if code := m.Start().Exit(endTime); code != exitUsage {
				t.Errorf("exit code %d, want %d", code, exitUsage)
			}
			if !m.Log.Has(c.says) || strings.Contains(m.Log.String(), secret) {
				t.Errorf("want a message with %q and without the secret:\n%s", c.says, m.Log)
			}
		})
	}
}

func TestAnEmptyVariableIsUnset(t *testing.T) {
	m := bin.NewMember(t, "x")
	for _, k := range []string{"HOLT_CLUSTER", "HOLT_PEER_SECRET", "HOLT_MAX_REQUESTS", "HOLT_WRITE_WAIT", "HOLT_LOG_LEVEL",
		"HOLT_ALLOWED_HOSTS", "HOLT_REQUIRE_PRECONDITION", "HOLT_SNAPSHOT_BYTES"} {
		m.Env[k] = ""
	}
	m.Start().Ready()
}

func TestAMemberWithAnotherSecretStaysOutside(t *testing.T) {
	c := bin.NewCluster(t, 3, nil)
	stranger := c.Members[2]
	stranger.Env["HOLT_PEER_SECRET"] = "not what the others have"
	for _, m := range c.Members {
		m.Start()
	}
	inside := c.Members[:2]
	for _, m := range inside {
		m.Ready()
	}
	if _, err := inside[0].Client().Put(t.Context(), "/secret", []byte("of two"), client.Any()); err != nil {
		t.Fatal(err)
	}
	stranger.Listening()
	harness.Eventually(t, endTime, "somebody logs the refusal", func() bool {
		for _, m := range c.Members {
			if m.Log.Has("authentication failed") {
				return true
			}
		}
		return false
	})
	if status, _, body := stranger.Get("/v1/znodes/secret"); status != http.StatusServiceUnavailable {
		t.Errorf("the stranger answers %d %q, want 503: it never heard of a leader", status, body)
	}
	if status := stranger.Status("/readyz"); status == http.StatusOK {
		t.Error("the stranger is ready")
	}
	for _, m := range c.Members {
		for _, s := range []string{stranger.Env["HOLT_PEER_SECRET"], inside[0].Env["HOLT_PEER_SECRET"]} {
			if strings.Contains(m.Log.String(), s) {
				t.Errorf("member %s logged a secret", m.Name)
			}
		}
	}
}

// Every limit has a name and a value where a client can look it up.
func TestAMemberTellsItsLimits(t *testing.T) {
	m := bin.NewMember(t, "a").Start().Ready()
	_, _, body := m.Get("/v1/limits")
	var limits map[string]int64
	if err := json.Unmarshal([]byte(body), &limits); err != nil {
		t.Fatalf("%v: %s", err, body)
	}
	for name, value := range limits {
		if value <= 0 {
			t.Errorf("%s is %d", name, value)
		}
	}
	if limits["waiting_writes"] == 0 || limits["disk_reserve_bytes"] == 0 {
		t.Errorf("the limits of the core are missing: %s", body)
	}
}
