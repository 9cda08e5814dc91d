package client

import (
	"crypto/rand"
	"fmt"
	"time"
)

const (
	// keyHeader names a write, so that it is done once however often it is sent.
	keyHeader = "Idempotency-Key"
	// replayedHeader is of an answer that was given before.
	replayedHeader = "Idempotent-Replayed"

	// MaxKey bounds an Idempotency-Key, in bytes.
	MaxKey = 128
	// maxRepeat is how long a write with a key is sent again: half of what the servers remember its outcome for.
	maxRepeat = 5 * time.Minute
)

// Keyed gives a Client whose writes carry this Idempotency-Key (1 to MaxKey visible characters) instead of a random one.
// It is for one write, which is then done once however often it is asked for, also by another program: as long as the
// servers remember it (10 minutes, unless there are too many), asking again gives the first outcome, with Replayed set.
// Another write with the same key is an IdempotencyMismatch. Both share connections and what they have seen.
func (c *Client) Keyed(key string) *Client {
	d := *c
	d.key, d.keyless = key, false
	return &d
}

// Keyless gives a Client whose writes carry no key. Such a write costs the servers less, and is sent again only where it
// was certainly not carried out: one whose answer never came is OutcomeUnknown.
func (c *Client) Keyless() *Client {
	d := *c
	d.key, d.keyless = "", true
	return &d
}

// keyFor gives a write its key.
func (c *Client) keyFor(q *call) error {
	switch {
	case !q.write, q.again, c.keyless:
		return nil
	case c.key == "":
		q.key = rand.Text() // 130 bits
		return nil
	case !validKey(c.key):
		return mistake(q, fmt.Sprintf("an Idempotency-Key is 1 to %d visible characters", MaxKey))
	}
	q.key = c.key
	return nil
}

// validKey says whether key can be sent as it is.
func validKey(key string) bool {
	for i := range len(key) {
		if key[i] <= ' ' || key[i] > '~' {
			return false
		}
	}
	return key != "" && len(key) <= MaxKey
}

// shownKey is the key where an error may show it.
func (q *call) shownKey() string {
	if q.secret {
		return ""
	}
	return q.key
}
