//go:build !linux

package peer

import "net"

// setUserTimeout does nothing here: keepalive alone finds a dead peer.
func setUserTimeout(*net.TCPConn) error { return nil }
