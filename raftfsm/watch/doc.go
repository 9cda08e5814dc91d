// Package watch carries what transactions did from the state of this member to whoever watches it here.
//
// A Hub is given every new znode.State. Its one goroutine reads the records that are new in the state's history and finds
// the subscriptions they are for. A subscription is a cursor into the history, with a Filter and a short queue in front of it
// that saves those who keep up the reading.
//
// It promises of what a subscription is given: it is what the filter says, in the order of the zxids, one message a
// transaction, nothing twice, and nothing left out without saying so (lost). Where a subscription stands (upTo) is a zxid
// from which it can be taken up again, on any member, by Subscribe. Publish never waits for anybody: a subscriber that is
// slow or stuck costs its queue and no more, and reads the history once the queue is full.
//
// It keeps nothing for a subscription that is closed, reads no data, and knows no HTTP. Who may see an event is not
// its matter.
//
// Locks are taken in this order: Hub.mu, Subscription.mu. Those of encodings and flushes are taken with no other held. None
// is held while something is encoded or the history is searched for one subscription; Publish takes none.
package watch
