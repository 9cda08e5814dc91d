package apitest

import (
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
)

func TestAZnodeIsWrittenReadAndDeleted(t *testing.T) {
	s := start(t)
	s.do("HEAD /v1/znodes/app").is(404).has("Holt-Zxid", "0")
	s.do("PUT /v1/znodes/app\n\nhello").is(201).has("Location", "/v1/znodes/app").has("ETag", `"0.1"`).has("Holt-Zxid", "1")
	s.do("GET /v1/znodes/app").is(200).says("hello").has("ETag", `"0.1"`).has("Content-Type", "application/octet-stream").
		has("Content-Security-Policy", "sandbox").has("Znode-Data-Length", "5").has("Content-Length", "5")
	s.do("PUT /v1/znodes/app\n\nagain").is(200).has("ETag", `"1.1"`).has("Location", "").has("Znode-Mzxid", "2")
	s.do("PUT /v1/znodes/app/leaf").is(201).has("Znode-Data-Length", "0")
	s.do("HEAD /v1/znodes/app").is(200).says("").has("Content-Length", "5").has("Znode-Num-Children", "1").has("Znode-Version", "1")
	s.do("DELETE /v1/znodes/app").fails(409, wire.NotEmpty)
	s.do("DELETE /v1/znodes/app/leaf").is(204).has("Holt-Zxid", "4")
	s.do("DELETE /v1/znodes/app").is(204)
	p := s.do("GET /v1/znodes/app").fails(404, wire.NoNode)
	if p.Path != "/app" || p.Zxid != 5 {
		t.Errorf("the problem is about %s at %d", p.Path, p.Zxid)
	}
	s.do("DELETE /v1/znodes/app").fails(404, wire.NoNode)
}

func TestTheRootIsAZnode(t *testing.T) {
	s := start(t)
	for _, root := range []string{"/v1/znodes", "/v1/znodes/"} {
		s.do("GET "+root).is(200).says("").has("ETag", `"0.0"`)
	}
	s.do("PUT /v1/znodes\nIf-Match: \"0.0\"\n\nx").is(200).has("ETag", `"1.0"`)
	s.do("POST /v1/znodes").fails(409, wire.NodeExists)
	s.do("POST /v1/znodes?mode=persistent_sequential").is(201).has("Location", "/v1/znodes/0000000000")
	s.do("DELETE /v1/znodes").fails(400, wire.BadArguments)
}

func TestPathsAreParsedAndNeverCleaned(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a").is(201)
	s.do("PUT /v1/znodes/a%2Fb\n\nboth").is(201).has("Location", "/v1/znodes/a/b")
	s.do("GET /v1/znodes/a/b").is(200).says("both")
	s.do("PUT /v1/znodes/%C3%A4%20%3F%23%25%F0%9F%90%A6").is(201).has("Location", "/v1/znodes/%C3%A4%20%3F%23%25%F0%9F%90%A6")
	if path := read[wire.Znode](s.do("GET /v1/znodes/%C3%A4%20%3F%23%25%F0%9F%90%A6?format=json").is(200)).Path; path != "/ä ?#%🐦" {
		t.Errorf("the path is %q", path)
	}
	for _, path := range []string{
		"/a//b", "//a", "/a/", "/a/.", "/a/..", "/a/../a", "/a/%2e%2e/a", "/a%2F%2Fb", "/a/%2F", "/%00", "/%1f", "/%7f",
		"/%ff", "/%EE%80%80", "/%EF%BF%BE", "/holt", "/holt/x", "/" + strings.Repeat("x", 4096), strings.Repeat("/x", 129),
	} {
		for _, method := range []string{"GET", "HEAD", "PUT", "POST", "DELETE"} {
			if a := s.do(method + " /v1/znodes" + path); a.status != 400 {
				t.Errorf("%s %s: %d", method, path, a.status)
			}
		}
		s.do("GET /v1/children"+path).fails(400, wire.BadArguments)
	}
	s.do("GET /v1/znodes"+strings.Repeat("/x", 128)).fails(404, wire.NoNode)
	if s.Proposed() != 3 {
		t.Errorf("%d proposals for 3 good writes", s.Proposed())
	}
}

func TestPreconditions(t *testing.T) {
	for _, c := range []struct {
		name, request string
		status        int
		code          wire.Code // "" if it is carried out
	}{
		{"tag", "PUT /v1/znodes/a\nIf-Match: \"1.1\"", 200, ""},
		{"tag without quotes", "PUT /v1/znodes/a\nIf-Match: 1.1", 200, ""},
		{"version alone", "PUT /v1/znodes/a\nIf-Match: \"1\"", 200, ""},
		{"version alone without quotes", "PUT /v1/znodes/a\nIf-Match: 1", 200, ""},
		{"one of a list", "PUT /v1/znodes/a\nIf-Match: \"0.1\", W/\"3.3\",,\"x,y\" , 1.1", 200, ""},
		{"one of two headers", "PUT /v1/znodes/a\nIf-Match: 0.1\nIf-Match: 1.1", 200, ""},
		{"any", "PUT /v1/znodes/a\nIf-Match: *", 200, ""},
		{"old version", "PUT /v1/znodes/a\nIf-Match: \"0.1\"", 412, wire.BadVersion},
		{"other czxid", "PUT /v1/znodes/a\nIf-Match: \"1.2\"", 412, wire.BadVersion},
		{"czxid 0 is not any", "PUT /v1/znodes/a\nIf-Match: \"1.0\"", 412, wire.BadVersion},
		{"weak", "PUT /v1/znodes/a\nIf-Match: W/\"1.1\"", 412, wire.BadVersion},
		{"children's tag", "PUT /v1/znodes/a\nIf-Match: \"c1.1\"", 412, wire.BadVersion},
		{"foreign tag", "PUT /v1/znodes/a\nIf-Match: \"\"", 412, wire.BadVersion},
		{"number not as we write it", "PUT /v1/znodes/a\nIf-Match: \"01.1\"", 412, wire.BadVersion},
		{"version beyond all", "PUT /v1/znodes/a\nIf-Match: \"99999999999999999999\"", 412, wire.BadVersion},
		{"tag of nothing", "PUT /v1/znodes/none\nIf-Match: \"0.1\"", 412, wire.NoNode},
		{"any of nothing", "PUT /v1/znodes/none\nIf-Match: *", 412, wire.NoNode},
		{"missing parent", "PUT /v1/znodes/none/x\nIf-Match: *", 404, wire.NoNode},
		{"create", "PUT /v1/znodes/new\nIf-None-Match: *", 201, ""},
		{"create what is there", "PUT /v1/znodes/a\nIf-None-Match: *", 412, wire.NodeExists},
		{"create below nothing", "PUT /v1/znodes/none/x\nIf-None-Match: *", 404, wire.NoNode},
		{"both", "PUT /v1/znodes/a\nIf-Match: *\nIf-None-Match: *", 400, wire.BadArguments},
		{"if-none-match with a tag", "PUT /v1/znodes/a\nIf-None-Match: \"1.1\"", 400, wire.BadArguments},
		{"no tag", "PUT /v1/znodes/a\nIf-Match: abc", 400, wire.BadArguments},
		{"ZooKeeper's any", "PUT /v1/znodes/a\nIf-Match: -1", 400, wire.BadArguments},
		{"open quote", "PUT /v1/znodes/a\nIf-Match: \"1.1", 400, wire.BadArguments},
		{"no comma", "PUT /v1/znodes/a\nIf-Match: \"0.1\" \"1.1\"", 400, wire.BadArguments},
		{"star in a list", "PUT /v1/znodes/a\nIf-Match: 0.1, *", 400, wire.BadArguments},
		{"too many", "PUT /v1/znodes/a\nIf-Match: 0" + strings.Repeat(", 0", 16), 400, wire.BadArguments},
		{"as many as there may be", "PUT /v1/znodes/a\nIf-Match: 1" + strings.Repeat(", 0", 15), 200, ""},
		{"delete", "DELETE /v1/znodes/a\nIf-Match: \"1.1\"", 204, ""},
		{"delete any", "DELETE /v1/znodes/a\nIf-Match: *", 204, ""},
		{"delete old version", "DELETE /v1/znodes/a\nIf-Match: 0", 412, wire.BadVersion},
		{"delete nothing", "DELETE /v1/znodes/none\nIf-Match: *", 412, wire.NoNode},
		{"delete if none", "DELETE /v1/znodes/a\nIf-None-Match: *", 400, wire.BadArguments},
		{"post", "POST /v1/znodes/new\nIf-None-Match: *", 400, wire.BadArguments},
		{"get", "GET /v1/znodes/a\nIf-Match: \"1.1\"", 400, wire.BadArguments},
	} {
		t.Run(c.name, func(t *testing.T) {
			s := start(t)
			s.do("PUT /v1/znodes/a\n\none").is(201)
			s.do("PUT /v1/znodes/a\n\ntwo").is(200).has("ETag", `"1.1"`)
			a := s.do(c.request)
			if c.code == "" {
				a.is(c.status)
				return
			}
			p := a.fails(c.status, c.code)
			if c.code == wire.BadVersion && (p.CurrentVersion == nil || *p.CurrentVersion != 1) {
				t.Errorf("the problem does not say that the version is 1: %s", a.body)
			}
			if c.status == 404 && p.Path != "/none" {
				t.Errorf("the problem is about %s", p.Path)
			}
			s.do("GET /v1/znodes/a").is(200).says("two").has("Holt-Zxid", "2")
		})
	}
}

func TestATagOfADeletedZnodeDoesNotFitTheNextOne(t *testing.T) {
	s := start(t)
	tag := s.do("PUT /v1/znodes/a").is(201).header.Get("ETag")
	s.do("DELETE /v1/znodes/a").is(204)
	s.do("PUT /v1/znodes/a").is(201).has("Znode-Version", "0")
	if d := s.do("PUT /v1/znodes/a\nIf-Match: "+tag).fails(412, wire.BadVersion).Detail; d != "/a is at version 0, czxid 3" {
		t.Errorf("it says %q, not that it is another znode", d)
	}
	s.do("PUT /v1/znodes/a\nIf-Match: 0").is(200)
}

func TestAServerMayAskForPreconditions(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.RequirePrecondition = true })
	s.do("PUT /v1/znodes/a").fails(428, wire.PreconditionRequired)
	s.do("PUT /v1/znodes/a\nIf-None-Match: *").is(201)
	s.do("DELETE /v1/znodes/a").fails(428, wire.PreconditionRequired)
	s.do("DELETE /v1/znodes/a\nIf-Match: *").is(204)
	s.do("POST /v1/znodes/a").is(201)
}

func TestNotModified(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\nx").is(201)
	s.do("PUT /v1/znodes/a/b").is(201)
	for header, status := range map[string]int{
		`"0.1"`: 304, `W/"0.1"`: 304, `"9.9", "0.1"`: 304, `*`: 304, `0`: 304, `"0.2"`: 200, `"1.1"`: 200, `"c1.1"`: 200,
		`"`: 400, `"a" "b"`: 400,
	} {
		a := s.do("GET /v1/znodes/a\nIf-None-Match: " + header).is(status)
		if status == 304 {
			a.says("").has("ETag", `"0.1"`).has("Znode-Num-Children", "1")
		}
		s.do("HEAD /v1/znodes/a\nIf-None-Match: " + header).is(status)
	}
	s.do("GET /v1/children/a").is(200).has("ETag", `"c1.1"`)
	s.do("GET /v1/children/a\nIf-None-Match: \"c1.1\"").is(304).has("ETag", `"c1.1"`)
	s.do("GET /v1/children/a\nIf-None-Match: \"0.1\"").is(200)
	s.do("GET /v1/children/a?include=data\nIf-None-Match: \"c1.1\"").is(200).has("ETag", "")
}

func TestRepresentations(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/text\n\nzwölf <&> \"\\\n\t\x01").is(201)
	s.do("PUT /v1/znodes/bytes\n\n\xff\x00").is(201)
	text := read[wire.Znode](s.do("GET /v1/znodes/text?format=json").is(200).has("Content-Type", "application/json").has("ETag", `"0.1"`))
	if text.Encoding != wire.UTF8 || text.Data != "zwölf <&> \"\\\n\t\x01" || text.Stat.DataLength != 16 {
		t.Errorf("the text came as %+v", text)
	}
	bytes := read[wire.Znode](s.do("GET /v1/znodes/bytes\nAccept: application/json"))
	if bytes.Encoding != wire.Base64 || bytes.Data != "/wA=" {
		t.Errorf("the bytes came as %+v", bytes)
	}
	s.do("GET /v1/znodes/bytes?format=raw\nAccept: application/json").is(200).says("\xff\x00")
	s.do("HEAD /v1/znodes/text?format=json").is(200).says("").has("Content-Type", "application/json")
}

func TestCreating(t *testing.T) {
	s := start(t)
	s.do("POST /v1/znodes/q\n\ndata").is(201).has("Location", "/v1/znodes/q")
	s.do("POST /v1/znodes/q").fails(409, wire.NodeExists)
	if p := s.do("POST /v1/znodes/none/x").fails(404, wire.NoNode); p.Path != "/none" {
		t.Errorf("the missing parent is %s", p.Path)
	}
	for i, c := range []struct{ target, got string }{
		{"/v1/znodes/q/job-", "/q/job-0000000000"}, {"/v1/znodes/q/", "/q/0000000001"}, {"/v1/znodes/q/..", "/q/..0000000002"},
	} {
		a := s.do("POST "+c.target+"?mode=persistent_sequential\n\nx").is(201).has("Location", "/v1/znodes"+c.got)
		if w := read[wire.Written](a); w.Path != c.got || w.Stat.DataLength != 1 {
			t.Errorf("%d: written %+v", i, w)
		}
	}
}
