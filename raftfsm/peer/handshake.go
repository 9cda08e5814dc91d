package peer

import (
	"crypto/hmac"
	"crypto/rand"
	"crypto/sha256"
	"errors"
	"fmt"
	"io"
)

// The handshake is four messages:
//
//	dialer → listener  hello      who I am, whom I want, which cluster, which kind, nonce
//	listener → dialer  challenge  nonce
//	dialer → listener  proof      HMAC(secret, label · "dialer" · hello · challenge)
//	listener → dialer  verdict    accepted or why not, my name, my cluster,
//	                              HMAC(secret, label · "listener" · hello · challenge · verdict)
//
// The dialer proves itself first, so that a stranger who connects learns nothing
// from the listener but a random number. Both nonces are in both proofs, so no
// recorded proof is good twice; the role is, so neither side's proof can be sent
// back to it; the wanted name is, so a proof meant for one member cannot be
// relayed to another. A dialer that wants any member could have its own hello
// relayed to itself: that is refused as SameName.
//
// All numbers are single bytes, each message has a fixed head, and the reader
// never reads beyond a message: what follows belongs to the protocol on top.

// Kind is what an authenticated connection carries.
type Kind byte

// The kinds of connection. Their numbers are part of the protocol.
const (
	KindRaft  Kind = 'R' // raft's transport
	KindCalls Kind = 'C' // frames, see calls.go
)

const (
	handshakeVersion = 1
	handshakeLabel   = "holt peer handshake 1"
	roleDialer       = "dialer"
	roleListener     = "listener"

	nonceSize     = 32
	proofSize     = sha256.Size
	magic         = "HOLT"
	helloHead     = len(magic) + 1 + 1 + nonceSize + 3
	challengeSize = len(magic) + 1 + nonceSize
	verdictHead   = 1 + 2
)

// errHello means a first message that is none; the listener hangs up.
var errHello = errors.New("not a member's hello")

// hello is the dialer's first message.
type hello struct {
	kind    Kind
	nonce   [nonceSize]byte
	name    string // the dialer
	wanted  string // "" for any member
	cluster string // "" for not known yet
}

// append adds the message to b. Names are at most MaxName long: Config and
// dialers check.
func (h *hello) append(b []byte) []byte {
	b = append(b, magic...)
	b = append(b, handshakeVersion, byte(h.kind))
	b = append(b, h.nonce[:]...)
	b = append(b, byte(len(h.name)), byte(len(h.wanted)), byte(len(h.cluster)))
	b = append(b, h.name...)
	b = append(b, h.wanted...)
	return append(b, h.cluster...)
}

// readHello reads one hello and also returns its bytes.
func readHello(r io.Reader) (hello, []byte, error) {
	var h hello
	b := make([]byte, helloHead, helloHead+3*MaxName)
	if _, err := io.ReadFull(r, b); err != nil {
		return h, nil, err
	}
	if string(b[:len(magic)]) != magic || b[len(magic)] != handshakeVersion {
		return h, nil, errHello
	}
	p := b[len(magic)+1:]
	h.kind = Kind(p[0])
	if h.kind != KindRaft && h.kind != KindCalls {
		return h, nil, errHello
	}
	copy(h.nonce[:], p[1:])
	nName, nWanted, nCluster := int(p[1+nonceSize]), int(p[2+nonceSize]), int(p[3+nonceSize])
	if nName == 0 {
		return h, nil, errHello
	}
	b = b[:helloHead+nName+nWanted+nCluster]
	s := b[helloHead:]
	if _, err := io.ReadFull(r, s); err != nil {
		return h, nil, err
	}
	h.name, h.wanted, h.cluster = string(s[:nName]), string(s[nName:nName+nWanted]), string(s[nName+nWanted:])
	return h, b, nil
}

// newChallenge makes the listener's first message around a fresh nonce.
func newChallenge() []byte {
	b := make([]byte, challengeSize)
	copy(b, magic)
	b[len(magic)] = handshakeVersion
	rand.Read(b[len(magic)+1:]) // never fails
	return b
}

// readChallenge reads the listener's first message.
func readChallenge(r io.Reader) ([]byte, error) {
	b := make([]byte, challengeSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return nil, err
	}
	if string(b[:len(magic)]) != magic || b[len(magic)] != handshakeVersion {
		return nil, errors.New("not a member's answer")
	}
	return b, nil
}

// verdict is the listener's answer to a dialer that proved itself.
type verdict struct {
	reason  Refusal
	name    string // the listener
	cluster string
}

func (v *verdict) append(b []byte) []byte {
	b = append(b, byte(v.reason), byte(len(v.name)), byte(len(v.cluster)))
	b = append(b, v.name...)
	return append(b, v.cluster...)
}

// readVerdict reads the verdict and the proof behind it; the bytes returned are
// those the proof covers.
func readVerdict(r io.Reader) (v verdict, covered, proof []byte, err error) {
	b := make([]byte, verdictHead, verdictHead+2*MaxName+proofSize)
	if _, err := io.ReadFull(r, b); err != nil {
		return v, nil, nil, err
	}
	nName, nCluster := int(b[1]), int(b[2])
	end := verdictHead + nName + nCluster
	b = b[:end+proofSize]
	if _, err := io.ReadFull(r, b[verdictHead:]); err != nil {
		return v, nil, nil, err
	}
	v.reason = Refusal(b[0])
	v.name = string(b[verdictHead : verdictHead+nName])
	v.cluster = string(b[verdictHead+nName : end])
	return v, b[:end], b[end:], nil
}

// proofOf is the proof of one role over the messages so far. Each message states
// its own length, so their concatenation can be read in one way only.
func proofOf(secret []byte, role string, messages ...[]byte) []byte {
	m := hmac.New(sha256.New, secret)
	for _, s := range []string{handshakeLabel, role} {
		m.Write([]byte{byte(len(s))})
		m.Write([]byte(s))
	}
	for _, b := range messages {
		m.Write(b)
	}
	return m.Sum(nil)
}

// greet is the dialer's side. It returns who answered.
func greet(rw io.ReadWriter, secret []byte, h hello) (name string, err error) {
	rand.Read(h.nonce[:]) // never fails
	said := h.append(nil)
	if _, err := rw.Write(said); err != nil {
		return "", fmt.Errorf("%w: sending hello: %w", ErrAuth, err)
	}
	challenge, err := readChallenge(rw)
	if err != nil {
		return "", fmt.Errorf("%w: reading the challenge: %w", ErrAuth, err)
	}
	if _, err := rw.Write(proofOf(secret, roleDialer, said, challenge)); err != nil {
		return "", fmt.Errorf("%w: sending the proof: %w", ErrAuth, err)
	}
	v, covered, proof, err := readVerdict(rw)
	if err != nil {
		return "", fmt.Errorf("%w: the other side did not accept our proof (is the secret the same?): %w", ErrAuth, err)
	}
	if !hmac.Equal(proof, proofOf(secret, roleListener, said, challenge, covered)) {
		return "", fmt.Errorf("%w: the other side does not hold the secret", ErrAuth)
	}
	if v.reason != accepted {
		return "", &RefusedError{Reason: v.reason, Wanted: h.wanted, Name: v.name, Cluster: v.cluster}
	}
	return v.name, nil
}

// receive is the listener's side. judge is asked only about a dialer that proved
// itself; the connection may be used only if the verdict returned is accepted.
func receive(rw io.ReadWriter, secret []byte, judge func(hello) verdict) (hello, verdict, error) {
	h, said, err := readHello(rw)
	if err != nil {
		return h, verdict{}, fmt.Errorf("%w: reading the hello: %w", ErrAuth, err)
	}
	challenge := newChallenge()
	if _, err := rw.Write(challenge); err != nil {
		return h, verdict{}, fmt.Errorf("%w: sending the challenge: %w", ErrAuth, err)
	}
	var proof [proofSize]byte
	if _, err := io.ReadFull(rw, proof[:]); err != nil {
		return h, verdict{}, fmt.Errorf("%w: reading the proof: %w", ErrAuth, err)
	}
	if !hmac.Equal(proof[:], proofOf(secret, roleDialer, said, challenge)) {
		return h, verdict{}, fmt.Errorf("%w: the dialer does not hold the secret", ErrAuth)
	}
	v := judge(h)
	b := v.append(nil)
	b = append(b, proofOf(secret, roleListener, said, challenge, b)...)
	if _, err := rw.Write(b); err != nil {
		return h, v, fmt.Errorf("%w: sending the verdict: %w", ErrAuth, err)
	}
	return h, v, nil
}
