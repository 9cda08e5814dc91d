package httpapi

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"crypto/subtle"
	"encoding/hex"
	"errors"
	"net/textproto"
	"strconv"

	"holt/raftfsm/znode"
)

// MaxIdempotencyKeyBytes bounds an Idempotency-Key, without its quotes.
const MaxIdempotencyKeyBytes = 128

// replayed is the value of Idempotent-Replayed.
var replayed = []string{"true"}

// readKey takes the request's Idempotency-Key. Where nothing is written, or it does no harm to do it again, there is none:
// a key that goes unheard would be a promise that is not kept.
func (x *exchange) readKey() error {
	values, ok := x.r.Header["Idempotency-Key"]
	switch {
	case !ok:
		return nil
	case x.at.duplex:
		return badArguments("a pipeline has no Idempotency-Key: each of its lines may have an idempotency_key")
	case !x.at.keyed:
		return badArguments("Idempotency-Key has no meaning for " + x.r.Method + " here")
	case len(values) > 1:
		return badArguments("header Idempotency-Key is there twice")
	}
	var err error
	x.key, err = parseKey(values[0])
	return err
}

// parseKey is an Idempotency-Key without its quotes, which may be left out: "a" and a are the same key.
func parseKey(value string) (string, error) {
	key := textproto.TrimString(value)
	if n := len(key); n >= 2 && key[0] == '"' && key[n-1] == '"' {
		key = key[1 : n-1]
	}
	if n := len(key); n == 0 || n > MaxIdempotencyKeyBytes {
		return "", badArguments("an idempotency key has 1 to " + strconv.Itoa(MaxIdempotencyKeyBytes) + " characters, not " + strconv.Itoa(n))
	}
	for i := range len(key) {
		if c := key[i]; c <= ' ' || c >= 0x7f || c == '"' {
			return "", badArguments("an idempotency key is of visible ASCII characters, with quotes around it or without")
		}
	}
	return key, nil
}

// sealNonceBytes is how much of a Seal is random; the rest is the id.
const sealNonceBytes = len(znode.Seal{}) - sessionIDBytes

// sealID is the id of a session to open under a key, for the state to keep: who has the key can read it, who has the state cannot.
func sealID(key string, id [sessionIDBytes]byte) (seal znode.Seal) {
	_, _ = rand.Read(seal[:sealNonceBytes]) // which never fails
	subtle.XORBytes(seal[sealNonceBytes:], id[:], sealMask(key, seal))
	return seal
}

// unsealID is the id that sealID was given with the same key.
func unsealID(key string, seal znode.Seal) (id [sessionIDBytes]byte) {
	subtle.XORBytes(id[:], seal[sealNonceBytes:], sealMask(key, seal))
	return id
}

func sealMask(key string, seal znode.Seal) []byte {
	mac := hmac.New(sha256.New, []byte(key))
	mac.Write(seal[:sealNonceBytes])
	return mac.Sum(nil)[:sessionIDBytes]
}

// sealedID is the id of the session that was opened under the request's key, maybe by an earlier request.
func (x *exchange) sealedID(op *znode.OpResult) (string, error) {
	id := unsealID(x.key, op.Seal)
	if sha256.Sum256(id[:]) != op.Session.Key {
		return "", errors.New("the sealed id is not that of session " + op.Session.Owner.String())
	}
	return hex.EncodeToString(id[:]), nil
}
