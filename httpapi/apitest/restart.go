package apitest

import (
	"bytes"

	"holt/raftfsm/znode"
)

// Bytes is the state as a snapshot has it: equal states have equal bytes.
func (n *Node) Bytes() ([]byte, error) {
	s, err := n.State()
	if err != nil {
		return nil, err
	}
	var b bytes.Buffer
	err = s.Encode(&b)
	return b.Bytes(), err
}

// Restart has the Node go on from a snapshot of its state, as a member does that was away.
func (n *Node) Restart() error {
	b, err := n.Bytes()
	if err != nil {
		return err
	}
	s, err := znode.DecodeState(bytes.NewReader(b))
	if err != nil {
		return err
	}
	n.mu.Lock()
	defer n.mu.Unlock()
	n.machine = znode.FromState(s)
	n.state = n.machine.State()
	n.Hub.Publish(n.state)
	n.wake()
	return nil
}
