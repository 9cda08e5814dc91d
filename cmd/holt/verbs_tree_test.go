package main

import (
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/client/clienttest"
	"holt/raftfsm/znode"
)

// garden adds a container, one with a ttl, a counter and an ephemeral to what serve makes.
func garden(t *testing.T) *clienttest.Server {
	t.Helper()
	s := serve(t)
	ttl := znode.CreateOp(znode.MustPath("/app/ttl"), "", znode.PersistentWithTTL)
	ttl.TTL = 60_000
	s.Apply(znode.CreateOp(znode.MustPath("/app/box"), "", znode.Container), ttl)
	for _, args := range []string{"create /app/x/n- --sequential", "create /app/x/n- --sequential", "rm /app/x/n-0000000001"} {
		if exit, _, err := holt(t.Context(), "", strings.Fields(args)...); exit != exitDone {
			t.Fatal(args, err)
		}
	}
	key := znode.SessionKey{1}
	s.Apply(znode.OpenSessionOp(key, 10_000))
	txn := &znode.Txn{Ops: []znode.Op{znode.CreateOp(znode.MustPath("/app/e"), "mine", znode.Ephemeral)}, Session: &key}
	if r, err := s.Node.Propose(t.Context(), txn); err != nil || r.Code != znode.OK {
		t.Fatal(r, err)
	}
	return s
}

// ends runs a command line that must end so.
func ends(t *testing.T, exit int, in string, args ...string) (out, err string) {
	t.Helper()
	got, out, err := holt(t.Context(), in, args...)
	if got != exit {
		t.Fatalf("holt %v: exit %d, want %d: %s%s", args, got, exit, out, err)
	}
	return out, err
}

// From one cluster to another through a file, and there is no difference.
func TestExportImportDiff(t *testing.T) {
	s := garden(t)
	file := filepath.Join(t.TempDir(), "app.ndjson")
	_, said := ends(t, exitDone, "", "export", "/app", "-o", file)
	if want := fmt.Sprintf("7 znodes of /app at zxid %d, ", s.State().Zxid); !strings.HasPrefix(said, want) {
		t.Errorf("said %q, want %q", said, want)
	}
	if info, err := os.Stat(file); err != nil || info.Mode().Perm() != 0o600 {
		t.Errorf("%v, %v", info, err)
	}
	out, _ := ends(t, exitDone, "", "import", "/copy", "-i", file)
	if want := "skipped /copy/e\n6 made, 0 changed, 0 the same, 0 kept, 1 skipped\n"; out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
	ends(t, exitDone, "", "diff", "/app", "/copy", "--no-ephemerals", "--counters")
	ends(t, exitDone, "", "diff", "@"+file, "/copy", "--no-ephemerals", "--counters")
	if out, _ = ends(t, exitFailed, "", "diff", "/app", "/copy"); out != "- /copy/e\n" {
		t.Errorf("printed %q", out)
	}
	if out, _ = ends(t, exitDone, "", "create", "/copy/x/n-", "--sequential"); out != "/copy/x/n-0000000002\n" {
		t.Errorf("the next is %q", out)
	}
	if out, _ = ends(t, exitFailed, "", "diff", "/app", "/copy", "--counters"); out != "- /copy/e\n~ /copy/x (counter)\n+ /copy/x/n-0000000002\n" {
		t.Errorf("printed %q", out)
	}
	ends(t, exitDone, "", "set", "/copy/y", "other")
	if out, _ = ends(t, exitFailed, "", "diff", "/app", s.URL+"/copy", "--no-ephemerals", "--json"); out !=
		`{"change":"added","path":"/copy/x/n-0000000002","what":[]}`+"\n"+`{"change":"changed","path":"/copy/y","what":["data"]}`+"\n" {
		t.Errorf("printed %q", out)
	}
	ends(t, exitFailed, "", "diff", "/app", "/copy", "--no-ephemerals", "--no-data")
}

// One cluster's standard output is another's standard input.
func TestExportToImport(t *testing.T) {
	from, to := garden(t), serve(t)
	to.Apply(znode.SetOp(znode.MustPath("/app"), "here before"))
	lines, said := ends(t, exitDone, "", "export", "--endpoints", from.URL)
	if !strings.HasPrefix(said, "8 znodes of / at zxid ") {
		t.Errorf("said %q", said)
	}
	out, _ := ends(t, exitDone, lines, "import", "/", "--dry-run")
	want := "= /app (data)\n+ /app/box\n+ /app/ttl\n+ /app/x/n-0000000000\n3 made, 0 changed, 3 the same, 1 kept, 1 skipped\n"
	if out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
	out, _ = ends(t, exitDone, lines, "import", "/", "--dry-run", "--replace")
	if want = strings.NewReplacer("=", "~", "0 changed", "1 changed", "1 kept", "0 kept").Replace(want); out != want {
		t.Errorf("printed %q, want %q", out, want)
	}
	if got := dataAt(to, "/app/box"); got != "(none)" {
		t.Error("a dry run made something")
	}
	if out, _ = ends(t, exitDone, lines, "import", "/", "--replace"); out != "skipped /app/e\n3 made, 1 changed, 3 the same, 0 kept, 1 skipped\n" {
		t.Errorf("printed %q", out)
	}
	ends(t, exitDone, "", "diff", from.URL+"/", to.URL, "--no-ephemerals", "--counters")
	if out, _ = ends(t, exitDone, lines, "import", "/", "--json"); out !=
		fmt.Sprintf(`{"zxid":%d,"made":0,"changed":0,"same":7,"kept":0,"skipped":1,"skipped_paths":["/app/e"],"lines":8}`, to.State().Zxid)+"\n" {
		t.Errorf("printed %q", out)
	}
}

func TestTreeVerbsThatFail(t *testing.T) {
	dir := t.TempDir()
	write := func(name, text string) string {
		name = filepath.Join(dir, name)
		if err := os.WriteFile(name, []byte(text), 0o600); err != nil {
			t.Fatal(err)
		}
		return name
	}
	good := `{"path":"/a","mode":"persistent","data":"one"}` + "\n"
	whole := write("whole", good+`{"path":"/a/b","mode":"persistent","data":"two"}`)
	cut := write("cut", good+`{"path":"/a/b","mode":"pers`)
	unsorted := write("unsorted", good+`{"path":"/a/c","mode":"persistent","data":""}`+"\n"+`{"path":"/a/b","mode":"persistent","data":""}`)
	bare := write("bare", `{"path":"/a","mode":"persistent"}`)
	empty := write("empty", "")
	out := filepath.Join(dir, "out")
	tryAll(t, []verbCase{
		{args: "export /none -o " + out, exit: exitNotFound, err: "no_node"},
		{args: "export app", exit: exitUsage, err: "must begin with /"},
		{args: "export /app --depth -1", exit: exitUsage, err: "--depth"},
		{args: "export /app -o /no/such/folder/out", exit: exitFailed, err: "no such file"},
		{args: "import", exit: exitUsage, err: "<path>"},
		{args: "import /new -i " + filepath.Join(dir, "none"), exit: exitFailed, err: "no such file"},
		{args: "import /new -i " + empty, exit: exitUsage, err: "the body has no lines"},
		{args: "import /new -i " + bare, exit: exitUsage, err: "line 1: there is no data"},
		{args: "import /no/parent -i " + whole, exit: exitNotFound, err: "(no_node); --parents makes it", at: "/no=(none)"},
		{args: "import /no/parent --parents -i " + whole, out: "2 made.*\n", at: "/no/parent/b=two"},
		{args: "import /new --drop-acls -i " + whole, exit: exitUsage, err: "--from-zookeeper"},
		{args: "import /new --from-zookeeper x -i " + whole, exit: exitUsage, err: "from-zookeeper"},
		{args: "import /new --from-zookeeper " + whole, exit: exitFailed, err: "ZooKeeper"},
		{args: "import /new --dry-run -i " + unsorted, exit: exitFailed, out: `(?s).*`, err: "line 3: /a/b comes behind /a/c"},
		{args: "import /new --dry-run -i " + empty, exit: exitUsage, err: "nothing in the export"},
		{args: "import /new --input=", in: good, exit: exitUsage, err: "must not be empty", at: "/new=(none)"},
		{args: "import /new --from-zookeeper=", in: good, exit: exitUsage, err: "must not be empty", at: "/new=(none)"},
		{args: "import /new --from-zookeeper 127.0.0.1:1 --timeout 50ms", exit: exitFailed, err: "within 50ms"},
		{args: "import /new -i -", in: good, out: "1 made.*\n", at: "/new=one"},
		{args: "diff /app /none", exit: 2, err: "no_node"},
		{args: "diff - -", exit: 2, err: "standard input"},
		{args: "diff @" + whole + " @" + cut, exit: 2, out: "(?s).*", err: cut + ", line 2"},
		{args: "diff @" + whole + " @" + unsorted, exit: 2, out: "(?s).*", err: "not in the order"},
		{args: "diff @" + whole + " @" + bare, exit: 2, out: "(?s).*", err: "has no data of /a"},
		{args: "diff @" + whole + " @" + bare + " --no-data", exit: 1, out: "- /a/b\n"},
		{args: "diff @" + empty + " -", in: good, exit: 1, out: `\+ /a\n`},
		{args: "diff @" + whole + " @" + empty, exit: 1, out: "- /a\n- /a/b\n"},
		{args: "diff @" + whole + " /app", exit: 1, out: `- /app/b\n\+ /app/x\n\+ /app/y\n`},
		{args: "diff http://%zz /app", exit: 2, err: "%zz"},
	})
	if left, err := os.ReadDir(dir); err != nil || len(left) != 5 {
		t.Errorf("exports that failed left %v behind, %v", left, err)
	}
	t.Run("in the middle", func(t *testing.T) {
		s := serve(t)
		_, said := ends(t, exitUsage, "", "import", "/new", "-i", cut)
		if !strings.Contains(said, "after 1 lines: 1 made") || !strings.Contains(said, "line 2: ") || !strings.Contains(said, "correct the export") {
			t.Errorf("said %q", said)
		}
		if dataAt(s, "/new") != "one" {
			t.Error("the lines before are not loaded")
		}
	})
}

// An export that is cut off is an error, and no file.
func TestAnExportThatIsCutOff(t *testing.T) {
	s := garden(t)
	for name, handler := range map[string]http.HandlerFunc{
		"in a line": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Holt-Znodes")
			io.WriteString(w, `{"path":"/app","mode":"persistent","data":""}`+"\n"+`{"path":"/app/x"`)
			http.NewResponseController(w).Flush()
			panic(http.ErrAbortHandler)
		},
		"by somebody who hides it": func(w http.ResponseWriter, _ *http.Request) {
			io.WriteString(w, `{"path":"/app","mode":"persistent","data":""}`+"\n")
		},
		"with fewer lines than there should be": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Trailer", "Holt-Znodes")
			io.WriteString(w, `{"path":"/app","mode":"persistent","data":""}`+"\n")
			w.Header().Set("Holt-Znodes", "2")
		},
	} {
		s.Before(handler)
		file := filepath.Join(t.TempDir(), "out")
		_, said := ends(t, exitUnreachable, "", "export", "/app", "-o", file)
		if _, err := os.Stat(file); !strings.Contains(said, "broken off behind line 1") || !errors.Is(err, os.ErrNotExist) {
			t.Errorf("%s: said %q, the file: %v", name, said, err)
		}
	}
}

// unhurried is an input whose first bytes come when a member would have been asked long ago.
type unhurried struct {
	io.Reader
	began bool
	asked *atomic.Int64 // how often one was
	early int64         // how often before the first bytes
}

func (u *unhurried) Read(p []byte) (int, error) {
	if !u.began {
		u.began = true
		<-time.After(100 * time.Millisecond)
		u.early = u.asked.Load()
	}
	return u.Reader.Read(p)
}

// Members wait so long for a line and no longer: they are not asked before there is one, however long it takes.
func TestAnImportThatBeginsSlowly(t *testing.T) {
	s := serve(t)
	var asked atomic.Int64
	s.Before(func(http.ResponseWriter, *http.Request) { asked.Add(1) })
	for _, args := range [][]string{{"import", "/new", "--dry-run"}, {"import", "/new"}} {
		asked.Store(0)
		in := &unhurried{Reader: strings.NewReader(`{"path":"/a","mode":"persistent","data":""}` + "\n"), asked: &asked}
		var out strings.Builder
		exit := execute(t.Context(), &cli{}, args, &console{in: in, out: &out, err: io.Discard})
		if exit != exitDone || !strings.Contains(out.String(), "1 made") || in.early != 0 || asked.Load() == 0 {
			t.Errorf("%v: exit %d, %q; %d requests, %d of them before there was a line", args, exit, out.String(), asked.Load(), in.early)
		}
	}
}

// dying is the body of a request to a member that takes so many bytes of it and is gone then.
type dying struct {
	io.ReadCloser
	left int
}

func (d *dying) Read(p []byte) (int, error) {
	if d.left <= 0 {
		panic(http.ErrAbortHandler)
	}
	n, err := d.ReadCloser.Read(p)
	d.left -= n
	return n, err
}

// An import goes on at another member when one stops in the middle; only standard input cannot be sent again.
func TestAnImportGoesOnElsewhere(t *testing.T) {
	s := serve(t)
	var lines strings.Builder
	lines.WriteString(`{"path":"/a","mode":"persistent","data":""}` + "\n")
	for i := range 2000 {
		fmt.Fprintf(&lines, `{"path":"/a/%05d","mode":"persistent","data":"%d"}`+"\n", i, i)
	}
	file := filepath.Join(t.TempDir(), "in")
	if err := os.WriteFile(file, []byte(lines.String()), 0o600); err != nil {
		t.Fatal(err)
	}
	cuts := 0
	s.Before(func(w http.ResponseWriter, r *http.Request) {
		if cuts++; cuts > 2 {
			return
		}
		r.Body = &dying{r.Body, 60_000}
	})
	out, _ := ends(t, exitDone, "", "import", "/copy", "-i", file)
	if want := "2001 made, 0 changed, 0 the same, 0 kept, 0 skipped\n"; out != want || cuts != 3 {
		t.Errorf("printed %q after %d cuts, want %q", out, cuts, want)
	}
	cuts = 0
	_, said := ends(t, exitUnknown, lines.String(), "import", "/other")
	if !strings.Contains(said, "run it again") {
		t.Errorf("said %q", said)
	}
	s.Before(nil)
	out, _ = ends(t, exitDone, lines.String(), "import", "/other")
	if !strings.Contains(out, " 0 changed") || dataAt(s, "/other/01999") != "1999" {
		t.Errorf("printed %q", out)
	}
}
