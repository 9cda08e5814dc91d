package client

import (
	"context"
	"encoding/json"
	"errors"
	"net/http"
	"net/url"

	"holt/httpapi/wire"
)

const membersPrefix = "/v1/cluster/members"

// ClusterReport says who the members are and how each says it is. It needs no leader, and takes a second if one of them cannot be
// reached.
func (c *Client) ClusterReport(ctx context.Context) (*wire.ClusterReport, error) {
	return ask[wire.ClusterReport](ctx, c, &call{method: http.MethodGet, prefix: "/v1/cluster", query: url.Values{"verbose": {"true"}},
		anyAge: true, limit: MaxJSONAnswer})
}

// AddMember makes a server a member, or changes the address, the URL or the kind of one, and gives the cluster after that. A new voter
// votes once it has caught up. To ask for the same twice changes nothing. ReconfigInProgress is waited out; ReconfigUnsafe says which
// members are missing.
func (c *Client) AddMember(ctx context.Context, m wire.NewMember) (*wire.Cluster, error) {
	q, err := changeCall(membersPrefix, m)
	if err != nil {
		return nil, err
	}
	return ask[wire.Cluster](ctx, c, q)
}

// RemoveMember takes a member out of the cluster. NoMember if there is none of that name.
func (c *Client) RemoveMember(ctx context.Context, name string) error {
	_, err := c.do(ctx, &call{method: http.MethodDelete, prefix: membersPrefix, id: name, write: true, again: true, anyAge: true, limit: MaxJSONAnswer})
	var e *Error
	if errors.As(err, &e) && e.doubted && e.Code() == NoMember {
		return nil // it was this very call, whose first answer was lost
	}
	return err
}

// Transfer gives leadership to a voter, "" to whichever is most up to date, and gives the cluster after that.
func (c *Client) Transfer(ctx context.Context, to string) (*wire.Cluster, error) {
	q, err := changeCall("/v1/cluster/leader", wire.NewLeader{ID: to})
	if err != nil {
		return nil, err
	}
	return ask[wire.Cluster](ctx, c, q)
}

// changeCall is a POST that changes the cluster in a way that may be asked for again.
func changeCall(prefix string, v any) (*call, error) {
	body, err := json.Marshal(v)
	if err != nil {
		return nil, err
	}
	return &call{method: http.MethodPost, prefix: prefix, body: body, write: true, again: true, anyAge: true, limit: MaxJSONAnswer,
		header: map[string]string{"Content-Type": "application/json"}}, nil
}
