package ui

import (
	"bytes"
	"compress/gzip"
	"fmt"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// meddle answers a request in place of the server, or lets it through to next; it gives false for what it does not care for.
type meddle func(w http.ResponseWriter, r *http.Request, next http.Handler) bool

// between is something between the page and a member, as a proxy is.
type between struct {
	*httptest.Server
	rule atomic.Pointer[meddle]
}

// stand puts one before a member. It lets everything through until it is told otherwise.
func stand(t *testing.T, m *harness.Member) *between {
	t.Helper()
	to, err := url.Parse(m.URL)
	if err != nil {
		t.Fatal(err)
	}
	next := &httputil.ReverseProxy{FlushInterval: -1, ErrorHandler: func(w http.ResponseWriter, _ *http.Request, _ error) { w.WriteHeader(http.StatusBadGateway) },
		Rewrite: func(r *httputil.ProxyRequest) { r.SetURL(to); r.Out.Host = r.In.Host }}
	b := &between{}
	b.Server = httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if rule := b.rule.Load(); rule == nil || !(*rule)(w, r, next) {
			next.ServeHTTP(w, r)
		}
	}))
	t.Cleanup(func() {
		b.CloseClientConnections()
		b.Close()
	})
	return b
}

func (b *between) do(rule meddle) { b.rule.Store(&rule) }

func (b *between) nothing() { b.rule.Store(nil) }

// lose carries a request out and lets its answer get lost.
func lose(w http.ResponseWriter, r *http.Request, next http.Handler) {
	next.ServeHTTP(httptest.NewRecorder(), r)
	panic(http.ErrAbortHandler)
}

// signIn answers as a sign-in page does.
func signIn(w http.ResponseWriter, status int) {
	w.Header().Set("Content-Type", "text/html")
	w.WriteHeader(status)
	_, _ = fmt.Fprint(w, "<!doctype html><title>Sign in</title><script>window.attacked=1</script>") // a page that left needs none
}

// holdWrite lets the next write wait between page and member: come is closed when it is there, and leave is to be closed for it to go on.
func (b *between) holdWrite() (come, leave chan struct{}) {
	come, leave = make(chan struct{}), make(chan struct{})
	b.do(func(_ http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if writes(r) {
			close(come)
			<-leave
		}
		return false
	})
	return come, leave
}

// choose writes a file and gives it to the file field within scope, as a person who picks one.
func choose(p *Page, scope, name, content string) {
	p.t.Helper()
	file := filepath.Join(p.t.TempDir(), name)
	if err := os.WriteFile(file, []byte(content), 0o600); err != nil {
		p.t.Fatal(err)
	}
	p.Give(scope+" input[type=file]", file)
}

func writes(r *http.Request) bool { return r.Method != http.MethodGet && r.Method != http.MethodHead }

// loseWrites lets every write be done and its answer be lost, and tells of it.
func (b *between) loseWrites() <-chan struct{} {
	lost := make(chan struct{}, 1)
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if !writes(r) || strings.HasSuffix(r.URL.Path, "/txn") { // which reads are sent by, too
			return false
		}
		select {
		case lost <- struct{}{}:
		default: // told already
		}
		lose(w, r, next)
		return true
	})
	return lost
}

// giveUp sets the page's clock forward once something is lost, so that it does not try for long.
func giveUp(p *Page, lost <-chan struct{}) {
	p.t.Helper()
	select {
	case <-lost:
	case <-time.After(Patience):
		p.t.Fatal("the page wrote nothing")
	}
	Eval[bool](p, `{ let now = Date.now; Date.now = () => now() + 60000 } true`)
}

// packed is text as gzip packs it.
func packed(text string) string {
	var b bytes.Buffer
	z := gzip.NewWriter(&b)
	_, _ = z.Write([]byte(text)) // a buffer takes it all
	_ = z.Close()
	return b.String()
}

// A save whose answers get lost is sent again, by whatever else answers in between, and done once.
func TestASaveWhoseAnswersAreLost(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "old")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/config", Options{})
	p.See("old", "Live · zxid")
	var n atomic.Int64
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if !writes(r) {
			return false
		}
		switch n.Add(1) {
		case 1:
			lose(w, r, next)
		case 2:
			signIn(w, http.StatusBadGateway)
			return true
		case 3:
			signIn(w, http.StatusOK)
			return true
		}
		return false
	})
	p.Click("button", "Edit")
	p.Fill("Data of /config", "new")
	p.Press("Control+s")
	p.Within("dialog", "Save this?").Click("button", "Save")
	p.See("Saved: version 1.")
	p.Gone("textbox", "Data of /config")
	if n.Load() != 4 {
		t.Errorf("sent %d times, want 4", n.Load())
	}
	unharmed(p)
}

// Whether a save was done is not known; what the page sees later tells, and nobody else is blamed for it.
func TestASaveWhoseOutcomeIsUnknown(t *testing.T) {
	for _, c := range []struct{ name, old, mine string }{{"text", "old", "new"}, {"gzip", packed("old"), "new"}} {
		t.Run(c.name, func(t *testing.T) {
			m := serve(t, nil)
			put(t, m, "/config", c.old)
			b := stand(t, m)
			p := chromium.Open(t, b.URL+"/ui/#/tree/config", Options{})
			p.See("Live · zxid")
			p.Click("button", "Edit")
			p.Fill("Data of /config", c.mine)
			p.Press("Control+s")
			d := p.Within("dialog", "Save this?")
			lost := b.loseWrites()
			d.Click("button", "Save")
			giveUp(p, lost)
			d.See("Nobody knows yet whether that was done")
			b.nothing()
			d.Click("button", "Cancel")
			p.See("What you wrote is there, as version 1.")
			p.Press("Control+s")
			p.See("Nothing was changed.")
		})
	}
}

// Whether something was deleted is not known: the copy is kept, and can be put back if it was.
func TestADeleteWhoseOutcomeIsUnknown(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "precious")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/one", Options{})
	p.See("precious")
	p.Click("button", "Delete")
	d := p.Within("dialog", "Delete a znode")
	d.See("1 znode")
	lost := b.loseWrites()
	d.Click("button", "Delete")
	giveUp(p, lost)
	d.See("Nobody knows yet whether that was done", "Nothing is there any more.")
	b.nothing()
	d.Click("button", "Cancel")
	p.See("Nobody knows yet whether /one went.")
	p.Within("log", "Messages").Click("button", "Undo")
	p.See("1 znode back.")
	if _, _, body := m.Get("/v1/znodes/one"); body != "precious" {
		t.Errorf("it holds %q", body)
	}
}

// Who closes a dialog while it works is told what came of it.
func TestADialogThatIsClosedTooEarly(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app/one", "")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/app", Options{})
	p.Click("button", "Create below")
	d := p.Within("dialog", "Create a znode")
	d.Fill("Name", "one")
	come, leave := b.holdWrite()
	d.Click("button", "Create")
	<-come
	p.Press("Escape")
	p.Gone("textbox", "Name")
	b.nothing()
	close(leave)
	p.Within("dialog", "Create a znode").See("There is a znode of that name already.")
}

// Something in between answers in place of the server: what it says is not taken for the server's word.
func TestAProxyAnswersInPlaceOfTheServer(t *testing.T) {
	for _, status := range []int{http.StatusOK, http.StatusNotFound, http.StatusBadGateway} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			m := serve(t, nil)
			put(t, m, "/app/one", "before")
			b := stand(t, m)
			p := chromium.Open(t, b.URL+"/ui/#/tree/app/one?open=/app", Options{})
			p.See("before", "Live · zxid")
			b.do(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
				if !strings.HasPrefix(r.URL.Path, "/v1/") {
					return false
				}
				signIn(w, status)
				return true
			})
			b.CloseClientConnections()
			put(t, m, "/app/one", "after")
			p.See("before", "Resuming from zxid", "Not followed just now")
			p.Find("treeitem", "one")
			p.Click("button", "Refresh")
			p.See("The server does not answer.")
			b.nothing()
			p.See("after", "Live · zxid")
			unharmed(p)
		})
	}
}

// A proxy that holds the stream back: the page does not say that it is live.
func TestAProxyThatHoldsTheStreamBack(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "data")
	b := stand(t, m)
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if r.URL.Path != "/v1/watch" {
			return false
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		<-r.Context().Done()
		return true
	})
	p := chromium.Open(t, b.URL+"/ui/#/tree/one", Options{})
	p.See("data", "Connecting", "Not followed just now")
	b.nothing()
	b.CloseClientConnections()
	p.See("Live · zxid", "Followed live.")
}

// A tag is of one znode and no other: one made again under the same path, with the same version, is another.
func TestAZnodeIsMadeAgainWhileItIsEdited(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/config", "old")
	p := chromium.Open(t, m.URL+"/ui/#/tree/config", Options{})
	p.Click("button", "Edit")
	p.Fill("Data of /config", "mine")
	p.Press("Control+s")
	d := p.Within("dialog", "Save this?")
	d.See("Over version 0")
	if _, err := m.Client().Delete(t.Context(), "/config", client.Any()); err != nil {
		t.Fatal(err)
	}
	put(t, m, "/config", "theirs")
	d.Click("button", "Save")
	p.Within("dialog", "Changed by somebody else").See("theirs", "mine", "Now there is version 0")
	if _, _, body := m.Get("/v1/znodes/config"); body != "theirs" {
		t.Errorf("it holds %q", body)
	}
}

// What cannot be read is tried again now and then, not with every change anywhere.
func TestWhatCannotBeReadIsTriedNowAndThen(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/busy", "")
	b := stand(t, m)
	var asked atomic.Int64
	b.do(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		if r.URL.Path != "/v1/znodes/busy" {
			return false
		}
		asked.Add(1)
		w.Header().Set("Holt-Zxid", "1")
		w.WriteHeader(http.StatusServiceUnavailable)
		_, _ = fmt.Fprint(w, `{"code":"throttled","status":503}`) // a page that left needs none
		return true
	})
	p := chromium.Open(t, b.URL+"/ui/#/tree/busy", Options{})
	p.See("The server is busy.", "Live · zxid")
	begun := time.Now()
	n := asked.Load()
	count(t, m, "/busy", 3000)
	p.See("Live · zxid 3,001")
	n = asked.Load() - n
	t.Logf("asked %d times in %v", n, time.Since(begun).Round(time.Millisecond))
	if most := 5 + 2*int64(time.Since(begun)/(200*time.Millisecond)); n > most {
		t.Errorf("asked %d times, want %d at most", n, most)
	}
	b.nothing()
	put(t, m, "/busy", "at last")
	p.See("at last", "Followed live.")
}

// Who leaves an import while it is under way is told what is known of it, and that it may not be all.
func TestAnImportIsLeft(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/app", "")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/app", Options{})
	p.Click("button", "Import")
	d := p.Within("dialog", "Import")
	choose(p, "dialog", "app.ndjson", `{"path":"/app/one","mode":"persistent","data":"new","encoding":"utf8"}`+"\n")
	d.See("1 new")
	come, leave := make(chan struct{}), make(chan struct{})
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if !writes(r) {
			return false
		}
		next.ServeHTTP(httptest.NewRecorder(), r) // it is done
		close(come)
		<-leave
		return true
	})
	d.Click("button", "Import")
	<-come
	p.Answer(true)
	d.Click("button", "Cancel")
	d.See("Nobody knows yet whether that was done", "Known to be loaded: 0 made", "Import again to go on")
	b.nothing()
	close(leave)
	if _, _, body := m.Get("/v1/znodes/app/one"); body != "new" {
		t.Errorf("it holds %q", body)
	}
}
