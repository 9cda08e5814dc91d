package apitest

import (
	"bytes"
	"fmt"
	"io"
	"runtime"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// Whatever is wrong with a line, it answers for itself, with the id where that can be read; it changes nothing, and the lines around it
// are carried out.
func TestPipelineBadLines(t *testing.T) {
	long := strings.Repeat("x", httpapi.MaxPipelineIDBytes-2)
	for _, tt := range []struct {
		line string
		id   string
		code wire.Code
	}{
		{`nonsense`, ``, wire.BadArguments},
		{`[]`, ``, wire.BadArguments},
		{`"op"`, ``, wire.BadArguments},
		{`{}`, ``, wire.BadArguments},
		{`null`, ``, wire.BadArguments},
		{"\xef\xbb\xbf{}", ``, wire.BadArguments},
		{`{"id":1}`, `1`, wire.BadArguments},
		{`{"id":1,"op":"set","path":"/a"}`, `1`, wire.BadArguments},
		{`{"id":"a","op":"set","path":"/a","data":"x","data":"y"}`, `"a"`, wire.BadArguments},
		{`{"id":"a","op":"set","path":"/a","Data":"x"}`, `"a"`, wire.BadArguments},
		{`{"id":"a","op":"set","path":"/a","data":"x","acl":null}`, `"a"`, wire.BadArguments},
		{`{"id":"a","op":"set","path":"/a","data":"x","more":1}`, `"a"`, wire.BadArguments},
		{`{"id":"a","op":"set","path":"/a","data":7}`, `"a"`, wire.BadArguments},
		{`{"op":"set","path":"/a","data":"x"`, ``, wire.BadArguments},
		{`{"op":"set","id":3,"path":"/a","data":"x`, `3`, wire.BadArguments},
		{`{"op":"set","path":"/a","data":"x"}{}`, ``, wire.BadArguments},
		{`{"id":4,"op":"set","path":"/a","data":"x"} {"id":5}`, `4`, wire.BadArguments},
		{`{"id":4,"op":"set","path":"/a","data":"\ud800"}`, `4`, wire.BadArguments},
		{"{\"id\":4,\"op\":\"set\",\"path\":\"/a\",\"data\":\"\xff\"}", `4`, wire.BadArguments},
		{"{\"id\":\"\xff\",\"op\":\"set\",\"path\":\"/a\",\"data\":\"\"}", ``, wire.BadArguments},
		{`{"id":"\ud800","op":"set","path":"/a","data":""}`, ``, wire.BadArguments},
		{`{"id":null,"op":"set","path":"/a","data":"x"}`, ``, wire.BadArguments},
		{`{"id":{},"op":"set","path":"/a","data":"x"}`, ``, wire.BadArguments},
		{`{"id":[1],"op":"set","path":"/a","data":"x"}`, ``, wire.BadArguments},
		{`{"id":"` + long + `x","op":"set","path":"/a","data":"x"}`, ``, wire.BadArguments},
		{`{"id":"` + long + `","op":"sat","path":"/a","data":"x"}`, `"` + long + `"`, wire.BadArguments},
		{`{"id":01,"op":"set","path":"/a","data":"x"}`, ``, wire.BadArguments},
		{`{"id":7,"op":"set","path":"/a","data":"x","idempotency_key":""}`, `7`, wire.BadArguments},
		{`{"id":7,"op":"set","path":"/a","data":"x","idempotency_key":"a b"}`, `7`, wire.BadArguments},
		{`{"id":7,"op":"set","path":"/a","data":"x","idempotency_key":"` + strings.Repeat("k", 129) + `"}`, `7`, wire.BadArguments},
		{`{"id":7,"txn":[]}`, `7`, wire.BadArguments},
		{`{"id":7,"txn":{}}`, `7`, wire.BadArguments},
		{`{"id":7,"txn":[{"txn":[]}]}`, `7`, wire.BadArguments},
		{`{"id":7,"txn":[{"op":"set","path":"/a","data":"x","id":3}]}`, `7`, wire.BadArguments},
		{`{"id":7,"op":"set","path":"/a","data":"x","txn":[{"op":"set","path":"/a","data":"x"}]}`, `7`, wire.BadArguments},
		{`{"id":7,"txn":[{"op":"set","path":"/a","data":"x"},{"op":"get"}]}`, `7`, wire.BadArguments},
		{`{"id":7,"txn":[` + strings.Repeat(`{"op":"exists","path":"/a"},`, znode.MaxTxnOps) + `{"op":"exists","path":"/a"}]}`, `7`, wire.TooLarge},
		{`{"id":7,"op":"set","path":"/a","data":"` + strings.Repeat("x", znode.MaxDataBytes+1) + `"}`, `7`, wire.TooLarge},
		{`{"id":7,"op":"create","path":"/e","mode":"ephemeral"}`, `7`, wire.BadArguments},
		{`{"id":7,"op":"create","path":"/t","mode":"container","ttl_ms":5}`, `7`, wire.BadArguments},
		{`{"id":7,"op":"set","path":"/a/","data":"x"}`, `7`, wire.BadArguments},
		{`{"id":7,"op":"set_acl","path":"/a"}`, `7`, wire.NotImplemented},
		{strings.Repeat(`[`, 100_000), ``, wire.BadArguments},
		{`{"id":7,"op":` + strings.Repeat(`{"op":`, 20_000), `7`, wire.BadArguments},
	} {
		s := start(t)
		s.do("PUT /v1/znodes/a\n\n0")
		_, lines := s.run(`{"id":"before","op":"get","path":"/a"}` + "\n" + tt.line + "\n" + `{"id":"after","op":"create","path":"/b"}`)
		shown := tt.line[:min(len(tt.line), 80)]
		if len(lines) != 3 || lines[0].Code != "ok" || lines[2].Code != "ok" || string(lines[2].ID) != `"after"` || lines[2].Line != 3 {
			t.Errorf("%s: %+v", shown, lines)
			continue
		}
		if l := lines[1]; l.Code != tt.code || string(l.ID) != tt.id || l.Line != 2 || l.Status < 400 || l.Detail == "" {
			t.Errorf("%s: %.300s", shown, l.raw)
		}
		st, err := s.State()
		if err != nil || st.Zxid != 2 || st.Tree.Get(znode.MustPath("/a")).Data() != "0" {
			t.Errorf("%s: it changed something", shown)
		}
	}
}

// zeros is a line that is too long, made as it is read.
func tooLong(bytes int) io.Reader { return io.LimitReader(xs{}, int64(bytes)) }

type xs struct{}

func (xs) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// A line that is too long is refused and read over; one without an end ends the pipeline.
func TestPipelineLinesThatAreTooLong(t *testing.T) {
	for _, protocol := range protocols {
		t.Run(protocol, func(t *testing.T) {
			s := start(t)
			p := s.pipeline(protocol)
			go func() {
				p.send(`{"op":"create","path":"/a"}` + "\n")
				_, _ = io.Copy(p.in, tooLong(httpapi.MaxPipelineLineBytes+1))
				p.send("\n" + `{"op":"exists","path":"/a"}` + "\n")
			}()
			if l := p.next(); l.Code != "ok" {
				t.Errorf("%s", l.raw)
			}
			if l := p.next(); l.Code != wire.TooLarge || l.Line != 2 || *l.Limit != httpapi.MaxPipelineLineBytes {
				t.Errorf("%s", l.raw)
			}
			if l := p.next(); l.Code != "ok" || l.Line != 3 || !*l.Result.Exists {
				t.Errorf("%s", l.raw)
			}
			go func() { _, _ = io.Copy(p.in, xs{}) }()
			p.next().isEnd(t, 3, wire.TooLarge)
			if l, ok := p.more(); ok {
				t.Errorf("behind the end: %s", l.raw)
			}
		})
	}
}

// heap is how much is in use.
func heap() uint64 {
	runtime.GC()
	var m runtime.MemStats
	runtime.ReadMemStats(&m)
	return m.HeapAlloc
}

// A hundred thousand lines pass through, and leave nothing behind.
func TestPipelineTakesNoMemoryForItsLines(t *testing.T) {
	const rounds, perRound, slack = 20, 5000, 8 << 20
	s := start(t)
	p := s.pipeline("HTTP/1.1")
	p.send(`{"op":"create","path":"/a"}` + "\n")
	p.next()
	var block bytes.Buffer
	for i := range perRound {
		fmt.Fprintf(&block, `{"id":%d,"op":"set","path":"/a","data":"%s"}`+"\n", i, strings.Repeat("d", 256))
	}
	round := func() {
		go func() { _, _ = io.WriteString(p.in, block.String()) }() // if it fails, the answers are missing
		for range perRound {
			if text, err := p.out.ReadSlice('\n'); err != nil || !bytes.Contains(text, []byte(`"code":"ok"`)) {
				t.Fatalf("%s, %v", text, err)
			}
		}
	}
	round() // whose memory is used again
	before, most := heap(), uint64(0)
	for range rounds {
		round()
		most = max(most, heap())
	}
	if most > before+slack {
		t.Errorf("the heap grew from %d to %d bytes over %d lines", before, most, rounds*perRound)
	}
}
