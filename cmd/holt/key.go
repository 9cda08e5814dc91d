package main

import (
	"errors"

	"holt/httpapi/client"
)

// keyFlags are the flags of the verbs that are one write.
type keyFlags struct {
	IdempotencyKey *string `placeholder:"KEY" help:"A name for this write, such as the one that a message about an unknown outcome gives: asked for again under it within 10 minutes, the write is done once. (By default a random one, for the repetitions of this command.)"`
}

// keyed is the client for the write.
func (f *keyFlags) keyed(c *client.Client) (*client.Client, error) {
	switch {
	case f.IdempotencyKey == nil:
		return c, nil
	case *f.IdempotencyKey == "":
		return nil, usagef("--idempotency-key must not be empty")
	}
	return c.Keyed(*f.IdempotencyKey), nil
}

// advise adds to an unknown outcome how to ask for it.
func (f *keyFlags) advise(err error) error {
	var failed *client.Error
	if !errors.As(err, &failed) || failed.Code() != client.OutcomeUnknown {
		return err
	}
	key := failed.Key
	if f.IdempotencyKey != nil {
		key = *f.IdempotencyKey
	}
	if key == "" {
		return err
	}
	return advised{err, "the outcome is unknown: run the same again with --idempotency-key " + key, key}
}
