// Package wire is the JSON of holt's HTTP interface: what requests and answers look like, and the closed set of error
// codes. It is the only place with JSON tags, shared by the server and the Go client. Every field is always present.
package wire

import "encoding/json"

// Stat is what is known about a znode besides its data. Times are ms since the Unix epoch.
type Stat struct {
	Version        int64  `json:"version"`
	Cversion       int64  `json:"cversion"`
	Aversion       int64  `json:"aversion"`
	Czxid          uint64 `json:"czxid"`
	Mzxid          uint64 `json:"mzxid"`
	Pzxid          uint64 `json:"pzxid"`
	Ctime          int64  `json:"ctime"`
	Mtime          int64  `json:"mtime"`
	EphemeralOwner string `json:"ephemeral_owner"`
	DataLength     int64  `json:"data_length"`
	NumChildren    int64  `json:"num_children"`
}

// Encodings of data in JSON.
const (
	UTF8   = "utf8"
	Base64 = "base64"
)

// Znode answers GET /v1/znodes{path} in JSON.
type Znode struct {
	Path     string `json:"path"`
	Data     string `json:"data"`
	Encoding string `json:"encoding"`
	Stat     Stat   `json:"stat"`
}

// Written answers PUT and POST of a znode.
type Written struct {
	Path string `json:"path"`
	Stat Stat   `json:"stat"`
}

// Children answers GET /v1/children{path}. Next is "" on the last page, else what to pass as after.
type Children struct {
	Path     string   `json:"path"`
	Children []string `json:"children"`
	Stat     Stat     `json:"stat"`
	Next     string   `json:"next"`
}

// ChildrenWith answers GET /v1/children{path}?include=….
type ChildrenWith struct {
	Path     string  `json:"path"`
	Children []Child `json:"children"`
	Stat     Stat    `json:"stat"`
	Next     string  `json:"next"`
}

// Child is one child with what was asked to be included; the rest is absent.
type Child struct {
	Name     string  `json:"name"`
	Stat     *Stat   `json:"stat,omitempty"`
	Data     *string `json:"data,omitempty"`
	Encoding string  `json:"encoding,omitempty"`
}

// Sync answers POST /v1/sync.
type Sync struct {
	Zxid uint64 `json:"zxid"`
}

// Member is one server of the cluster.
type Member struct {
	ID       string `json:"id"`
	RaftAddr string `json:"raft_addr"`
	URL      string `json:"url"`
	Voter    bool   `json:"voter"`
	Leader   bool   `json:"leader"`
}

// Cluster answers GET /v1/cluster. Leader is "" while there is none.
type Cluster struct {
	Name    string   `json:"name"`
	Leader  string   `json:"leader"`
	Term    uint64   `json:"term"`
	Zxid    uint64   `json:"zxid"`
	Members []Member `json:"members"`
}

// Problem is the body of every error (application/problem+json, RFC 9457), and what the case adds.
type Problem struct {
	Type      string `json:"type"`
	Title     string `json:"title"`
	Status    int    `json:"status"`
	Detail    string `json:"detail"`
	Code      Code   `json:"code"`
	Path      string `json:"path"`
	Zxid      uint64 `json:"zxid"`
	Retryable bool   `json:"retryable"`

	CurrentVersion *int64     `json:"current_version,omitempty"` // of bad_version
	Reason         string     `json:"reason,omitempty"`          // of session_expired: expired, closed, killed or unknown
	Limit          *int64     `json:"limit,omitempty"`           // of too_large
	Size           *int64     `json:"size,omitempty"`            // of too_large, where it is known
	Failed         *int       `json:"failed,omitempty"`          // of a transaction: the op that was refused
	Results        []TxnError `json:"results,omitempty"`         // of a transaction: one for each op
	Checks         []Check    `json:"checks,omitempty"`          // of /livez and /readyz: all of them
}

// TxnError says how one op of a refused transaction ended.
type TxnError struct {
	Code string `json:"code"`
}

// Txn is the body of POST /v1/txn.
type Txn struct {
	Ops []Op `json:"ops"`
}

// Op is one step of a transaction. The last three are known so that they can be refused by name: they are not
// implemented yet.
type Op struct {
	Op       string  `json:"op"`
	Path     string  `json:"path"`
	Data     *string `json:"data,omitempty"`
	Encoding string  `json:"encoding,omitempty"`
	Mode     string  `json:"mode,omitempty"`
	Version  *int64  `json:"version,omitempty"`
	Czxid    *uint64 `json:"czxid,omitempty"`
	Absent   bool    `json:"absent,omitempty"`

	TTL     *int64          `json:"ttl_ms,omitempty"`
	ACL     json.RawMessage `json:"acl,omitempty"`
	Parents *bool           `json:"parents,omitempty"`
}

// TxnDone answers POST /v1/txn.
type TxnDone struct {
	Zxid    uint64      `json:"zxid"`
	Results []TxnResult `json:"results"`
}

// TxnResult is the result of one op; Stat is nil where there is no znode (a delete, a check for absence).
type TxnResult struct {
	Op   string `json:"op"`
	Path string `json:"path"`
	Stat *Stat  `json:"stat"`
}

// Limits answers GET /v1/limits: every limit of the server that answers, by name. Times are ms.
type Limits struct {
	PathBytes          int64 `json:"path_bytes"`
	PathDepth          int64 `json:"path_depth"`
	DataBytes          int64 `json:"data_bytes"`
	TxnOps             int64 `json:"txn_ops"`
	TxnBytes           int64 `json:"txn_bytes"`
	TxnBodyBytes       int64 `json:"txn_body_bytes"`
	PreconditionTags   int64 `json:"precondition_tags"`
	HeaderBytes        int64 `json:"header_bytes"`
	Requests           int64 `json:"requests"`
	ConcurrentStreams  int64 `json:"concurrent_streams"`
	DrainBytes         int64 `json:"drain_bytes"`
	WaitingWrites      int64 `json:"waiting_writes"`
	WaitingWriteBytes  int64 `json:"waiting_write_bytes"`
	DiskReserveBytes   int64 `json:"disk_reserve_bytes"`
	HeaderTimeoutMs    int64 `json:"header_timeout_ms"`
	IdleTimeoutMs      int64 `json:"idle_timeout_ms"`
	BodyTimeoutMs      int64 `json:"body_timeout_ms"`
	AnswerTimeoutMs    int64 `json:"answer_timeout_ms"`
	WriteWaitMs        int64 `json:"write_wait_ms"`
	ZxidWaitMs         int64 `json:"zxid_wait_ms"`
	LinearizableWaitMs int64 `json:"linearizable_wait_ms"`

	Sessions                int64 `json:"sessions"`
	SessionEphemerals       int64 `json:"session_ephemerals"`
	SessionWatches          int64 `json:"session_watches"`
	Watches                 int64 `json:"watches"`
	Keepalives              int64 `json:"keepalives"`
	PageRows                int64 `json:"page_rows"`
	Streams                 int64 `json:"streams"`
	StreamPaths             int64 `json:"stream_paths"`
	AllStreamPaths          int64 `json:"all_stream_paths"`
	InitialStreams          int64 `json:"initial_streams"`
	StreamBytes             int64 `json:"stream_bytes"`
	HistoryRecords          int64 `json:"history_records"`
	HistoryBytes            int64 `json:"history_bytes"`
	SessionTimeoutMinMs     int64 `json:"session_timeout_min_ms"`
	SessionTimeoutMaxMs     int64 `json:"session_timeout_max_ms"`
	SessionTimeoutDefaultMs int64 `json:"session_timeout_default_ms"`
	EndedSessionMs          int64 `json:"ended_session_ms"`
	PollWaitMs              int64 `json:"poll_wait_ms"`
	StreamBookmarkMs        int64 `json:"stream_bookmark_ms"`
	StreamLifeMs            int64 `json:"stream_life_ms"`
	StreamWriteTimeoutMs    int64 `json:"stream_write_timeout_ms"`
}

// Health answers /livez and /readyz when all is well; else they answer a Problem. Checks is empty unless asked for.
type Health struct {
	OK     bool    `json:"ok"`
	Checks []Check `json:"checks"`
}

// Check is one reason to be ready or not.
type Check struct {
	Name   string `json:"name"`
	OK     bool   `json:"ok"`
	Detail string `json:"detail"`
}
