package zookeeper

import "fmt"

// MaxListed bounds each list in a Report. The counts go on.
const MaxListed = 100

// Report says what was read and what cannot be moved.
type Report struct {
	Znodes     int64 // lines written, those of ephemerals among them
	Bytes      int64 // of their data
	Zxid       uint64
	Ephemerals int64 // written as such; a load skips them
	Containers int64
	TTLs       int64
	NullData   int64 // znodes with null for data, which is empty data in holt

	ACLsDropped int64
	DroppedACLs []string // "path: acl", the first MaxListed

	SkippedRoots int64    // znodes left out with all that is below them
	Skipped      []string // "path: why", the first MaxListed

	Notes []string // what else one should know, in words
}

// notes gathers sentences of a report, at most MaxListed.
type notes []string

func (n *notes) add(format string, args ...any) { list((*[]string)(n), fmt.Sprintf(format, args...)) }

// list appends to a list of a report unless it is full.
func list(to *[]string, s string) {
	if len(*to) < MaxListed {
		*to = append(*to, s)
	}
}
