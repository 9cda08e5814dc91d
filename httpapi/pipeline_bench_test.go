package httpapi_test

import (
	"bufio"
	"bytes"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/apitest"
)

// BenchmarkPipeline is the time a line takes on its way through the API and the domain, without a log below. One op is one line.
func BenchmarkPipeline(b *testing.B) {
	for _, protocol := range []string{"HTTP1", "h2c"} {
		b.Run(protocol, func(b *testing.B) { benchPipeline(b, protocol, false) })
	}
	b.Run("keyed", func(b *testing.B) { benchPipeline(b, "HTTP1", true) })
}

func benchPipeline(b *testing.B, protocol string, keyed bool) {
	n := apitest.NewNode()
	defer n.Close()
	a, err := httpapi.New(httpapi.Config{Proposer: n, Reader: n, Cluster: n, Sessions: n, Hub: n.Hub, Logger: slog.New(slog.DiscardHandler)})
	if err != nil {
		b.Fatal(err)
	}
	l, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		b.Fatal(err)
	}
	s := httpapi.NewServer("", a.Handler(), slog.New(slog.DiscardHandler))
	go func() { _ = s.Serve(l) }()
	defer s.Close()
	transport := &http.Transport{Protocols: new(http.Protocols), WriteBufferSize: 64 << 10}
	transport.Protocols.SetHTTP1(protocol == "HTTP1")
	transport.Protocols.SetUnencryptedHTTP2(protocol != "HTTP1")
	defer transport.CloseIdleConnections()

	body, in := io.Pipe()
	res, err := (&http.Client{Transport: transport}).Post("http://"+l.Addr().String()+"/v1/pipeline", "application/x-ndjson", body)
	if err != nil {
		b.Fatal(err)
	}
	defer res.Body.Close()
	out := bufio.NewReaderSize(res.Body, 64<<10)
	line := func(b []byte, i int) []byte {
		key := ""
		if keyed {
			key = fmt.Sprintf(`"idempotency_key":"0123456789abcdef-%d",`, i)
		}
		return fmt.Appendf(b, `{"id":%d,%s"op":"set","path":"/app/znode-%04d","data":"%s"}`+"\n", i, key, i%1000, strings.Repeat("x", 256))
	}
	for i := range 1000 {
		fmt.Fprintf(in, `{"op":"create","path":"/app/znode-%04d","parents":true}`+"\n", i)
		if _, err := out.ReadSlice('\n'); err != nil {
			b.Fatal(err)
		}
	}
	b.ReportAllocs()
	b.ResetTimer()
	go func() {
		var block []byte
		for i := range b.N {
			if block = line(block, i); len(block) > 32<<10 || i == b.N-1 {
				_, _ = in.Write(block)
				block = block[:0]
			}
		}
		in.Close()
	}()
	for range b.N {
		text, err := out.ReadSlice('\n')
		if err != nil || !bytes.Contains(text[:min(len(text), 100)], []byte(`"code":"ok"`)) {
			b.Fatalf("%s, %v", text, err)
		}
	}
	b.ReportMetric(float64(b.N)/b.Elapsed().Seconds(), "lines/s")
}
