package zookeeper

import "holt/raftfsm/znode"

// kind is what becomes of a znode by itself.
type kind uint8

const (
	persistent kind = iota
	ephemeral
	container
	ttl
)

func (k kind) String() string {
	return [...]string{"persistent", "ephemeral", "container", "persistent_with_ttl"}[k]
}

// Special values of the ephemeral owner, from ZooKeeper's EphemeralType: the highest byte ff and two bytes of 0 mark a
// TTL, which is in the other five; the highest bit alone marks a container, and in 3.5.3 a TTL in the other bits.
const (
	containerOwner = uint64(1) << 63
	ttlOwner       = uint64(0xff) << 56
	ttlMask        = uint64(1)<<40 - 1
)

// kindOf tells from the owner what a znode is; the time to live is in ms. A session's id may look like a TTL, if the
// server's number is 128 or more: known says of which ids it is known that they are sessions'.
func kindOf(owner int64, known func(int64) bool) (kind, int64) {
	o := uint64(owner)
	switch {
	case o == 0:
		return persistent, 0
	case o == containerOwner:
		return container, 0
	case known(owner):
		return ephemeral, 0
	case o&^ttlMask == ttlOwner && o != ttlOwner:
		return ttl, int64(o & ttlMask)
	case o&^containerOwner <= znode.MaxTTL && o&containerOwner != 0:
		return ttl, int64(o &^ containerOwner)
	}
	return ephemeral, 0
}
