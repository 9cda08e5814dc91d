// Package guard stands between hashicorp/raft v1.8.0 and what raft touches: its peers (Transport), its disk (Logs, Stable,
// Snaps) and the folder a member lives in (OpenStore).
//
// It promises that open bugs of the library, each named by its issue number where it is dealt with, cannot hurt a member
// whose raft.Raft was given these wrappers; that nothing is read from a disk that lied once; and that a member whose log is gone,
// damaged or another's refuses to start instead of voting a second time.
//
// The library is not modified. The package knows nothing of commands or znodes: what an entry must look like is asked of a
// function handed in. It never ends the process itself: it calls Config.Fatal, once.
//
// How the pieces fit, in the order a member uses them:
//
//	CheckInChild                 a child process reads all of raft.db: damage there can kill the reader
//	OpenStore → Store            folder, identity and raft.db belong together
//	NewStores → Logs, Stable     Logs: boundary (#697) → cache → disk (latch, stall, chunks, checks) → raw store
//	                             Stable: vote in one record (#661) → disk → raw store
//	ReapTmp, NewSnaps → Snaps    snapshot store that tells Logs what is durable
//	NewTransport → Transport     heartbeats in order (#695), silence while the disk hangs (#503), Inject
package guard

// MaxRPCsInFlight is the only safe value of raft.NetworkTransportConfig.MaxRPCsInFlight (#612). With more than one request under
// way raft replicates through a pipeline, and a follower that refuses one append can then be left without entries for ever, while heartbeats
// go on and hide it. With one, raft asks for each append and waits.
const MaxRPCsInFlight = 1
