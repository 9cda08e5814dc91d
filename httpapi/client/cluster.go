package client

import (
	"context"
	"encoding/json"
	"net/http"
	"slices"

	"holt/httpapi/wire"
)

// Cluster says who the members are, as the member that answers knows it. It needs no leader.
func (c *Client) Cluster(ctx context.Context) (*wire.Cluster, error) {
	return ask[wire.Cluster](ctx, c, &call{method: http.MethodGet, prefix: "/v1/cluster", anyAge: true, limit: MaxJSONAnswer})
}

// Sync waits until the member that answers has applied all that was committed when it was asked, and gives the zxid of
// that. Later reads of this Client are at least as new, whoever answers them. It changes nothing.
func (c *Client) Sync(ctx context.Context) (zxid uint64, err error) {
	s, err := ask[wire.Sync](ctx, c, &call{method: http.MethodPost, prefix: "/v1/sync", limit: MaxJSONAnswer})
	if err != nil {
		return 0, err
	}
	c.Seen(s.Zxid)
	return s.Zxid, nil
}

// Limits gives every limit of the member that answers.
func (c *Client) Limits(ctx context.Context) (*wire.Limits, error) {
	return ask[wire.Limits](ctx, c, &call{method: http.MethodGet, prefix: "/v1/limits", anyAge: true, limit: MaxJSONAnswer})
}

// TxnDone is the answer to a transaction.
type TxnDone struct {
	wire.TxnDone
	// Replayed says that this transaction was done before, under the same key, and that this is what was answered then.
	Replayed bool
	JSON     []byte // as it was sent
}

// Txn carries out ops, all or nothing. The error of a refused transaction says in its Problem which op it was
// (Failed) and how each ended (Results). What ops read beside others that write is kept with the outcome, so that there is
// less room for it: TooLarge says so, and a Keyless Client has more.
func (c *Client) Txn(ctx context.Context, ops []wire.Op) (*TxnDone, error) {
	body, err := json.Marshal(wire.Txn{Ops: append([]wire.Op{}, ops...)})
	if err != nil {
		return nil, err
	}
	q := &call{method: http.MethodPost, prefix: "/v1/txn", body: body, write: true, again: c.key == "" && onlyReads(ops),
		header: map[string]string{"Content-Type": "application/json"}, limit: MaxJSONAnswer}
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	done := &TxnDone{Replayed: a.replayed, JSON: a.body}
	if err := a.decode(q, &done.TxnDone); err != nil {
		return nil, err
	}
	return done, nil
}

// onlyReads says whether ops change nothing.
func onlyReads(ops []wire.Op) bool {
	return !slices.ContainsFunc(ops, func(op wire.Op) bool {
		return !slices.Contains([]string{"get", "children", "exists", "check", "check_session"}, op.Op)
	})
}

// ask does a call whose answer is JSON.
func ask[T any](ctx context.Context, c *Client, q *call) (*T, error) {
	a, err := c.do(ctx, q)
	if err != nil {
		return nil, err
	}
	v := new(T)
	if err := a.decode(q, v); err != nil {
		return nil, err
	}
	return v, nil
}
