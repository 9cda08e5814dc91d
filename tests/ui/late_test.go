package ui

import (
	"context"
	"io"
	"maps"
	"net/http"
	"net/http/httptest"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	"holt/httpapi/client"
	"holt/tests/harness"
)

// Answers that come late.

// holdAnswer lets the member answer the next request of this kind at once, and the answer wait on its way: come is closed when it is
// there, and leave is to be closed for it to go on.
func (b *between) holdAnswer(which func(r *http.Request) bool) (come, leave chan struct{}) {
	come, leave = make(chan struct{}), make(chan struct{})
	turn := make(chan struct{}, 1)
	turn <- struct{}{}
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		if !which(r) {
			return false
		}
		select {
		case <-turn:
		default:
			return false
		}
		answerLate(w, r, next, come, leave)
		return true
	})
	return come, leave
}

func answerLate(w http.ResponseWriter, r *http.Request, next http.Handler, come chan<- struct{}, leave <-chan struct{}) {
	answer := httptest.NewRecorder()
	next.ServeHTTP(answer, r)
	close(come)
	<-leave
	maps.Copy(w.Header(), answer.Header())
	w.WriteHeader(answer.Code)
	_, _ = w.Write(answer.Body.Bytes()) // a page that left needs none
}

// What was listed of one path is not shown under the name of another whose list is not here yet.
func TestAListOfAnotherPath(t *testing.T) {
	m := serve(t, nil)
	s := hold(t, m, "/app/one")
	if _, err := s.SetWatch(context.Background(), "/app/one", client.WatchData); err != nil {
		t.Fatal(err)
	}
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/watches?path=/app/one", Options{})
	p.See("1 watch, as of")
	come, leave := b.holdAnswer(func(r *http.Request) bool { return r.URL.Query().Get("path") == "/app/two" })
	Eval[bool](p, `location.hash = "#/watches?path=/app/two", true`)
	<-come
	p.Value("Only watches at this path", "/app/two")
	if shown := Eval[string](p, "document.body.innerText"); strings.Contains(shown, "1 watch, as of") || strings.Contains(shown, "/app/one") {
		t.Errorf("under the other path stands %q", shown)
	}
	close(leave)
	p.See("No watch, as of")
}

// Who looks at packed data in hexadecimal before it is unpacked goes on to do so.
func TestWhatIsUnpackedLate(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/before", "")
	put(t, m, "/packed", packed("what is inside"))
	p := chromium.Open(t, m.URL+"/ui/#/tree/before", Options{})
	p.See("Live · zxid")
	Eval[bool](p, `{
		const Real = DecompressionStream
		const held = new Promise((go) => { window.letGo = go })
		window.unpacked = new Promise((done) => {
			window.DecompressionStream = function (format) {
				const { writable, readable } = new Real(format)
				return { writable, readable: readable.pipeThrough(new TransformStream({ transform: (part, c) => held.then(() => c.enqueue(part)), flush: () => done() })) }
			}
		})
	} location.hash = "#/tree/packed", true`)
	p.Click("button", "Hex")
	p.See("1f 8b 08")
	// Behind the end of the stream comes a Blob, as in the page.
	shown := Eval[string](p, `letGo(), unpacked.then(() => new Blob(["x"]).arrayBuffer()).then(() => new Blob(["x"]).arrayBuffer())
		.then(() => document.querySelector(".viewer").innerText)`)
	if !strings.Contains(shown, "1f 8b 08") || strings.Contains(shown, "what is inside") {
		t.Errorf("in place of the bytes stands %q", shown)
	}
	p.Click("button", "Unpacked")
	p.See("what is inside")
}

// A znode that the page was told of is not called current before it is read again.
func TestAChangeWhoseReadingTakesLong(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "old")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/one", Options{})
	p.See("old", "Live · zxid 1", "Followed live.")
	come, leave := b.holdAnswer(func(r *http.Request) bool { return r.URL.Path == "/v1/znodes/one" })
	put(t, m, "/one", "new")
	<-come
	p.See("Live · zxid 2")
	if shown := Eval[string](p, "document.body.innerText"); strings.Contains(shown, "Followed live.") || !strings.Contains(shown, "it may have changed since.") {
		t.Errorf("before it was read again the page said %q", shown)
	}
	close(leave)
	p.See("new", "Followed live.")
}

// Who does not leave what is being edited for another znode does not edit that one when it is looked at later.
func TestAnEditThatWasNotGoneTo(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "1")
	put(t, m, "/two", "2")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("Live · zxid")
	p.Click("button", "Edit")
	p.Fill("Data of /one", "mine")
	p.Answer(false)
	p.Click("treeitem", "one")
	p.Press("ArrowDown", "e")
	p.Asked(1)
	p.Answer(true)
	p.Click("button", "Stop editing")
	p.Click("treeitem", "two")
	p.Until("it is shown", `document.querySelector(".znode h2").textContent == "two" && !document.querySelector(".znode .editor, .znode [role=status] p") && !!document.querySelector(".viewer, .editor")`)
	p.Gone("textbox", "Data of /two")
	p.Find("button", "Edit")
}

// What is made while the page hears that it is not there is shown all the same.
func TestAZnodeIsMadeWhileItIsSaidToBeMissing(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/before", "")
	b := stand(t, m)
	come, leave := make(chan struct{}), make(chan struct{})
	var one sync.Once
	var followed, others atomic.Int64 // streams that tell of it, and that do not
	b.do(func(w http.ResponseWriter, r *http.Request, next http.Handler) bool {
		switch r.URL.Path {
		case "/v1/watch":
			of := &others
			if slices.Contains(r.URL.Query()["path"], "/one") {
				of = &followed
			}
			of.Add(1)
			defer of.Add(-1)
			next.ServeHTTP(w, r)
			return true
		case "/v1/znodes/one":
			held := false
			one.Do(func() {
				held = true
				answerLate(w, r, next, come, leave)
			})
			return held
		}
		return false
	})
	p := chromium.Open(t, b.URL+"/ui/#/tree/before", Options{})
	p.See("Live · zxid 1")
	Eval[bool](p, `window.said = "", new MutationObserver(() => { said += document.querySelector(".znode").textContent }).observe(document.body, { childList: true, subtree: true }),
		location.hash = "#/tree/one", true`)
	<-come // it asked, and will hear that there is none
	harness.Eventually(t, Patience, "it is followed", func() bool { return followed.Load() == 1 && others.Load() == 0 })
	put(t, m, "/one", "it is there")
	p.See("Live · zxid 2") // it was told
	close(leave)
	p.See("it is there")
	if said := Eval[string](p, "said"); strings.Contains(said, "There is no znode at this path") {
		t.Errorf("the page said %q", said)
	}
}

// A member that refuses a read for a while refuses it for a while only, whatever else happens.
func TestAReadThatIsRefusedIsTriedAgain(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/before", "")
	put(t, m, "/one", "it is there")
	b := stand(t, m)
	p := chromium.Open(t, b.URL+"/ui/#/tree/before", Options{})
	p.See("Live · zxid 2")
	b.do(func(w http.ResponseWriter, r *http.Request, _ http.Handler) bool {
		refused := r.Method == http.MethodGet && r.URL.Path == "/v1/znodes/one"
		if refused {
			w.Header().Set("Content-Type", "application/problem+json")
			w.Header().Set("Holt-Zxid", "2")
			w.WriteHeader(http.StatusTooManyRequests)
			_, _ = io.WriteString(w, `{"type":"about:blank","title":"Too many requests","status":429,"code":"throttled"}`)
		}
		return refused
	})
	Eval[bool](p, `location.hash = "#/tree/one", true`)
	p.See("The server is busy.")
	b.nothing()
	p.See("it is there")
	p.NotSee("The server is busy.")
}
