package apitest

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/getkin/kin-openapi/openapi3filter"
	"github.com/getkin/kin-openapi/routers"
)

// contract checks every request and answer that goes through it against openapi.yaml. It is an http.RoundTripper.
type contract struct {
	t    *testing.T
	doc  *openapi3.T
	next http.RoundTripper
}

// document is openapi.yaml, read and validated once.
var document = sync.OnceValues(func() (*openapi3.T, error) {
	b, err := os.ReadFile("../../openapi.yaml")
	if err != nil {
		return nil, err
	}
	doc, err := openapi3.NewLoader().LoadFromData(b)
	if err != nil {
		return nil, err
	}
	return doc, doc.Validate(context.Background())
})

func newContract(t *testing.T, next http.RoundTripper) *contract {
	t.Helper()
	doc, err := document()
	if err != nil {
		t.Fatal(err)
	}
	return &contract{t, doc, next}
}

// RoundTrip does a request and checks both ways.
func (c *contract) RoundTrip(r *http.Request) (*http.Response, error) {
	var sent []byte
	if r.Body != nil {
		var err error
		if sent, err = io.ReadAll(r.Body); err != nil {
			return nil, err
		}
		r.Body = io.NopCloser(bytes.NewReader(sent))
	}
	shown := r.Clone(r.Context()) // the checks may change it
	shown.Body = io.NopCloser(bytes.NewReader(sent))
	res, err := c.next.RoundTrip(r)
	if err != nil {
		return res, err
	}
	got, err := io.ReadAll(res.Body)
	if err != nil {
		return nil, err
	}
	_ = res.Body.Close()
	res.Body = io.NopCloser(bytes.NewReader(got))
	if err := c.check(shown, res, got); err != nil {
		c.t.Errorf("%s %s, %s: %v\n%.500s", r.Method, r.URL, res.Status, err, got)
	}
	return res, nil
}

// check says where an exchange leaves the contract.
func (c *contract) check(r *http.Request, res *http.Response, body []byte) error {
	if _, ok := res.Header["Holt-Zxid"]; !ok {
		return fmt.Errorf("no Holt-Zxid")
	}
	path, params := c.find(r.URL)
	item := c.doc.Paths.Find(path)
	if item == nil {
		if res.StatusCode == http.StatusNotFound || res.StatusCode == http.StatusNotImplemented {
			return nil
		}
		return fmt.Errorf("openapi.yaml has no such path")
	}
	op := item.GetOperation(r.Method)
	if op == nil && r.Method == http.MethodHead {
		op = item.Get
	}
	if op == nil {
		if res.StatusCode == http.StatusMethodNotAllowed || res.StatusCode == http.StatusNotImplemented {
			return nil
		}
		return fmt.Errorf("openapi.yaml has no such method")
	}
	in := &openapi3filter.RequestValidationInput{
		Request: r, PathParams: params, QueryParams: r.URL.Query(),
		Route:   &routers.Route{Spec: c.doc, Path: path, PathItem: item, Method: r.Method, Operation: op},
		Options: &openapi3filter.Options{IncludeResponseStatus: true, SkipSettingDefaults: true},
	}
	if res.StatusCode < 400 {
		if body := op.RequestBody; body != nil && body.Value.Content["*/*"] != nil {
			r.Header.Set("Content-Type", "application/octet-stream") // kin-openapi must know one, the API does not care
		}
		if err := openapi3filter.ValidateRequest(r.Context(), in); err != nil {
			return fmt.Errorf("it was carried out, but openapi.yaml does not allow it: %w", err)
		}
		for name := range r.URL.Query() {
			if op.Parameters.GetByInAndName("query", name) == nil {
				return fmt.Errorf("openapi.yaml does not know parameter %q", name)
			}
		}
	}
	if err := c.checkHeaders(op, res); err != nil {
		return err
	}
	return openapi3filter.ValidateResponse(r.Context(), &openapi3filter.ResponseValidationInput{
		RequestValidationInput: in, Status: res.StatusCode, Header: res.Header,
		Body: io.NopCloser(bytes.NewReader(body)), Options: in.Options,
	})
}

// unlisted are headers that need no mention: net/http's own, those OpenAPI describes in other ways, and the one that any answer can
// have, of which the description of the whole tells.
var unlisted = []string{"X-Request-Id", "Date", "Connection", "Content-Type", "Content-Length", "Content-Encoding"}

// checkHeaders says which header of an answer openapi.yaml does not mention.
func (c *contract) checkHeaders(op *openapi3.Operation, res *http.Response) error {
	want := op.Responses.Status(res.StatusCode)
	if want == nil {
		return fmt.Errorf("openapi.yaml does not have this status")
	}
	for name := range res.Header {
		listed := slices.Contains(unlisted, name)
		for known := range want.Value.Headers {
			listed = listed || strings.EqualFold(known, name)
		}
		if !listed {
			return fmt.Errorf("openapi.yaml does not mention the header %s", name)
		}
	}
	return nil
}

// find is the path of openapi.yaml that a URL belongs to: a znode's is all that follows, slashes too, which no router
// for OpenAPI can express.
func (c *contract) find(u *url.URL) (path string, params map[string]string) {
	escaped := u.EscapedPath()
	if rest, ok := strings.CutPrefix(escaped, "/v1/sessions/"); ok {
		id, rest, more := strings.Cut(rest, "/")
		if more {
			rest = "/" + rest
		}
		return "/v1/sessions/{id}" + rest, map[string]string{"id": id}
	}
	if id, ok := strings.CutPrefix(escaped, "/v1/cluster/members/"); ok {
		return "/v1/cluster/members/{id}", map[string]string{"id": id}
	}
	for _, prefix := range []string{"/v1/znodes", "/v1/children", "/v1/tree", "/v1/watch", "/ui"} {
		rest, ok := strings.CutPrefix(escaped, prefix)
		switch {
		case ok && (rest == "" || rest == "/"):
			return prefix, nil
		case ok && rest[0] == '/':
			return prefix + "/{path}", map[string]string{"path": rest[1:]}
		}
	}
	return escaped, nil
}
