package apitest

import (
	"encoding/json"
	"log/slog"
	"maps"
	"regexp"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi"
)

// logging is a server whose log is JSON, of a level.
func logging(t *testing.T, level slog.Level, access bool) (*server, func(n int) []map[string]any) {
	log := &safeBuffer{}
	s := start(t, func(c *httpapi.Config) {
		c.AccessLog = access
		c.Logger = slog.New(slog.NewJSONHandler(log, &slog.HandlerOptions{Level: level}))
	})
	return s, func(n int) []map[string]any {
		t.Helper()
		var lines []map[string]any
		eventually(t, "the requests are logged", func() bool {
			lines = nil
			for line := range strings.Lines(log.String()) {
				var l map[string]any
				if err := json.Unmarshal([]byte(line), &l); err != nil {
					t.Fatalf("%v: %s", err, line)
				}
				if l["msg"] == "request" {
					lines = append(lines, l)
				}
			}
			return len(lines) >= n
		})
		return lines
	}
}

func TestEachRequestIsOneLineOnDemand(t *testing.T) {
	s, lines := logging(t, slog.LevelInfo, true)
	s.do("PUT /v1/znodes/a?mode=persistent\nX-Request-Id: deploy-17.b_2\n\nfour").is(201).has("X-Request-Id", "deploy-17.b_2")
	s.do("GET /v1/znodes/a").is(200).has("X-Request-Id", "")
	s.do("GET /v1/znodes/none").is(404)
	s.do("GET /nothing?secret=1").is(404)
	got := lines(4)
	fields := []string{"bytes", "level", "method", "msg", "path", "remote", "request_id", "route", "status", "time", "took_ms", "zxid"}
	if is := slices.Sorted(maps.Keys(got[0])); !slices.Equal(is, fields) {
		t.Errorf("the fields are %q, not %q", is, fields)
	}
	for i, want := range []map[string]any{
		{"method": "PUT", "route": "/v1/znodes/*", "path": "/v1/znodes/a", "status": 201.0, "zxid": 1.0, "request_id": "deploy-17.b_2", "level": "INFO"},
		{"method": "GET", "route": "/v1/znodes/*", "path": "/v1/znodes/a", "status": 200.0, "zxid": 1.0, "bytes": 4.0},
		{"method": "GET", "route": "/v1/znodes/*", "status": 404.0},
		{"method": "GET", "route": "", "path": "/nothing", "status": 404.0},
	} {
		for k, v := range want {
			if got[i][k] != v {
				t.Errorf("request %d: %s is %v, not %v", i, k, got[i][k], v)
			}
		}
	}
	made := regexp.MustCompile(`^[0-9a-f]{16}$`)
	if one, two := got[1]["request_id"].(string), got[2]["request_id"].(string); !made.MatchString(one) || !made.MatchString(two) || one == two {
		t.Errorf("ids were made: %q and %q", one, two)
	}
	if took := got[0]["took_ms"].(float64); took <= 0 || took > 10_000 {
		t.Errorf("it took %v ms", took)
	}
}

// Neither ids, keys, data nor what is in a query are in the line.
func TestTheAccessLogTellsNoSecrets(t *testing.T) {
	s, lines := logging(t, slog.LevelInfo, true)
	o := s.open()
	s.do("PUT /v1/znodes/a?mode=ephemeral\nIdempotency-Key: topsecretkey\nX-Request-Id: mine\n\ntopsecretdata" + "").is(400) // no session
	s.do("PUT /v1/znodes/a\nHolt-Session: " + o.ID + "\nIdempotency-Key: topsecretkey\n\ntopsecretdata").is(201)
	s.do("GET /v1/children/?prefix=topsecretprefix&limit=2").is(200)
	s.do("POST /v1/sessions/" + o.ID + "/keepalive").is(200)
	s.do("DELETE /v1/sessions/" + o.ID).is(204)
	for _, l := range lines(6) {
		b, err := json.Marshal(l)
		if err != nil {
			t.Fatal(err)
		}
		if text := strings.ToLower(string(b)); strings.Contains(text, "topsecret") || strings.Contains(text, o.ID) {
			t.Errorf("the log tells: %s", text)
		}
	}
}

func TestIDsOfRequestsThatAreNoneArePassedOver(t *testing.T) {
	s, lines := logging(t, slog.LevelDebug, false)
	for i, id := range []string{strings.Repeat("x", 65), "a b", "a\tb", "é", `"`, "a\nX-Request-Id: b"} {
		s.do("GET /v1/limits\nX-Request-Id: "+id).is(200).has("X-Request-Id", "")
		l := lines(i + 1)[i]
		if l["request_id"] == id || l["level"] != "DEBUG" {
			t.Errorf("%q: logged as %v", id, l)
		}
	}
	s.do("GET /v1/limits\nX-Request-Id: "+strings.Repeat("x", 64)).has("X-Request-Id", strings.Repeat("x", 64))
	s.do("GET /v1/nothing\nX-Request-Id: refused-too").is(404).has("X-Request-Id", "refused-too")
}

func TestNobodyAskedForAnAccessLog(t *testing.T) {
	s, lines := logging(t, slog.LevelInfo, false)
	s.do("GET /v1/limits\nX-Request-Id: heard").is(200).has("X-Request-Id", "heard")
	if got := lines(0); len(got) != 0 {
		t.Errorf("logged %v", got)
	}
}

// What is logged goes through another writer: streams still flow and are cut off in time, pipelines still answer while they are sent.
func TestStreamsAreLoggedWhenTheyEnd(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		log := &safeBuffer{}
		w := newWorld(t, newPipes(), func(c *httpapi.Config) {
			c.AccessLog = true
			c.Logger = slog.New(slog.NewJSONHandler(log, nil))
		})
		w.do("create /a")
		good, stuck := w.watch("/v1/watch/a"), w.rawWatch("/v1/watch/a")
		good.says(mark("open", 1))
		readUntil(t, stuck, "event: open")
		good.says(message(w.do("set /a x"), "NodeDataChanged /a"))
		time.Sleep(httpapi.DefaultStreamWriteTimeout + time.Second)
		synctest.Wait()
		if n, _ := w.Hub.Streams(); n != 1 {
			t.Errorf("%d streams are left, of one that is read and one that is not", n)
		}
		good.leave()
		synctest.Wait()
		lines := strings.Split(strings.TrimSpace(log.String()), "\n")
		var last struct {
			Route string
			Bytes int
			Took  float64 `json:"took_ms"`
		}
		if err := json.Unmarshal([]byte(lines[len(lines)-1]), &last); err != nil {
			t.Fatal(err)
		}
		if len(lines) != 2 || last.Route != "/v1/watch/*" || last.Bytes < 100 || last.Took != 11_000 {
			t.Errorf("the log has %d lines, the last is %+v", len(lines), last)
		}
		_ = stuck.Close()
	})
}

func TestAPipelineIsOneLine(t *testing.T) {
	s, lines := logging(t, slog.LevelInfo, true)
	s.do("POST /v1/pipeline\nContent-Type: application/x-ndjson\n\n" + `{"op":"put","path":"/a","data":"x"}` + "\n" + `{"op":"get","path":"/a"}` + "\n").is(200)
	if got := lines(1)[0]; got["route"] != "/v1/pipeline" || got["bytes"].(float64) < 20 {
		t.Errorf("the line is %v", got)
	}
}
