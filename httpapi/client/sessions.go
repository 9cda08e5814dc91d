package client

import (
	"context"
	"encoding/json"
	"errors"
	"iter"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"holt/httpapi/wire"
)

// Renewal is what became of a session that was to be renewed.
type Renewal struct {
	ID        SessionID
	Timeout   time.Duration
	ExpiresIn time.Duration // from when it was asked for
	Next      time.Duration // when to renew it again
	Err       error         // SessionExpired where it is over; nil where it is renewed
}

func keepaliveCall(id SessionID) *call {
	return &call{method: http.MethodPost, prefix: sessionsPrefix, id: string(id), under: "/keepalive",
		write: true, again: true, anyAge: true, limit: MaxJSONAnswer}
}

// Keepalive renews sessions, whoever opened them. What became of each is in the same order as the ids; an error of the
// whole call says that nothing is known to be renewed.
func (c *Client) Keepalive(ctx context.Context, ids ...SessionID) ([]Renewal, error) {
	body, err := json.Marshal(ids)
	if err != nil {
		return nil, err
	}
	q := &call{method: http.MethodPost, prefix: "/v1/keepalive", body: body, write: true, again: true, anyAge: true,
		header: map[string]string{"Content-Type": "application/json"}, limit: MaxJSONAnswer}
	in, err := ask[[]wire.KeepaliveResult](ctx, c, q)
	if err != nil {
		return nil, err
	}
	if len(*in) != len(ids) {
		return nil, unexpected(q, "", errors.New("it is about "+strconv.Itoa(len(*in))+" sessions, asked were "+strconv.Itoa(len(ids))))
	}
	out := make([]Renewal, len(ids))
	for i, r := range *in {
		out[i] = Renewal{ID: ids[i]}
		if r.Kept != nil {
			out[i].Timeout, out[i].ExpiresIn, out[i].Next = millis(r.TimeoutMs), millis(r.ExpiresInMs), millis(r.NextKeepaliveMs)
			continue
		}
		e := over("the session is over: "+r.Reason, nil)
		e.Problem.Code, e.Problem.Reason = r.Code, r.Reason
		out[i].Err = e
	}
	return out, nil
}

// Session looks at a session, by its owner (its public name) or its id, without renewing it. SessionExpired if it is
// over.
func (c *Client) Session(ctx context.Context, ownerOrID string) (*wire.Session, error) {
	return ask[wire.Session](ctx, c, &call{method: http.MethodGet, prefix: sessionsPrefix, id: ownerOrID, limit: MaxJSONAnswer})
}

// Sessions yields all sessions, by owner, page after page; it ends after the last or the first error.
func (c *Client) Sessions(ctx context.Context) iter.Seq2[wire.SessionRow, error] {
	return func(yield func(wire.SessionRow, error) bool) {
		v := url.Values{"limit": {strconv.Itoa(DefaultPage)}}
		for {
			in, err := ask[wire.Sessions](ctx, c, &call{method: http.MethodGet, prefix: sessionsPrefix, query: v, limit: MaxJSONAnswer})
			if err != nil {
				yield(wire.SessionRow{}, err)
				return
			}
			for _, s := range in.Sessions {
				if !yield(s, nil) {
					return
				}
			}
			if in.Next == "" {
				return
			}
			v.Set("after", in.Next)
		}
	}
}

// CloseSession ends a session by its id, as Session.Close does.
func (c *Client) CloseSession(ctx context.Context, id SessionID) error {
	err := c.endSession(ctx, string(id))
	if endedBy(err, "closed") {
		return nil // it may have been this very call, whose first answer was lost
	}
	return err
}

// KillSession ends somebody else's session by its owner, its public name. SessionExpired if it was over already, other
// than by a kill.
func (c *Client) KillSession(ctx context.Context, owner string) error {
	err := c.endSession(ctx, owner)
	if endedBy(err, "killed") {
		return nil // it may have been this very call, whose first answer was lost
	}
	return err
}

// endedBy says whether err is that the session is over for a reason.
func endedBy(err error, reason string) bool {
	var e *Error
	return errors.As(err, &e) && e.Code() == SessionExpired && e.Problem.Reason == reason
}

func (c *Client) endSession(ctx context.Context, ownerOrID string) error {
	_, err := c.do(ctx, &call{method: http.MethodDelete, prefix: sessionsPrefix, id: ownerOrID, write: true, again: true,
		limit: MaxJSONAnswer})
	return err
}
