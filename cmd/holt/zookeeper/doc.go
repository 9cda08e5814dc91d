// Package zookeeper reads a ZooKeeper tree, so that its users can move: Read writes it in the form PUT /v1/tree takes,
// one znode a line, parents first, from a snapshot file, a data folder (a snapshot and the transaction logs after it) or
// a live ensemble.
//
// It promises that what it writes is one state of the tree, or says in the report why it may not be; that it only reads;
// and that a damaged file is an error: never a panic, never memory for more than is really in it. It keeps paths,
// data, modes and the numbers that sequential names come from. It does not keep versions, times, zxids, sessions, quotas
// or the null that ZooKeeper tells from empty data; ACLs it refuses or, told so, drops; all this is in the report.
//
// A file is read into memory first, since its znodes are in no order: that takes the data and about 200 bytes a znode.
// A live ensemble is walked with a bounded number of answers held.
package zookeeper
