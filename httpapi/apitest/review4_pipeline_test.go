package apitest

import (
	"net/http"
	"testing"
	"time"

	"holt/httpapi"
)

// A pipeline whose answers must wait for a stream that takes nothing is cut off, and leaves nothing behind: not the batches that
// were carried out meanwhile either.
func TestPipelineBehindAStuckStreamEnds(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.StreamWriteTimeout, c.MaxStreams = time.Millisecond, 1 })
	o := s.open()
	s.do("PUT /v1/znodes/a").is(201)
	s.do(setWatch(o, "/a", "persistent")).is(201)
	p := s.pipeline("HTTP/1.1", "Holt-Session: "+o.ID)
	s.stuck(o)
	const batches = 3 // one that waits for the stream, one behind it, one more
	for range batches {
		asked := s.Asked()
		p.send(set(1))
		eventually(t, "the line is carried out", func() bool { return s.Asked() > asked })
	}
	eventually(t, "it has ended", func() bool {
		return s.do("POST /v1/pipeline\nContent-Type: application/x-ndjson\n\n{}").status == http.StatusOK
	})
}
