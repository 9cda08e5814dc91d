// Package apitest is for tests of the HTTP interface and of what speaks to it: a member of a cluster that is nothing
// but a state in memory. It replicates nothing, and it fails in the ways a real one does when it is told to.
package apitest
