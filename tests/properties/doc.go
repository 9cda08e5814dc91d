// Package properties says whether what a watcher received is what it was promised. A Recording is all that came in on one
// stream, over as many reconnects to as many members as there were; a Truth is what the transactions did. Each check holds
// one promise and says in its error where the recording breaks it. They are etcd's validators of watches, with holt's own
// added for resets and for sessions.
//
// The checks know nothing of how events travel, so that recordings made on a hub in the same process and on a connection
// to a server are held to the same. They do not compare recordings with each other, and they judge order, never time.
package properties
