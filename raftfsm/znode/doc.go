// Package znode is holt's domain: the tree of znodes, what may be done to it, and what each change leaves behind.
//
// It is pure. The same transactions in the same order give the same states, results and bytes on every member: there is
// no clock, randomness, goroutine, logging, I/O or map order in it. Time comes with the transaction.
//
//	Path, Prefix   names, parsed once; a value of these types cannot be wrong
//	Op, Txn        what is asked: one or more ops, all or nothing
//	Machine        the mutable state: Apply(txn) = result; one goroutine
//	State          an immutable view of the machine after some transaction; any number of readers
//
// The rules are ZooKeeper's (paths, stat, sequential names, which refusal comes first); where holt differs, the place
// says so. A refusal is a result and not an error: it is computed alike everywhere and part of the history.
//
// The package does not know how a transaction is replicated (raftfsm), encoded for the log (command) or asked for
// (httpapi).
package znode
