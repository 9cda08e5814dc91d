package apitest

import (
	"bufio"
	"net/http"
	"testing"
	"testing/synctest"
	"time"

	"holt/httpapi"
)

// TestLiveAfterLagWithStates: a stream that lagged and was sent the states again is told of the next change at once, and not
// with the next bookmark.
func TestLiveAfterLagWithStates(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		w := newWorld(t, newPipes(), func(c *httpapi.Config) { c.StreamWriteTimeout = time.Hour })
		w.do("create /a")
		conn := w.rawWatch("/v1/watch/a?initial=true")
		synctest.Wait() // its first block waits to be read
		for range 200 {
			w.do("set /a x")
		}
		w.forget()
		synctest.Wait()
		res, err := http.ReadResponse(bufio.NewReader(conn), nil)
		if err != nil {
			t.Fatal(err)
		}
		e := &eventReader{r: bufio.NewReader(res.Body)}
		for opens := 0; opens < 2; {
			next, err := e.next()
			if err != nil {
				t.Fatal(err)
			}
			if next.name == "open" {
				opens++
			}
		}
		changed := time.Now()
		z := w.do("set /a y")
		if next, err := e.next(); err != nil || next.String() != message(z, "NodeDataChanged /a") {
			t.Errorf("got %s, %v", next, err)
		}
		if took := time.Since(changed); took > time.Second {
			t.Errorf("the change was told after %v", took)
		}
		_ = conn.Close()
	})
}
