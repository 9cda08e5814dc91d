package httpapi

import (
	"bytes"
	"errors"
	"fmt"
	"io"
	"math/rand/v2"
	"reflect"
	"strings"
	"testing"
	"testing/iotest"

	"holt/httpapi/wire"
)

// linesOf is what a reader of small limits makes of a text.
func linesOf(r io.Reader) (out []string) {
	in := &lineReader{r: r, limit: 8, skip: 16, before: func() {}}
	for {
		line, err := in.next()
		switch {
		case err == nil:
			out = append(out, fmt.Sprintf("%d %s", in.number, line))
		case errors.Is(err, errLineTooLong):
			out = append(out, fmt.Sprintf("%d too long", in.number))
		default:
			return append(out, fmt.Sprintf("%d %v", in.number, err))
		}
	}
}

func TestLineReader(t *testing.T) {
	for _, tt := range []struct{ text, want string }{
		{"", "1 EOF"},
		{"\n", "1 ;2 EOF"},
		{"a", "1 a;2 EOF"},
		{"a\n", "1 a;2 EOF"},
		{"a\r\n\n b", "1 a\r;2 ; 3  b;4 EOF"},
		{"12345678\n", "1 12345678;2 EOF"},
		{"12345678", "1 12345678;2 EOF"},
		{"123456789\nb\n", "1 too long;2 b;3 EOF"},
		{"123456789", "1 too long;2 EOF"},
		{strings.Repeat("x", 16) + "\nb", "1 too long;2 b;3 EOF"},
		{strings.Repeat("x", 40), "1 line without an end"},
	} {
		want := strings.ReplaceAll(tt.want, "; ", ";")
		if got := strings.Join(linesOf(iotest.OneByteReader(strings.NewReader(tt.text))), ";"); got != want {
			t.Errorf("%q reads as %q, not %q", tt.text, got, want)
		}
	}
	broken := io.MultiReader(strings.NewReader("a\nb"), iotest.ErrReader(io.ErrUnexpectedEOF))
	if got := strings.Join(linesOf(broken), ";"); got != "1 a;2 unexpected EOF" {
		t.Errorf("half a line before an error reads as %q", got)
	}
}

// However a text comes in pieces, and however long its lines are, they are those that it has.
func TestLineReaderInPieces(t *testing.T) {
	rnd := rand.New(rand.NewPCG(1, 2))
	for range 50 {
		var text bytes.Buffer
		var want []string
		for i := range 40 {
			n := rnd.IntN(200)
			if rnd.IntN(10) == 0 {
				n = rnd.IntN(3 * lineBufferBytes)
			}
			line := strings.Repeat(string(rune('a'+i%26)), n)
			want = append(want, line)
			text.WriteString(line + "\n")
		}
		pieces := &piecewise{text.Bytes(), rnd}
		in := &lineReader{r: pieces, limit: 3 * lineBufferBytes, skip: 1, before: func() {}}
		for i := range want {
			if line, err := in.next(); err != nil || string(line) != want[i] {
				t.Fatalf("line %d of %d bytes reads as %d bytes, %v", i+1, len(want[i]), len(line), err)
			}
		}
		if _, err := in.next(); err != io.EOF {
			t.Fatal(err)
		}
		if cap(in.buf) > in.limit+lineBufferBytes {
			t.Errorf("the buffer has %d bytes", cap(in.buf))
		}
	}
}

// piecewise reads in pieces of random length.
type piecewise struct {
	rest []byte
	rnd  *rand.Rand
}

func (p *piecewise) Read(b []byte) (int, error) {
	if len(p.rest) == 0 {
		return 0, io.EOF
	}
	n := copy(b, p.rest[:1+p.rnd.IntN(len(p.rest))])
	p.rest = p.rest[n:]
	return n, nil
}

// quick are lines that must not need encoding/json, or the pipeline is as slow as it is.
var quick = []string{
	`{"id":17,"op":"set","path":"/service/instance-0001","data":"hello"}`,
	`{ "id" : "a\"b" , "op" : "create" , "path" : "/a" , "data" : "\\\n\t\/" , "mode" : "persistent_sequential" , "parents" : true }`,
	`{"id":true,"idempotency_key":"k-1","op":"delete","path":"/a","version":0,"czxid":123456789012345678,"recursive":false}`,
	`{"txn":[{"op":"check","path":"/a","absent":true},{"op":"create","path":"/é","ttl_ms":10,"encoding":"base64","data":"aGk="},{"op":"check_session","owner":"s1"}]}`,
	`{"id":-5,"txn":[]}`,
	`{"op":"set","path":"/a","data":"","version":-1}`,
}

// slow are lines that scanLine must leave to wire.Decode.
var slow = []string{
	``, `{`, `{}}`, `[]`, `null`, `{"id":null}`, `{"id":1.5}`, `{"id":1e3}`, `{"id":01}`, `{"id":-}`, `{"id":-0}`, `{"op":"a","op":"a"}`, `{"id":1,"id":1}`,
	`{"txn":[{"op":"a","op":"a"}]}`, `{"txn":[{}],"txn":[]}`, `{"Op":"a"}`, `{"acl":[]}`, `{"data":"\u0041"}`, `{"data":"\x"}`, "{\"data\":\"\x01\"}", "{\"data\":\"\xff\"}",
	`{"version":1.0}`, `{"version":9223372036854775808}`, `{"czxid":-1}`, `{"czxid":18446744073709551615}`, `{"absent":1}`, `{"absent":truex}`, `{"op":"a",}`,
	`{"op":"a"}x`, `{"txn":[{"id":1}]}`, `{"txn":{}}`, `{"id":{}}`, `{"data":"a`, `{"data":"a\`, `{"op" "a"}`, `{"version":tru}`,
}

func TestScanLine(t *testing.T) {
	for _, text := range quick {
		var line wire.PipelineLine
		if !scanLine(text, &line) {
			t.Errorf("%s is left to wire.Decode", text)
		}
		agrees(t, text)
	}
	for _, text := range slow {
		var line wire.PipelineLine
		if scanLine(text, &line) && text != `{}` {
			t.Errorf("%s is read as %+v", text, line)
		}
	}
}

// agrees holds scanLine to wire.Decode: what it takes is what that gives.
func agrees(t *testing.T, text string) {
	t.Helper()
	var fast, strict wire.PipelineLine
	if !scanLine(text, &fast) {
		return
	}
	if err := wire.Decode(text, &strict); err != nil {
		t.Fatalf("%q is refused (%v), and read as %+v", text, err, fast)
	}
	if !reflect.DeepEqual(fast, strict) {
		t.Fatalf("%q reads as %+v, not %+v", text, fast, strict)
	}
}

func FuzzScanLine(f *testing.F) {
	for _, text := range append(quick, slow...) {
		f.Add(text)
	}
	f.Fuzz(agrees)
}

// The id of a line that is refused is never text that would break the answer.
func FuzzFindID(f *testing.F) {
	for _, text := range append(quick, slow...) {
		f.Add(text)
	}
	f.Fuzz(func(t *testing.T, text string) {
		id := findID(text)
		if id == "" {
			return
		}
		var echo struct {
			ID any `json:"id"`
		}
		if err := wire.Decode(`{"id":`+id+`}`, &echo); err != nil || len(id) > MaxPipelineIDBytes {
			t.Fatalf("%q has the id %q: %v", text, id, err)
		}
	})
}

func BenchmarkParseLine(b *testing.B) {
	text := `{"id":123456,"op":"set","path":"/service-0001/instance-0001","data":"` + strings.Repeat("x", 256) + `"}`
	x := &exchange{api: &API{cfg: Config{MaxDataBytes: 1 << 20}}}
	for name, parse := range map[string]func(*wire.PipelineLine) bool{
		"scan":   func(l *wire.PipelineLine) bool { return scanLine(text, l) },
		"decode": func(l *wire.PipelineLine) bool { return wire.Decode(text, l) == nil },
		"txn": func(*wire.PipelineLine) bool {
			var l pipeLine
			x.parseLine(&l, text)
			return l.refused == nil
		},
	} {
		b.Run(name, func(b *testing.B) {
			b.SetBytes(int64(len(text)))
			b.ReportAllocs()
			for b.Loop() {
				var l wire.PipelineLine
				if !parse(&l) {
					b.Fatal("it is refused")
				}
			}
		})
	}
}
