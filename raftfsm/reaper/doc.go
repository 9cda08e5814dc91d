// Package reaper has znodes deleted that go of themselves: containers that lost their last child znode.ContainerLinger ago, or never
// had one for znode.ContainerGrace, and znodes with a TTL that have no children and whose data was not set for that long.
//
// A Reaper looks at the state of its member and, while that member leads, proposes what is due. It decides nothing: what
// it proposes names the znode with the version and czxid that it saw, and Apply judges by the time of the log whether
// that znode is there, as it was, without children, and due. So a proposal that comes late, twice, or from a member that
// leads no more, deletes nothing that should stay.
//
// What is promised:
//
//   - No znode goes while it has a child, whatever the clocks say.
//
//   - No znode goes early by the time of the log, which never goes back: of a TTL znode, at least its TTL lies between the
//     times that the log gives the last set and the delete; of a container, at least the linger between those of the delete of its last
//     child and its own. That is all there can be, for nobody has a better clock:
//     the time of an entry is the clock of the member that leads when it is proposed, or the time of the state if that is
//     later. If clocks are apart, a change to a leader whose clock is behind by d has znodes go up to d late, and so does one
//     back from a leader that was ahead; a change to a leader that is ahead by d, or a clock that is set forward, has
//     those go up to d early that were made, set or emptied before. If d is a linger or more, a container that was emptied just
//     before such a change is due at once: whoever makes a child in a container must be ready to find it gone, and make it again.
//
//   - What is due goes within LookEvery and a commit, while there is a leader and no more is due than MaxPerSecond.
//     After a change of leader it rests for OfficeGrace first, so that what was waiting for a leader, the set that would
//     have kept a znode alive or the child on its way into a container, is carried out before.
//
//   - A parent container that becomes empty by that lingers in its turn: of containers within containers, one level goes
//     every ContainerLinger.
//
//   - At most one batch of BatchSize is under way, and no more than MaxPerSecond are proposed. A member carries out
//     some ten thousand writes a second: a million znodes that fall due together take a tenth of that for a quarter of
//     an hour, and are not in anybody's way. Who makes more of them a second than that, all the time, has more and more of them.
//
//   - What is refused although it is due holds up nobody: it has its turn again RetryAfter later, when all behind it
//     had theirs. As it is, only a clock that is set back at the wrong moment can have that happen.
//
// Nothing is remembered that would have to be handed over: a new leader finds all it needs in the state. A look costs
// one search in the tree of what is due, and nothing is looked at on members that do not lead. There is one goroutine.
package reaper
