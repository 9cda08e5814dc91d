package peer

import (
	"bufio"
	"encoding/binary"
	"fmt"
	"io"
)

// A frame is
//
//	uint32   length of what follows, big endian, 2 to MaxFrame
//	uvarint  id: 0 for a one-way message, else the call it belongs to
//	byte     kind
//	payload  the rest
//
// From the dialer, kind is the caller's. From the listener, a frame with id 0 is
// a push and kind is the handler's; any other answers the call of that id, and
// kind is one of the two below.

const (
	answerOK    byte = 0 // payload: the handler's answer
	answerError byte = 1 // payload: length of the code (a byte), the code, the text

	frameLength  = 4
	maxFrameHead = binary.MaxVarintLen64 + 1
)

// frameSize is how many bytes appendFrame adds, length field included.
func frameSize(id uint64, payload []byte) int {
	n := frameLength + 1 + 1 + len(payload)
	for ; id >= 0x80; id >>= 7 {
		n++
	}
	return n
}

// appendFrame adds a frame to b. The payload is at most MaxPayload long.
func appendFrame(b []byte, id uint64, kind byte, payload []byte) []byte {
	b = binary.BigEndian.AppendUint32(b, uint32(frameSize(id, payload)-frameLength))
	b = binary.AppendUvarint(b, id)
	b = append(b, kind)
	return append(b, payload...)
}

// readFrame reads one frame. The payload is the caller's to keep; it is nil when
// empty. io.EOF means the end between two frames; ErrFrame, bytes that are none.
func readFrame(r *bufio.Reader) (id uint64, kind byte, payload []byte, err error) {
	head, err := r.Peek(frameLength)
	if err != nil {
		if len(head) > 0 && err == io.EOF {
			err = io.ErrUnexpectedEOF
		}
		return 0, 0, nil, err
	}
	left := int64(binary.BigEndian.Uint32(head))
	_, _ = r.Discard(frameLength) // they were peeked at
	if left < 2 || left > MaxFrame {
		return 0, 0, nil, fmt.Errorf("%w: length %d", ErrFrame, left)
	}
	for shift := 0; ; shift += 7 {
		c, err := r.ReadByte()
		if err != nil {
			return 0, 0, nil, unexpected(err)
		}
		left--
		// The tenth byte holds the last bit of 64, and a kind must follow.
		if left == 0 || shift == 63 && c > 1 {
			return 0, 0, nil, fmt.Errorf("%w: bad id", ErrFrame)
		}
		id |= uint64(c&0x7f) << shift
		if c < 0x80 {
			break
		}
	}
	if kind, err = r.ReadByte(); err != nil {
		return 0, 0, nil, unexpected(err)
	}
	if left--; left == 0 {
		return id, kind, nil, nil
	}
	payload = make([]byte, left)
	if _, err := io.ReadFull(r, payload); err != nil {
		return 0, 0, nil, unexpected(err)
	}
	return id, kind, payload, nil
}

// unexpected is the error of an end within a frame.
func unexpected(err error) error {
	if err == io.EOF {
		return io.ErrUnexpectedEOF
	}
	return err
}

// errorPayload encodes an error answer, cutting what is too long.
func errorPayload(e *RemoteError) []byte {
	code, text := e.Code, e.Text
	code = code[:min(len(code), 255)]
	text = text[:min(len(text), MaxErrorText)]
	b := make([]byte, 0, 1+len(code)+len(text))
	b = append(b, byte(len(code)))
	b = append(b, code...)
	return append(b, text...)
}

// parseError decodes an error answer.
func parseError(p []byte) (*RemoteError, error) {
	if len(p) == 0 || len(p) < 1+int(p[0]) {
		return nil, fmt.Errorf("%w: error answer of %d bytes", ErrFrame, len(p))
	}
	n := 1 + int(p[0])
	return &RemoteError{Code: string(p[1:n]), Text: string(p[n:])}, nil
}
