package tests

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/tests/harness"
)

const (
	// fewZnodes and manyZnodes are how large a tree is that is exported, the latter where HOLT_TEST_KILLS asks for long runs.
	fewZnodes, manyZnodes = 50_000, 1_000_000
	// perShelf is how many of them are below one.
	perShelf = 1000
)

// fillTree makes a tree of n znodes at a path that does not exist yet.
func fillTree(t *testing.T, m *harness.Member, path string, n int) {
	t.Helper()
	p := openPipeNow(t, "HTTP/1.1", m)
	lines := n / perShelf
	go func() {
		fmt.Fprintf(p.in, `{"op":"create","path":"%s"}`+"\n", path)
		for shelf := range lines {
			var ops strings.Builder
			for i := range perShelf - 1 {
				fmt.Fprintf(&ops, `,{"op":"create","path":"%s/%05d/%d","data":"znode %d of shelf %d"}`, path, shelf, i, i, shelf)
			}
			fmt.Fprintf(p.in, `{"txn":[{"op":"create","path":"%s/%05d"}%s]}`+"\n", path, shelf, &ops)
		}
		_ = p.in.Close()
	}()
	for range lines + 1 {
		if a := p.hear(t); a.Code != "ok" {
			t.Fatalf("%+v", a)
		}
	}
}

// exported is what an export says of the znodes that are being changed.
type exported struct {
	zxid  uint64
	lines int64
	moved map[string]string
}

// export reads the whole tree, and holds each stat to the zxid of all.
func export(t *testing.T, c *client.Client) exported {
	t.Helper()
	tree, err := c.Tree(t.Context(), "/t", client.TreeQuery{WithData: true})
	if err != nil {
		t.Fatal(err)
	}
	defer tree.Close()
	out := exported{zxid: tree.Zxid, moved: map[string]string{}}
	for {
		line, err := tree.Next()
		if err == io.EOF {
			out.lines = tree.Lines()
			return out
		}
		if err != nil {
			t.Fatal(err)
		}
		n, err := client.ParseTreeLine(line)
		if err != nil {
			t.Fatal(err)
		}
		if last := max(n.Stat.Czxid, n.Stat.Mzxid, n.Stat.Pzxid); last > tree.Zxid {
			t.Errorf("%s was changed at zxid %d, the export is of %d", n.Path, last, tree.Zxid)
		}
		if strings.HasPrefix(n.Path, "/t/a/") || strings.HasPrefix(n.Path, "/t/z/") {
			out.moved[n.Path] = string(n.Data)
		}
	}
}

// A tree is exported while it is being changed at both ends: what comes is what was there at one zxid, on any member.
func TestAnExportIsOfOneMomentWhateverIsWritten(t *testing.T) {
	znodes := fewZnodes
	if os.Getenv("HOLT_TEST_KILLS") != "" {
		znodes = manyZnodes
	}
	c := bin.NewCluster(t, 3, nil).Start()
	for _, p := range []string{"/t", "/t/a", "/t/z"} {
		if _, err := c.Client(0).Create(t.Context(), p, nil, client.Persistent); err != nil {
			t.Fatal(err)
		}
	}
	fillTree(t, c.Members[0], "/t/m", znodes)
	ch := &treeChurn{t: t, changes: map[string][]change{}}
	ctx, stop := context.WithCancel(t.Context())
	var wg sync.WaitGroup
	for writer := range treeWriters {
		own := c.Client(writer % len(c.Members))
		wg.Go(func() {
			for n := 0; ctx.Err() == nil && !t.Failed(); n++ {
				ch.write(own, writer, n)
				<-time.After(treePause)
			}
		})
	}
	defer wg.Wait()
	defer stop()
	var exports []exported
	for round := range 6 {
		from := c.Zxid()
		harness.Eventually(t, harness.SettleTime, "further writes", func() bool { return c.Zxid() > from+100 || t.Failed() })
		one := c.Members[round%len(c.Members)].Client()
		begun := time.Now()
		ch.exporting(true)
		e := export(t, one)
		ch.exporting(false)
		t.Logf("%d znodes at zxid %d in %v", e.lines, e.zxid, time.Since(begun).Round(time.Millisecond))
		exports = append(exports, e)
	}
	stop()
	wg.Wait()
	for _, e := range exports {
		want := ch.at(e.zxid)
		if len(want) == 0 || e.lines != int64(len(want)+znodes+4) {
			t.Errorf("%d lines at zxid %d, %d znodes come and go", e.lines, e.zxid, len(want))
		}
		for p, data := range want {
			if e.moved[p] != data {
				t.Errorf("at zxid %d %s was %q, the export has %q", e.zxid, p, data, e.moved[p])
			}
		}
		if len(e.moved) != len(want) {
			t.Errorf("at zxid %d there were %d, the export has %d", e.zxid, len(want), len(e.moved))
		}
	}
	for kind, name := range []string{"without", "with"} {
		all := ch.took[kind]
		slices.Sort(all)
		if len(all) > 0 {
			t.Logf("%d writes %s an export under way: half within %v, 99 of 100 within %v, all within %v", len(all), name, all[len(all)/2], all[len(all)*99/100], all[len(all)-1])
		}
	}
}

// runHolt runs a verb against members, and gives its exit code and what it printed.
func runHolt(t *testing.T, c *harness.Cluster, args ...string) (int, string) {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), harness.SettleTime)
	defer cancel()
	cmd := exec.CommandContext(ctx, bin.Path, args...)
	cmd.Env = append(os.Environ(), "HOLT_ENDPOINTS="+strings.Join(c.URLs(0), ","))
	out, err := cmd.CombinedOutput()
	if err != nil && !errors.As(err, new(*exec.ExitError)) {
		t.Fatal(err)
	}
	return cmd.ProcessState.ExitCode(), string(out)
}

// mustHolt is runHolt of what must succeed.
func mustHolt(t *testing.T, c *harness.Cluster, args ...string) string {
	t.Helper()
	code, out := runHolt(t, c, args...)
	if code != 0 {
		t.Fatalf("holt %s: exit code %d\n%s", strings.Join(args, " "), code, out)
	}
	return out
}

// allKinds makes a znode of each kind below /t, and a session whose ephemeral is there.
func allKinds(t *testing.T, c *harness.Cluster) {
	t.Helper()
	one := c.Client(0)
	binary := []byte{0, 0xff, '\n', 0x80}
	for _, z := range []struct {
		path string
		data []byte
		how  client.Making
	}{
		{"/t/binary", binary, client.Making{}},
		{"/t/märchen 1%/\U0001F600", []byte("ä\u2028"), client.Making{Parents: true}},
		{"/t/container", nil, client.Making{Mode: client.Container}},
		{"/t/container/in", []byte("x"), client.Making{}},
		{"/t/ttl", []byte("x"), client.Making{Mode: client.PersistentWithTTL, TTL: time.Hour}},
		{"/t/queue", nil, client.Making{}},
		{"/t/queue/n-", nil, client.Making{Mode: client.PersistentSequential}},
		{"/t/queue/n-", nil, client.Making{Mode: client.PersistentSequential}},
	} {
		if _, err := one.CreateAs(t.Context(), z.path, z.data, z.how); err != nil {
			t.Fatal(err)
		}
	}
	if _, err := one.Delete(t.Context(), "/t/queue/n-0000000001", client.Any()); err != nil {
		t.Fatal(err)
	}
	s, err := one.OpenSession(t.Context(), time.Minute)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(s.Leave)
	if _, err := s.Client().Create(t.Context(), "/t/queue/here", nil, client.Ephemeral); err != nil {
		t.Fatal(err)
	}
}

// A tree moves to another cluster, while members of that die, and is the same there.
func TestATreeMovesToAnotherCluster(t *testing.T) {
	from, to := bin.NewMember(t, "a").Start().Ready().Alone(), bin.NewCluster(t, 3, nil).Start()
	fillTree(t, from.Members[0], "/t", fewZnodes)
	allKinds(t, from)
	file := filepath.Join(t.TempDir(), "tree")
	t.Log(mustHolt(t, from, "export", "/t", "-o", file))

	imported := make(chan string, 1)
	go func() {
		code, out := runHolt(t, to, "import", "/copy/of/t", "--parents", "-i", file)
		imported <- fmt.Sprintf("exit code %d\n%s", code, out)
	}()
	one := to.Client(1)
	harness.Eventually(t, harness.SettleTime, "some of it is there", func() bool {
		n, err := one.CountTree(t.Context(), "/copy/of/t", client.Local)
		return err == nil && n.Descendants > perShelf
	})
	leader := to.Leader()
	leader.Kill()
	if said := <-imported; !strings.HasPrefix(said, "exit code 0\n") || !strings.Contains(said, "/copy/of/t/queue/here") {
		t.Errorf("the import: %s", said)
	}
	leader.Start().Ready()

	both := []string{from.Members[0].URL + "/t", to.Members[0].URL + "/copy/of/t"}
	if code, out := runHolt(t, to, "diff", "--consistency", "linearizable", "--no-ephemerals", "--counters", both[0], both[1]); code != 0 {
		t.Errorf("they differ: %d\n%.2000s", code, out)
	}
	if code, out := runHolt(t, to, "diff", "--consistency", "linearizable", "@"+file, both[1]); code != 1 || out != "- /copy/of/t/queue/here\n" {
		t.Errorf("with ephemerals: %d\n%.2000s", code, out)
	}
	made, err := one.Create(t.Context(), "/copy/of/t/queue/n-", nil, client.PersistentSequential)
	if err != nil || made.Path != "/copy/of/t/queue/n-0000000003" {
		t.Errorf("names go on with %+v, %v", made, err)
	}
	again := mustHolt(t, to, "import", "/copy/of/t", "-i", file, "--json")
	if !strings.Contains(again, `"made":0`) || !strings.Contains(again, `"changed":0`) {
		t.Errorf("imported again: %s", again)
	}
	to.Equal()
}

// halfway is a body that breaks off.
type halfway struct{ r io.Reader }

var errBroken = errors.New("broken off by the test")

func (h halfway) Read(p []byte) (int, error) {
	n, err := h.r.Read(p)
	if err == io.EOF {
		err = errBroken
	}
	return n, err
}

// An import that breaks off has loaded whole lines from the beginning, or none; sent again, it goes on. An export that breaks off
// is no export.
func TestATreeThatBreaksOffIsGoneOnWith(t *testing.T) {
	m := bin.NewMember(t, "a").Start().Ready()
	alone, one := m.Alone(), m.Client()
	fillTree(t, m, "/t", fewZnodes)
	file := filepath.Join(t.TempDir(), "tree")
	mustHolt(t, alone, "export", "/t", "-o", file)
	whole, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	for _, half := range []int{len(whole) / 2, len(whole)/2 + 17} {
		req, err := http.NewRequestWithContext(t.Context(), http.MethodPut, m.URL+"/v1/tree/copy", halfway{bytes.NewReader(whole[:half])})
		if err != nil {
			t.Fatal(err)
		}
		if res, err := http.DefaultClient.Do(req); err == nil {
			res.Body.Close()
			t.Errorf("a body that broke off was answered with %d", res.StatusCode)
		}
	}
	part, err := one.CountTree(t.Context(), "/copy", client.Linearizable)
	if err != nil || part.Descendants == 0 || part.Descendants >= fewZnodes {
		t.Fatalf("%+v, %v", part, err)
	}
	if code, out := runHolt(t, alone, "diff", "/t", "/copy"); code != 1 || strings.Contains(out, "+ ") || strings.Contains(out, "~ ") {
		t.Errorf("of half a tree all there is should be of it: %d\n%.1000s", code, out)
	}
	var rest wire.TreeLoaded
	said := mustHolt(t, alone, "import", "/copy", "-i", file, "--json")
	if err := json.Unmarshal([]byte(said), &rest); err != nil || rest.Same <= part.Descendants || rest.Made == 0 || rest.Same+rest.Made != rest.Lines {
		t.Errorf("with %d there already, at least: %s", part.Descendants+1, said)
	}
	if code, out := runHolt(t, alone, "diff", "/t", "/copy"); code != 0 {
		t.Errorf("they differ: %d\n%.1000s", code, out)
	}

	cut := filepath.Join(t.TempDir(), "cut")
	if err := os.WriteFile(cut, whole[:len(whole)/2], 0o600); err != nil {
		t.Fatal(err)
	}
	if code, out := runHolt(t, alone, "import", "/cut", "-i", cut); code == 0 || !strings.Contains(out, "line ") {
		t.Errorf("half a file: exit code %d, %s", code, out)
	}
	// A member dies while it is asked for a tree that it has not told to the end.
	export := exec.CommandContext(t.Context(), bin.Path, "export", "/t", "--endpoints", m.URL)
	out, err := export.StdoutPipe()
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Start(); err != nil {
		t.Fatal(err)
	}
	if _, err := io.ReadFull(out, make([]byte, 64<<10)); err != nil {
		t.Fatal(err)
	}
	m.Kill()
	n, err := io.Copy(io.Discard, out)
	if err != nil {
		t.Fatal(err)
	}
	if err := export.Wait(); err == nil || n+64<<10 >= int64(len(whole)) {
		t.Errorf("an export that broke off behind %d of %d bytes: %v", n+64<<10, len(whole), err)
	}
}
