// Package peer is the connections between the members of one cluster: a single
// TCP port that carries raft's own transport and the members' calls to each
// other.
//
// It promises three things. Who is at the other end is proven: each side shows
// that it holds the cluster's secret, for this connection only, before a byte of
// either protocol is read (handshake.go). Everything is bounded: connections
// that have not proven themselves, queues, frames, calls in flight; a full queue
// makes the caller wait, never the process grow. And a call has one of three
// ends: an answer, an error that [ErrNotSent] marks as certainly without effect,
// or any other error, after which the outcome is unknown.
//
// It does not encrypt, nor does it protect the bytes that follow the handshake
// against somebody who sits on the wire; members belong in a network of their
// own. It does not repeat a call, and it does not know what a call means.
//
// One process makes one [Mux] with [Listen]. Raft gets [Mux.RaftLayer]; calls
// are answered by the routes given to [Mux.Serve] and made over a [Conn], which
// most callers take from a [Pool].
package peer
