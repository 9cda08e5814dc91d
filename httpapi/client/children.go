package client

import (
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"strings"

	"holt/httpapi/wire"
)

// DefaultPage is how many children a page has where ChildrenQuery.Limit is 0.
const DefaultPage = 1000

// ChildrenQuery says which children are wanted and what of them.
type ChildrenQuery struct {
	Limit       int    // of a page; 0 means DefaultPage
	Offset      int    // how many to leave out from the front; not with After or Prefix
	After       string // only names behind this one
	Prefix      string // only names that begin with this
	WithStat    bool
	WithData    bool
	Consistency Consistency // of the first page; later pages are at least as new
}

// Child is one child, with what was asked for.
type Child struct {
	Name string
	Stat *wire.Stat // nil unless WithStat
	Data []byte     // nil unless WithData
}

// Page is some of the children of a znode, sorted by name.
type Page struct {
	Path     string
	Stat     wire.Stat // of the parent
	Children []Child
	Next     string // ChildrenQuery.After of the next page; "" on the last
	Offset   int64  // how many children of the znode sort before the first that was asked for
	Tag      string
	Zxid     uint64
}

// Children reads one page of the children of a znode. NoNode if there is no such znode.
func (c *Client) Children(ctx context.Context, path string, want ChildrenQuery) (*Page, error) {
	q := &call{method: http.MethodGet, prefix: "/v1/children", path: path, query: want.values(), limit: MaxJSONAnswer}
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	return want.pageOf(q, a)
}

// pageOf reads the answer to want.
func (want ChildrenQuery) pageOf(q *call, a *answer) (p *Page, err error) {
	p = &Page{Tag: a.header.Get("Etag"), Zxid: a.zxid}
	if want.WithStat || want.WithData {
		err = p.decodeFull(a.body)
	} else {
		err = p.decodeNames(a.body)
	}
	if err != nil {
		return nil, unexpected(q, a.endpoint, err)
	}
	return p, nil
}

// AllChildren reads page after page; it ends after the last child or the first error. The pages are of different
// states: a child made or deleted meanwhile may or may not be seen, all others are seen once.
func (c *Client) AllChildren(ctx context.Context, path string, want ChildrenQuery) iter.Seq2[Child, error] {
	return func(yield func(Child, error) bool) {
		for {
			p, err := c.Children(ctx, path, want)
			if err != nil {
				yield(Child{}, err)
				return
			}
			for _, child := range p.Children {
				if !yield(child, nil) {
					return
				}
			}
			if p.Next == "" {
				return
			}
			want.After, want.Offset = p.Next, 0
		}
	}
}

func (want ChildrenQuery) values() url.Values {
	v := url.Values{}
	if q := want.Consistency.query(); q != nil {
		v = q
	}
	if want.Limit == 0 {
		want.Limit = DefaultPage
	}
	v.Set("limit", strconv.Itoa(want.Limit))
	if want.Offset != 0 {
		v.Set("offset", strconv.Itoa(want.Offset))
	}
	if want.After != "" {
		v.Set("after", want.After)
	}
	if want.Prefix != "" {
		v.Set("prefix", want.Prefix)
	}
	var include []string
	if want.WithStat {
		include = append(include, "stat")
	}
	if want.WithData {
		include = append(include, "data")
	}
	if include != nil {
		v.Set("include", strings.Join(include, ","))
	}
	return v
}

func (p *Page) decodeNames(body []byte) error {
	var in wire.Children
	if err := json.Unmarshal(body, &in); err != nil {
		return err
	}
	p.Path, p.Stat, p.Next, p.Offset = in.Path, in.Stat, in.Next, in.Offset
	for _, name := range in.Children {
		p.Children = append(p.Children, Child{Name: name})
	}
	return nil
}

func (p *Page) decodeFull(body []byte) error {
	var in wire.ChildrenWith
	if err := json.Unmarshal(body, &in); err != nil {
		return err
	}
	p.Path, p.Stat, p.Next, p.Offset = in.Path, in.Stat, in.Next, in.Offset
	for _, c := range in.Children {
		child := Child{Name: c.Name, Stat: c.Stat}
		if c.Data != nil {
			data, err := Decode(*c.Data, c.Encoding)
			if err != nil {
				return fmt.Errorf("child %q: %w", c.Name, err)
			}
			child.Data = data
		}
		p.Children = append(p.Children, child)
	}
	return nil
}

// Decode gives the bytes that JSON carries as data in an encoding of the wire's.
func Decode(data, encoding string) ([]byte, error) {
	switch encoding {
	case wire.UTF8:
		return []byte(data), nil
	case wire.Base64:
		return base64.StdEncoding.DecodeString(data)
	}
	return nil, fmt.Errorf("encoding %q is not known", encoding)
}
