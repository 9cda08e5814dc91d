package ui

import (
	"context"
	"maps"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"holt/httpapi/client"
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
		answer := httptest.NewRecorder()
		next.ServeHTTP(answer, r)
		close(come)
		<-leave
		maps.Copy(w.Header(), answer.Header())
		w.WriteHeader(answer.Code)
		_, _ = w.Write(answer.Body.Bytes()) // a page that left needs none
		return true
	})
	return come, leave
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
