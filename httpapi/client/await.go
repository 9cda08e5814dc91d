package client

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// longPoll is how long one request of a wait is held, at most: a wait goes on with another, on any member.
const longPoll = 30 * time.Second

// Await reads a znode when it differs from the one whose tag this is (of an earlier answer), or, where tag is "", when
// it exists. NotModified if it does not differ after wait, NoNode if it was deleted, or never was. It misses no change, but
// tells only the last of several.
func (c *Client) Await(ctx context.Context, path, tag string, wait time.Duration) (*Znode, error) {
	q := &call{method: http.MethodGet, prefix: znodesPrefix, path: path, limit: MaxDataAnswer,
		header: map[string]string{"Accept": rawData}}
	a, err := c.await(ctx, q, tag, wait)
	if err != nil {
		return nil, err
	}
	return znodeOf(q, a)
}

// AwaitChildren reads a page of children when their list differs from the one whose tag this is (of an earlier Page), or,
// where tag is "", when the znode exists; else as Await. A change of a child's data is none of the list.
func (c *Client) AwaitChildren(ctx context.Context, path string, want ChildrenQuery, tag string, wait time.Duration) (*Page, error) {
	q := &call{method: http.MethodGet, prefix: "/v1/children", path: path, query: want.values(), limit: MaxJSONAnswer}
	a, err := c.await(ctx, q, tag, wait)
	if err != nil {
		return nil, err
	}
	return want.pageOf(q, a)
}

// await holds one request after the other until one is answered, or time is up.
func (c *Client) await(ctx context.Context, q *call, tag string, wait time.Duration) (*answer, error) {
	end := time.Now().Add(wait)
	if q.query == nil {
		q.query = url.Values{}
	}
	if tag != "" {
		if q.header == nil {
			q.header = map[string]string{}
		}
		q.header["If-None-Match"] = Tag(tag).value
	}
	for {
		left := max(0, time.Until(end))
		held := min(left, longPoll)
		q.query.Set("wait", held.Round(time.Millisecond).String())
		q.within, q.each = held+c.timeout, held+c.timeout/2
		a, err := c.do(ctx, q)
		switch {
		case err == nil:
			return a, nil
		case left <= longPoll:
			return nil, err
		case tag == "" && errors.Is(err, NoNode), tag != "" && errors.Is(err, NotModified):
		default:
			return nil, err
		}
	}
}
