// Package command is what members propose to one another and what comes back: a transaction with what Apply needs to
// know about its request, how many of them share one raft log entry, and how all that is encoded.
//
// The encoding is versioned: an entry once written stays readable by every later version (golden files hold that). A
// committed entry that cannot be decoded is a bug or a broken disk, never a client's doing: whatever a client or a
// member sends is decoded and checked before it is proposed.
package command
