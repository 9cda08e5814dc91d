package client_test

import (
	"bytes"
	"errors"
	"fmt"
	"net/http"
	"slices"
	"strings"
	"testing"

	"go.uber.org/goleak"

	"holt/httpapi/client"
	"holt/httpapi/client/clienttest"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m) }

// serve starts a server and a client of it.
func serve(t *testing.T) (*clienttest.Server, *client.Client) {
	t.Helper()
	s := clienttest.New()
	t.Cleanup(s.Close)
	return s, connect(t, client.Config{Endpoints: []string{s.URL}})
}

func connect(t *testing.T, cfg client.Config) *client.Client {
	t.Helper()
	c, err := client.New(cfg)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

func TestConfigIsChecked(t *testing.T) {
	for name, cfg := range map[string]client.Config{
		"no endpoint":       {},
		"too many":          {Endpoints: slices.Repeat([]string{"a"}, client.MaxEndpoints+1)},
		"another scheme":    {Endpoints: []string{"ftp://a"}},
		"no host":           {Endpoints: []string{"http://"}},
		"a path":            {Endpoints: []string{"http://a/v1"}},
		"a query":           {Endpoints: []string{"http://a?x=1"}},
		"a password":        {Endpoints: []string{"http://me:secret@a"}},
		"not a URL":         {Endpoints: []string{"http://a b"}},
		"negative time-out": {Endpoints: []string{"a"}, Timeout: -1},
	} {
		if _, err := client.New(cfg); err == nil {
			t.Errorf("%s: New(%v) took it", name, cfg)
		}
	}
}

// A znode's life through the client, each step seeing what the ones before it did.
func TestLifeOfAZnode(t *testing.T) {
	s, c := serve(t)
	ctx := t.Context()

	made, err := c.Create(ctx, "/app", []byte("one"), client.Persistent)
	if err != nil || !made.Created || made.Path != "/app" || made.Stat.DataLength != 3 || made.Zxid != 1 {
		t.Fatalf("Create = %+v, %v", made, err)
	}
	if _, err := c.Create(ctx, "/app", nil, client.Persistent); !errors.Is(err, client.NodeExists) {
		t.Errorf("Create again: %v", err)
	}
	if _, err := c.Create(ctx, "/no/parent", nil, client.Persistent); !errors.Is(err, client.NoNode) {
		t.Errorf("Create without a parent: %v", err)
	}
	z, err := c.Get(ctx, "/app", client.Linearizable)
	if err != nil || string(z.Data) != "one" || z.Stat != made.Stat || z.Tag != made.Tag || z.Tag == "" {
		t.Fatalf("Get = %+v, %v; made %+v", z, err, made)
	}
	two, err := c.Put(ctx, "/app", []byte("two"), client.Tag(z.Tag))
	if err != nil || two.Created || two.Stat.Version != 1 {
		t.Fatalf("Put with the tag read = %+v, %v", two, err)
	}
	if _, err := c.Put(ctx, "/app", nil, client.Tag(z.Tag)); !errors.Is(err, client.BadVersion) {
		t.Errorf("Put with an old tag: %v", err)
	}
	if _, err := c.Put(ctx, "/app", nil, client.CreateOnly()); !errors.Is(err, client.NodeExists) {
		t.Errorf("Put, create only: %v", err)
	}
	if _, err := c.Put(ctx, "/none", nil, client.Exists()); !errors.Is(err, client.NoNode) {
		t.Errorf("Put of what must exist: %v", err)
	}
	st, err := c.Stat(ctx, "/app", client.Local)
	if err != nil || st.Data != nil || st.Stat != two.Stat {
		t.Errorf("Stat = %+v, %v; want %+v", st, err, two.Stat)
	}
	if _, err := c.Delete(ctx, "/app", client.Version(0)); !errors.Is(err, client.BadVersion) {
		t.Errorf("Delete of an old version: %v", err)
	}
	zxid, err := c.Delete(ctx, "/app", client.Version(1))
	if err != nil || zxid != uint64(s.State().Zxid) || c.Zxid() != zxid {
		t.Errorf("Delete = %d, %v; the client has seen %d", zxid, err, c.Zxid())
	}
	if _, err := c.Stat(ctx, "/app", client.Local); !errors.Is(err, client.NoNode) {
		t.Errorf("Stat of nothing: %v", err)
	}
}

func TestSequentialNames(t *testing.T) {
	_, c := serve(t)
	for _, want := range []string{"/job-0000000000", "/job-0000000001"} {
		if w, err := c.Create(t.Context(), "/job-", nil, client.PersistentSequential); err != nil || w.Path != want {
			t.Errorf("Create = %+v, %v; want %s", w, err, want)
		}
	}
}

// What a caller writes as a path is what arrives, whatever characters it has.
func TestPathsArriveAsWritten(t *testing.T) {
	_, c := serve(t)
	for _, path := range []string{"/a b", "/a?b=c", "/a#b", "/a%2Fb", "/ä€😀", "/a+b", "/a;b,c", "/a:b@c", `/a"b\c`, "/..."} {
		if _, err := c.Create(t.Context(), path, []byte(path), client.Persistent); err != nil {
			t.Fatalf("Create %q: %v", path, err)
		}
		if z, err := c.Get(t.Context(), path, client.Local); err != nil || string(z.Data) != path {
			t.Errorf("Get %q = %+v, %v", path, z, err)
		}
	}
	for _, path := range []string{"a", "/a/../b", "//", "/a/", "/."} {
		_, err := c.Get(t.Context(), path, client.Local)
		if !errors.Is(err, client.BadArguments) {
			t.Errorf("Get %q: %v", path, err)
		}
		if _, err := c.Stat(t.Context(), path, client.Local); !errors.Is(err, client.BadArguments) {
			t.Errorf("Stat %q: %v", path, err)
		}
	}
}

func TestChildrenPageByPage(t *testing.T) {
	s, c := serve(t)
	var want []string
	s.Apply(znode.CreateOp(znode.MustPath("/d"), "", znode.Persistent))
	for i := range 25 {
		name := fmt.Sprintf("n%02d", i)
		want = append(want, name)
		s.Apply(znode.CreateOp(znode.MustPath("/d/"+name), strings.ToUpper(name), znode.Persistent))
	}
	for _, limit := range []int{0, 1, 10, 25, 26} {
		var got []string
		for child, err := range c.AllChildren(t.Context(), "/d", client.ChildrenQuery{Limit: limit, WithStat: true, WithData: true}) {
			if err != nil {
				t.Fatal(err)
			}
			if child.Stat == nil || child.Stat.DataLength != 3 || string(child.Data) != strings.ToUpper(child.Name) {
				t.Fatalf("child %+v", child)
			}
			got = append(got, child.Name)
		}
		if !slices.Equal(got, want) {
			t.Errorf("limit %d: %v", limit, got)
		}
	}
	p, err := c.Children(t.Context(), "/d", client.ChildrenQuery{Limit: 3, After: "n09", Prefix: "n1"})
	if err != nil || p.Next != "n12" || p.Stat.NumChildren != 25 || len(p.Children) != 3 || p.Children[0].Name != "n10" {
		t.Errorf("Children = %+v, %v", p, err)
	}
	if p, err = c.Children(t.Context(), "/d", client.ChildrenQuery{Limit: 3, Offset: 20}); err != nil || p.Offset != 20 || p.Next != "n22" || p.Children[0].Name != "n20" {
		t.Errorf("Children by offset = %+v, %v", p, err)
	}
	behind := 0
	for child, err := range c.AllChildren(t.Context(), "/d", client.ChildrenQuery{Limit: 2, Offset: 20}) {
		if behind++; err != nil || child.Name != want[19+behind] {
			t.Errorf("child %d behind the offset is %+v, %v", behind, child, err)
		}
	}
	if behind != 5 {
		t.Errorf("%d children behind the offset, want 5", behind)
	}
	for range c.AllChildren(t.Context(), "/d", client.ChildrenQuery{Limit: 1}) {
		break // a caller may stop early
	}
	n := 0
	for _, err := range c.AllChildren(t.Context(), "/none", client.ChildrenQuery{}) {
		if n++; !errors.Is(err, client.NoNode) {
			t.Errorf("AllChildren of nothing: %v", err)
		}
	}
	if n != 1 {
		t.Errorf("AllChildren of nothing yields %d times", n)
	}
}

func TestTransactionsAndTheRest(t *testing.T) {
	s, c := serve(t)
	ctx, data := t.Context(), "AAE="
	done, err := c.Txn(ctx, []wire.Op{{Op: "create", Path: "/a", Data: &data, Encoding: wire.Base64}, {Op: "create", Path: "/a/b"}})
	if err != nil || len(done.Results) != 2 || done.Zxid != 1 {
		t.Fatalf("Txn = %+v, %v", done, err)
	}
	if got := s.State().Tree.Get(znode.MustPath("/a")).Data(); got != "\x00\x01" {
		t.Errorf("data %q", got)
	}
	if _, err := c.Txn(ctx, []wire.Op{{Op: "delete", Path: "/a"}}); !errors.Is(err, client.NotEmpty) {
		t.Errorf("Txn refused: %v", err)
	}
	if z, err := c.Sync(ctx); err != nil || z != 2 { // that the second was refused is kept
		t.Errorf("Sync = %d, %v", z, err)
	}
	if cl, err := c.Cluster(ctx); err != nil || cl.Leader != "n1" || len(cl.Members) != 1 {
		t.Errorf("Cluster = %+v, %v", cl, err)
	}
	if l, err := c.Limits(ctx); err != nil || l.DataBytes != znode.MaxDataBytes {
		t.Errorf("Limits = %v, %v", l, err)
	}
	var b bytes.Buffer
	if n, err := c.Snapshot(ctx, &b); err != nil || n < 8 || int(n) != b.Len() {
		t.Errorf("Snapshot = %d, %v, %d bytes", n, err, b.Len())
	}
}

// What one call has seen the next asks for, but not where the member's own view is wanted.
func TestSendsTheHighestZxidSeen(t *testing.T) {
	s, c := serve(t)
	ctx := t.Context()
	for _, step := range []func() error{
		func() error { _, err := c.Put(ctx, "/a", nil, client.Any()); return err },
		func() error { _, err := c.Get(ctx, "/a", client.Local); return err },
		func() error { s.Apply(znode.PutOp(znode.MustPath("/b"), "")); c.Seen(2); c.Seen(1); return nil },
		func() error { _, err := c.Cluster(ctx); return err },
		func() error { _, err := c.Delete(ctx, "/a", client.Any()); return err },
	} {
		if err := step(); err != nil {
			t.Fatal(err)
		}
	}
	var got []string
	for _, r := range s.Requests() {
		got = append(got, r.Method+" "+r.Header.Get("Holt-Zxid"))
	}
	if want := []string{"PUT ", "GET 1", "GET ", "DELETE 2"}; !slices.Equal(got, want) {
		t.Errorf("sent %q, want %q", got, want)
	}
}

func TestAnswersThatAreNotHolts(t *testing.T) {
	s, c := serve(t)
	for name, answer := range map[string]http.HandlerFunc{
		"a web page":  func(w http.ResponseWriter, _ *http.Request) { w.Write([]byte("<html>")) },
		"a redirect":  func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "/elsewhere", http.StatusFound) },
		"a plain 404": func(w http.ResponseWriter, r *http.Request) { http.NotFound(w, r) },
		"far too long": func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "99999999999")
			w.WriteHeader(http.StatusOK)
		},
		"longer than it says it may be": func(w http.ResponseWriter, r *http.Request) {
			chunk := make([]byte, 1<<20)
			for range client.MaxDataAnswer>>20 + 1 {
				w.Write(chunk)
			}
		},
	} {
		s.Before(answer)
		if _, err := c.Get(t.Context(), "/a", client.Local); !errors.Is(err, client.Unexpected) {
			t.Errorf("%s: %v", name, err)
		}
	}
}
