package httpapi

import (
	"errors"
	"os"
)

// StreamMetrics counts streams of events and long polls. Its methods are on the way of every event: they must be cheap.
type StreamMetrics interface {
	// Begin is a stream that begins: of a session, or else of paths. Each has one End.
	Begin(ofSession bool)
	// End is why a stream has ended.
	End(ofSession bool, why StreamEnd)
	// Sent is messages that a stream has handed to the network, each of one transaction.
	Sent(messages int)
	// Reset is that a stream told its client that something may be missing; the reason is one of StreamResets.
	Reset(reason string)
	// PollBegin is a request whose answer is held back, PollEnd that it is answered.
	PollBegin()
	PollEnd()
}

// StreamEnd is why a stream has ended.
type StreamEnd uint8

// Why a stream can end.
const (
	StreamDone    StreamEnd = iota // its client has all it asked for, or its session is over
	StreamLeft                     // the client went away
	StreamMoved                    // this member ends it, and the client is to take it up again: it has lived long enough, or the member stops
	StreamCutOff                   // the client took too long to accept what was sent
	StreamRefused                  // it was answered with a problem
	StreamEnds                     // how many there are
)

var streamEnds = [StreamEnds]string{"done", "left", "moved", "cut_off", "refused"}

func (e StreamEnd) String() string { return streamEnds[e] }

// StreamResets are the reasons for a reset.
var StreamResets = []string{resetHistory, resetLagged, resetRestored}

// streamEnd is how a stream ended that returned an error, or none. Moved says that it was ended by this member, which it was told.
func streamEnd(err error, moved, begun bool) StreamEnd {
	switch {
	case err == nil && moved:
		return StreamMoved
	case err == nil:
		return StreamDone
	case !begun && !errors.Is(err, errGone):
		return StreamRefused
	case errors.Is(err, os.ErrDeadlineExceeded):
		return StreamCutOff
	default:
		return StreamLeft
	}
}

// Streams is the Metrics'.
func (uncounted) Streams() StreamMetrics { return uncountedStreams{} }

// uncountedStreams is the StreamMetrics of an API that has none.
type uncountedStreams struct{}

func (uncountedStreams) Begin(bool)          {}
func (uncountedStreams) End(bool, StreamEnd) {}
func (uncountedStreams) Sent(int)            {}
func (uncountedStreams) Reset(string)        {}
func (uncountedStreams) PollBegin()          {}
func (uncountedStreams) PollEnd()            {}
