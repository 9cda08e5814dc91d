package wire

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"
)

func TestDecodeIsStrict(t *testing.T) {
	type inner struct {
		A string          `json:"a"`
		B []inner         `json:"b"`
		C json.RawMessage `json:"c"`
	}
	for _, good := range []string{
		`{}`, ` {"a":"a"} `, `{"a":"b","b":[{"a":"a"},{"a":"a"},{"b":[]}]}`, `{"a":"\ud83d\udc26 \\ud83d \n\u0041"}`, `{"c":{"x":[1,"x",{"x":true}]}}`,
	} {
		if err := Decode(good, new(inner)); err != nil {
			t.Errorf("%s: %v", good, err)
		}
	}
	for bad, want := range map[string]string{
		``: "empty", ` `: "empty", `{`: "EOF", `{} x`: "follows", `{}{}`: "follows", `{"d":1}`: "unknown", `{"A":"x"}`: "unknown",
		`{"a":"","a":""}`: "twice", `{"b":[{"a":"x","b":[],"a":"x"}]}`: "twice", `{"c":{"x":1,"x":2}}`: "twice",
		"{\"a\":\"\xff\"}": "UTF-8", `{"a":"\ud83d"}`: "half", `{"a":"\ud83dx\udc26"}`: "half", `{"a":"\udc26"}`: "half",
		`{"a":"\\\ud83d\ud83d"}`: "half", `{"a":7}`: "a cannot be number", `[]`: "array", `{"b":[{"a":[]}]}`: "b.a cannot be array",
		`{"e":"x"}`: "unknown", `{"` + strings.Repeat("long", 1000) + `":1}`: "longlong", // and not all of it
		`null`: "null", `{"a":null}`: "null", `{"b":null}`: "null", `{"b":[null]}`: "null", `{"c":{"x":null}}`: "null",
	} {
		if err := Decode(bad, new(inner)); err == nil || !strings.Contains(err.Error(), want) || len(err.Error()) > 300 {
			t.Errorf("%s: %v, want an error with %q", bad, err, want)
		}
	}
}

// Names of Go's stay out of messages.
func TestDecodeNamesFieldsAsTheyAreWritten(t *testing.T) {
	var line struct{ TreeLine }
	if err := Decode(`{"stat":{"version":"a"}}`, &line); err == nil || err.Error() != "stat.version cannot be string" {
		t.Error(err)
	}
}

func FuzzDecode(f *testing.F) {
	for _, s := range []string{`{"ops":[{"op":"set","path":"/a","data":"\ud83d\udc26"}]}`, `{"ops":[]}`, `\`, `{"a`, `"\u12`} {
		f.Add(s)
	}
	f.Fuzz(func(t *testing.T, body string) {
		var v Txn
		if Decode(body, &v) != nil {
			return
		}
		if strings.Contains(fmt.Sprint(v), "\uFFFD") && !strings.Contains(body, "\uFFFD") && !strings.Contains(strings.ToLower(body), `fffd`) {
			t.Fatalf("%q became %+v", body, v)
		}
	})
}
