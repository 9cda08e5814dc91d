package apitest

import (
	"fmt"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/znode"
)

// leaf is a line of a tree without its stat.
func leaf(path, data string) string {
	return fmt.Sprintf(`{"path":%q,"mode":"persistent","data":%q}`, path, data)
}

func put(target string, lines ...string) string {
	return "PUT /v1/tree" + target + "\nContent-Type: application/x-ndjson\n\n" + strings.Join(lines, "\n")
}

// loads checks the counts of an answer: made, changed, same, kept, skipped, lines.
func (a answer) loads(want string) wire.TreeLoaded {
	a.t.Helper()
	l := read[wire.TreeLoaded](a.is(200))
	a.has("Holt-Zxid", strconv.FormatUint(l.Zxid, 10))
	if got := counts(&l); got != want {
		a.t.Errorf("%s: made, changed, same, kept, skipped, lines are %s, want %s", a.request, got, want)
	}
	return l
}

func counts(l *wire.TreeLoaded) string {
	return fmt.Sprint(l.Made, l.Changed, l.Same, l.Kept, l.Skipped, l.Lines)
}

// shape is what a load restores: everything but versions, times and zxids, below a path.
func shape(s *znode.State, path string) string {
	var b strings.Builder
	for n := range s.Tree.Subtree(znode.MustPath(path)) {
		if !n.Mode().Ephemeral() {
			fmt.Fprintf(&b, "%s %s %d %d %q\n", strings.TrimPrefix(n.Path().String(), path), n.Mode(), n.TTL(), n.Created(), n.Data())
		}
	}
	return b.String()
}

func TestATreeThatIsLoadedIsTheOneThatWasTold(t *testing.T) {
	s := start(t)
	grove(s)
	told := s.do("GET /v1/tree/app?include=data").is(200).body
	l := s.do(put("/copy", told)).loads("8 0 0 0 1 9")
	if fmt.Sprint(l.SkippedPaths) != "[/copy/q/mine]" {
		t.Errorf("skipped %v", l.SkippedPaths)
	}
	if got, want := shape(s.state(), "/copy"), shape(s.state(), "/app"); got != want {
		t.Errorf("loaded:\n%swant:\n%s", got, want)
	}
	// Sequential names go on as they would have there.
	s.do("POST /v1/znodes/copy/q/n-?mode=persistent_sequential").is(201).has("Location", "/v1/znodes/copy/q/n-0000000004")
	s.do("POST /v1/znodes/app/q/n-?mode=persistent_sequential").is(201).has("Location", "/v1/znodes/app/q/n-0000000004")

	other := start(t)
	other.do(put("", s.do("GET /v1/tree?include=data").body)).loads("19 0 1 0 1 21")
	if got, want := shape(other.state(), "/"), shape(s.state(), "/"); got != want {
		t.Errorf("loaded:\n%swant:\n%s", got, want)
	}
}

func TestALoadIsSentAgain(t *testing.T) {
	s := start(t)
	tree := []string{leaf("/a", "one"), leaf("/a/b", "two"), leaf("/a/b/c", ""), leaf("/a/d", "four")}
	s.do(put("/x", tree...)).loads("4 0 0 0 0 4")
	zxid := s.state().Zxid
	s.do(put("/x", tree...)).loads("0 0 4 0 0 4")
	if now := s.state().Zxid; now != zxid {
		t.Errorf("what was the same moved the zxid from %d to %d", zxid, now)
	}
	s.do("PUT /v1/znodes/x/b\n\nother").is(200)
	s.do("DELETE /v1/znodes/x/b/c").is(204)
	s.do(put("/x", tree...)).loads("1 0 2 1 0 4")
	s.do("GET /v1/znodes/x/b").says("other")
	s.do(put("/x?replace=true", tree...)).loads("0 1 3 0 0 4")
	s.do("GET /v1/znodes/x/b").says("two").has("Znode-Version", "2")

	// A znode of another mode is left as it is.
	s.do("POST /v1/znodes/x/box?mode=container").is(201)
	s.do(put("/x?replace=true", leaf("/a", "one"), leaf("/a/box", "data"))).loads("0 0 1 1 0 2")
}

func TestWhereATreeIsLoaded(t *testing.T) {
	s := start(t)
	p := s.do(put("/no/parent", leaf("/a", ""), leaf("/a/b", ""))).fails(404, wire.NoNode)
	if p.Path != "/no" || p.Loaded == nil || counts(p.Loaded) != "0 0 0 0 0 0" || *p.Line != 1 {
		t.Errorf("problem %+v", p)
	}
	s.do(put("/made/for/it?parents=true", leaf("/a", ""), leaf("/a/b", ""))).loads("2 0 0 0 0 2")
	s.do("HEAD /v1/znodes/made/for/it/b").is(200)
	s.do(put("/made?parents=true", leaf("/", ""), leaf("/b", ""))).loads("1 0 1 0 0 2")
	s.do(put("", leaf("/deep/down", "root's"), leaf("/deep/down/b", ""))).loads("1 0 0 1 0 2") // the root has its own data
	s.do(put("?replace=true", leaf("/deep/down", "root's"))).loads("0 1 0 0 0 1")
	s.do("GET /v1/znodes").says("root's")

	s.apply(znode.OpenSessionOp(znode.SessionKey{1}, 10_000))
	s.applyFor(&znode.SessionKey{1}, znode.CreateOp(znode.MustPath("/eph"), "", znode.Ephemeral))
	s.do(put("/eph/x", leaf("/a", ""), leaf("/a/b", ""))).fails(409, wire.NoChildrenEphemerals)
	s.do(put("/eph", leaf("/a", ""), leaf("/a/b", ""), leaf("/a/b/c", ""))).loads("0 0 0 1 2 3")
}

func TestEphemeralsAndWhatIsBelowThemAreSkipped(t *testing.T) {
	s := start(t)
	eph := `{"path":"/a/e","mode":"ephemeral","data":""}`
	l := s.do(put("/x", leaf("/a", ""), eph, leaf("/a/e/under", ""), leaf("/a/f", ""))).loads("2 0 0 0 2 4")
	if fmt.Sprint(l.SkippedPaths) != "[/x/e /x/e/under]" {
		t.Errorf("skipped %v", l.SkippedPaths)
	}
	all := []string{`{"path":"/a","mode":"ephemeral","data":""}`}
	for i := range 250 {
		all = append(all, leaf(fmt.Sprintf("/a/%03d", i), ""))
	}
	zxid := s.state().Zxid
	if l = s.do(put("/y", all...)).loads("0 0 0 0 251 251"); len(l.SkippedPaths) != 100 || s.state().Zxid != zxid {
		t.Errorf("%d paths", len(l.SkippedPaths))
	}
}

func TestHostileLines(t *testing.T) {
	stat := `{"version":0,"cversion":0,"aversion":0,"czxid":1,"mzxid":1,"pzxid":1,"ctime":1,"mtime":1,"ephemeral_owner":"","data_length":0,"num_children":0}`
	long := `{"path":"/a/b","mode":"persistent","data":"` + strings.Repeat("x", httpapi.MaxTreeLineBytes) + `"}`
	for name, c := range map[string]struct {
		line   string
		status int
		code   wire.Code
		says   string
	}{
		"no JSON":             {`hello`, 400, wire.BadArguments, "line 2: "},
		"half a line":         {`{"path":"/a/b","mode":"pers`, 400, wire.BadArguments, "line 2: "},
		"two in a line":       {leaf("/a/b", "") + leaf("/a/c", ""), 400, wire.BadArguments, "something follows"},
		"an array":            {`[]`, 400, wire.BadArguments, "line 2: "},
		"a number":            {`7`, 400, wire.BadArguments, "line 2: "},
		"nested":              {strings.Repeat("[", 100_000), 400, wire.BadArguments, "line 2: "},
		"null":                {`{"path":"/a/b","mode":"persistent","data":null}`, 400, wire.BadArguments, "null"},
		"an unknown field":    {`{"path":"/a/b","mode":"persistent","data":"","colour":"red"}`, 400, wire.BadArguments, "colour"},
		"a field twice":       {`{"path":"/a/b","path":"/a/c","mode":"persistent","data":""}`, 400, wire.BadArguments, "twice"},
		"a field in capitals": {`{"PATH":"/a/b","mode":"persistent","data":""}`, 400, wire.BadArguments, "PATH"},
		"no path":             {`{"mode":"persistent","data":""}`, 400, wire.BadArguments, "line 2: "},
		"a path of a number":  {`{"path":7,"mode":"persistent","data":""}`, 400, wire.BadArguments, "path cannot be number"},
		"a bad path":          {leaf("/a//b", ""), 400, wire.BadArguments, "line 2: "},
		"no UTF-8":            {"{\"path\":\"/a/\xff\",\"mode\":\"persistent\",\"data\":\"\"}", 400, wire.BadArguments, "UTF-8"},
		"half a character":    {`{"path":"/a/b","mode":"persistent","data":"\ud800"}`, 400, wire.BadArguments, "half a character"},
		"no mode":             {`{"path":"/a/b","data":""}`, 400, wire.BadArguments, "mode"},
		"another mode":        {`{"path":"/a/b","mode":"persistent_sequential","data":""}`, 400, wire.BadArguments, "mode"},
		"no data":             {`{"path":"/a/b","mode":"persistent"}`, 400, wire.BadArguments, "include=data"},
		"an encoding":         {`{"path":"/a/b","mode":"persistent","data":"","encoding":"hex"}`, 400, wire.BadArguments, "hex"},
		"no base64":           {`{"path":"/a/b","mode":"persistent","data":"=","encoding":"base64"}`, 400, wire.BadArguments, "base64"},
		"a ttl for nothing":   {`{"path":"/a/b","mode":"persistent","ttl_ms":5,"data":""}`, 400, wire.BadArguments, "ttl"},
		"a mode without ttl":  {`{"path":"/a/b","mode":"persistent_with_ttl","data":""}`, 400, wire.BadArguments, "ttl"},
		"a counter below 0":   {`{"path":"/a/b","mode":"persistent","created":-1,"data":""}`, 400, wire.BadArguments, "created"},
		"a counter too high":  {`{"path":"/a/b","mode":"persistent","created":9007199254740993,"data":""}`, 400, wire.BadArguments, "children ever created"},
		"a broken stat":       {`{"path":"/a/b","mode":"persistent","data":"","stat":{"version":"x"}}`, 400, wire.BadArguments, "line 2: "},
		"an ACL":              {`{"path":"/a/b","mode":"persistent","data":"","acl":[]}`, 501, wire.NotImplemented, "acl"},
		"beside the first":    {leaf("/b", ""), 400, wire.BadArguments, "/b is not below /a"},
		"nearly below it":     {leaf("/ab", ""), 400, wire.BadArguments, "/ab is not below /a"},
		"the first again":     {leaf("/a", ""), 400, wire.BadArguments, "/a is not below /a"},
		"before its parent":   {leaf("/a/c/d", ""), 400, wire.BadArguments, "parent"},
		"too much data":       {leaf("/a/b", strings.Repeat("x", 1001)), 413, wire.TooLarge, "line 2: "},
		"a line too long":     {long, 413, wire.TooLarge, "line 2: "},
		"an empty object":     {`{}`, 400, wire.BadArguments, "line 2: "},
		"of a path too deep":  {leaf("/a"+strings.Repeat("/b", 128), ""), 400, wire.BadArguments, "line 2: "},
	} {
		t.Run(name, func(t *testing.T) {
			s := start(t, func(c *httpapi.Config) { c.MaxDataBytes = 1000 })
			good := `{"path":"/a","mode":"persistent","ttl_ms":0,"created":0,"stat":` + stat + `,"data":"good","encoding":"utf8"}`
			p := s.do(put("/x", good, c.line, leaf("/a/after", ""))).fails(c.status, c.code)
			if !strings.Contains(p.Detail, c.says) || !strings.Contains(p.Detail, "line 2: ") {
				t.Errorf("detail %q, want %q in it", p.Detail, c.says)
			}
			if p.Line == nil || *p.Line != 2 || p.Loaded == nil || counts(p.Loaded) != "1 0 0 0 0 1" || p.Zxid != 1 {
				t.Errorf("line %v, loaded %+v, zxid %d", p.Line, p.Loaded, p.Zxid)
			}
			if got := shape(s.state(), "/x"); got != " persistent 0 0 \"good\"\n" {
				t.Errorf("there is %q", got)
			}
			s.do("GET /v1/znodes/x").is(200) // the connection, or another, is of use
		})
	}
}

func TestBadLoads(t *testing.T) {
	s := start(t)
	for request, want := range map[string]struct {
		status int
		code   wire.Code
	}{
		"PUT /v1/tree/x":                                                         {400, wire.BadArguments},
		"PUT /v1/tree/x\n\n\n\n \n":                                              {400, wire.BadArguments},
		"PUT /v1/tree/x/\n\n" + leaf("/a", ""):                                   {400, wire.BadArguments},
		"PUT /v1/tree/x?replace=maybe\n\n" + leaf("/a", ""):                      {400, wire.BadArguments},
		"PUT /v1/tree/x?depth=1\n\n" + leaf("/a", ""):                            {400, wire.BadArguments},
		"PUT /v1/tree/x\nContent-Type: text/csv\n\n" + leaf("/a", ""):            {400, wire.BadArguments},
		"PUT /v1/tree/x\nContent-Encoding: gzip\n\n" + leaf("/a", ""):            {400, wire.BadArguments},
		"PUT /v1/tree/x\nIf-Match: *\n\n" + leaf("/a", ""):                       {400, wire.BadArguments},
		"PUT /v1/tree/x\nIdempotency-Key: a b\n\n" + leaf("/a", ""):              {400, wire.BadArguments},
		"PUT /v1/tree/x\nHolt-Session: " + someID('7') + "\n\n" + leaf("/a", ""): {410, wire.SessionExpired},
		"PUT /v1/tree" + strings.Repeat("/x", 127) + "?parents=true\n\n" + leaf("/a", "") + "\n" + leaf("/a/b", "") + "\n" + leaf("/a/b/c", ""): {400, wire.BadArguments},
	} {
		s.do(request).fails(want.status, want.code)
	}
	if n := s.state().Tree.Get(znode.MustPath("/x")); n != nil {
		// only the deep one could load anything
		for n := range s.state().Tree.Subtree(znode.MustPath("/x")) {
			if n.Data() != "" {
				t.Errorf("there is %s", n.Path())
			}
		}
	}
}

// cutAfter is a body that breaks off.
type cutAfter struct {
	r io.Reader
}

func (c *cutAfter) Read(b []byte) (int, error) {
	n, err := c.r.Read(b)
	if err == io.EOF {
		err = fmt.Errorf("cut")
	}
	return n, err
}

// A load that broke off in the middle is sent again and goes on.
func TestALoadIsResumed(t *testing.T) {
	s := start(t)
	orchard(s, 2000, 10)
	told := s.do("GET /v1/tree/app?include=data").is(200).body
	half := told[:len(told)/2]
	r, err := http.NewRequest("PUT", "http://"+s.addr+"/v1/tree/copy", &cutAfter{strings.NewReader(half)})
	if err != nil {
		t.Fatal(err)
	}
	if res, err := s.bare().Transport.RoundTrip(r); err == nil {
		t.Errorf("answered %s", res.Status)
	}
	loaded := 0
	eventually(t, "some of it is loaded", func() bool {
		loaded = 0
		for range s.state().Tree.Subtree(znode.MustPath("/copy")) {
			loaded++
		}
		return loaded >= 768
	})
	s.do(put("/copy", told)).loads(fmt.Sprintf("%d 0 %d 0 0 2001", 2001-loaded, loaded))
	if shape(s.state(), "/copy") != shape(s.state(), "/app") {
		t.Error("the copy is another")
	}
}

func TestALoadUnderAKeyHappensOnce(t *testing.T) {
	s := start(t)
	orchard(s, 1000, 10)
	told := s.do("GET /v1/tree/app?include=data").is(200).body
	request := "PUT /v1/tree/copy?replace=true\nIdempotency-Key: move-1\nContent-Type: application/x-ndjson\n\n"
	first := s.do(request+told).has("Idempotent-Replayed", "")
	first.loads("1001 0 0 0 0 1001")
	s.do("PUT /v1/znodes/copy/0000007\n\nchanged since").is(200)
	again := s.do(request+told).has("Idempotent-Replayed", "true")
	if again.loads("1001 0 0 0 0 1001"); again.body != first.body {
		t.Errorf("answered %s, at first %s", again.body, first.body)
	}
	s.do("GET /v1/znodes/copy/0000007").says("changed since")
	p := s.do(request+leaf("/app", "other")).fails(422, wire.IdempotencyMismatch)
	if *p.Line != 1 {
		t.Errorf("line %d", *p.Line)
	}
}

// Where nobody leads for a while a load waits, and under a key it finds out what became of a batch.
func TestALoadGoesOnOverAnElection(t *testing.T) {
	s := start(t)
	for i, f := range []Faults{{Propose: command.ErrNoLeader}, {Propose: command.ErrThrottled}, {Swallow: command.ErrUnknown}} {
		s.Fail(f)
		before := s.Asked()
		done := make(chan answer, 1)
		go func() {
			done <- s.do(fmt.Sprintf("PUT /v1/tree/x%d\nIdempotency-Key: %d\nContent-Type: application/x-ndjson\n\n%s\n%s", i, i, leaf("/a", ""), leaf("/a/b", "")))
		}()
		eventually(t, "it is tried again", func() bool { return s.Asked() >= before+3 })
		s.Fail(Faults{})
		(<-done).loads("2 0 0 0 0 2")
	}
	s.Fail(Faults{Swallow: command.ErrUnknown})
	p := s.do(put("/y", leaf("/a", ""), leaf("/a/b", ""))).fails(504, wire.OutcomeUnknown)
	if counts(p.Loaded) != "0 0 0 0 0 0" || *p.Line != 1 {
		t.Errorf("loaded %+v", p.Loaded)
	}
	s.Fail(Faults{})
	s.do(put("/y", leaf("/a", ""), leaf("/a/b", ""))).loads("0 0 2 0 0 2")
	s.Fail(Faults{Propose: command.ErrDiskFull})
	s.do(put("/y", leaf("/a", ""))).fails(507, wire.DiskFull)
}
