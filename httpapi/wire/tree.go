package wire

// TreeLine is one znode of a tree: a line of GET and PUT /v1/tree{path}. Mode is persistent, ephemeral, container or
// persistent_with_ttl, TTLMs 0 where there is none, Created how many children were ever created below it, which is what
// sequential names are made from. Stat is left out by who has none to tell; Data and Encoding are there with include=data, and
// always in what is to be loaded.
type TreeLine struct {
	Path     string  `json:"path"`
	Mode     string  `json:"mode"`
	TTLMs    int64   `json:"ttl_ms"`
	Created  uint64  `json:"created"`
	Stat     *Stat   `json:"stat,omitempty"`
	Data     *string `json:"data,omitempty"`
	Encoding string  `json:"encoding,omitempty"`
}

// TreeCount answers GET /v1/tree{path}?count=true: how many znodes there are below, and the bytes of data of all and of the
// znode itself.
type TreeCount struct {
	Path        string `json:"path"`
	Descendants int64  `json:"descendants"`
	Bytes       int64  `json:"bytes"`
}

// TreeLoaded answers PUT /v1/tree{path}, and is in the problem where that broke off: what became of the znodes of the first so
// many lines. Those kept are different there and were left so; those skipped are ephemerals, and what could have no parent.
type TreeLoaded struct {
	Zxid         uint64   `json:"zxid"` // of the last transaction; 0 if there was none
	Made         int64    `json:"made"`
	Changed      int64    `json:"changed"`
	Same         int64    `json:"same"`
	Kept         int64    `json:"kept"`
	Skipped      int64    `json:"skipped"`
	SkippedPaths []string `json:"skipped_paths"` // the first hundred
	Lines        int64    `json:"lines"`
}
