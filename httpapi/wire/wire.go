// Package wire is the JSON of holt's HTTP interface: what requests and answers look like, and the closed set of error
// codes. It is the only place with JSON tags, shared by the server and the Go client. Every field is always present.
// Decode reads it strictly: what it does not know it refuses.
package wire

import (
	"encoding/json"
	"fmt"
)

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

// Tag is the entity tag of the data, in quotes: no czxid and version ever come together again.
func (s *Stat) Tag() string { return fmt.Sprintf("\"%d.%d\"", s.Version, s.Czxid) }

// Encodings of data in JSON.
const (
	UTF8   = "utf8"
	Base64 = "base64"
)

// Znode answers GET /v1/znodes{path} in JSON. Mode is persistent, ephemeral, container or persistent_with_ttl: that a name was
// sequential is not remembered. TTLMs is 0 where there is none.
type Znode struct {
	Path     string `json:"path"`
	Data     string `json:"data"`
	Encoding string `json:"encoding"`
	Stat     Stat   `json:"stat"`
	Mode     string `json:"mode"`
	TTLMs    int64  `json:"ttl_ms"`
}

// About is all that is known of a znode besides its data: what holt stat --json prints.
type About struct {
	Path  string `json:"path"`
	Stat  Stat   `json:"stat"`
	Mode  string `json:"mode"`
	TTLMs int64  `json:"ttl_ms"`
}

// Written answers PUT and POST of a znode.
type Written struct {
	Path string `json:"path"`
	Stat Stat   `json:"stat"`
}

// Children answers GET /v1/children{path}. Next is "" on the last page, else what to pass as after. Offset is how many children of
// the znode sort before the first that was asked for.
type Children struct {
	Path     string   `json:"path"`
	Children []string `json:"children"`
	Stat     Stat     `json:"stat"`
	Next     string   `json:"next"`
	Offset   int64    `json:"offset"`
}

// ChildrenWith answers GET /v1/children{path}?include=….
type ChildrenWith struct {
	Path     string  `json:"path"`
	Children []Child `json:"children"`
	Stat     Stat    `json:"stat"`
	Next     string  `json:"next"`
	Offset   int64   `json:"offset"`
}

// Child is one child with what was asked to be included; the rest is absent.
type Child struct {
	Name     string  `json:"name"`
	Stat     *Stat   `json:"stat,omitempty"`
	Data     *string `json:"data,omitempty"`
	Encoding string  `json:"encoding,omitempty"`
	Mode     string  `json:"mode"`
	TTLMs    int64   `json:"ttl_ms"`
}

// Sync answers POST /v1/sync.
type Sync struct {
	Zxid uint64 `json:"zxid"`
}

// Member is one server of the cluster. One that does not vote is an Observer, or is to vote once it has caught up.
type Member struct {
	ID       string `json:"id"`
	RaftAddr string `json:"raft_addr"`
	URL      string `json:"url"`
	Voter    bool   `json:"voter"`
	Observer bool   `json:"observer"`
	Leader   bool   `json:"leader"`
}

// Cluster answers GET /v1/cluster. ClusterID, in hex, is that of all its members and of no other cluster; Leader is "" while there is
// none.
type Cluster struct {
	Name      string   `json:"name"`
	ClusterID string   `json:"cluster_id"`
	Leader    string   `json:"leader"`
	Term      uint64   `json:"term"`
	Zxid      uint64   `json:"zxid"`
	Members   []Member `json:"members"`
}

// NewMember is the body of POST /v1/cluster/members. Voter is true unless it says otherwise.
type NewMember struct {
	ID       string `json:"id"`
	RaftAddr string `json:"raft_addr"`
	URL      string `json:"url"`
	Voter    *bool  `json:"voter,omitempty"`
}

// NewLeader is the body of POST /v1/cluster/leader. "" is whichever voter is most up to date.
type NewLeader struct {
	ID string `json:"id"`
}

// ClusterReport answers GET /v1/cluster?verbose=true. Its other fields are Cluster's.
type ClusterReport struct {
	Name      string         `json:"name"`
	ClusterID string         `json:"cluster_id"`
	Leader    string         `json:"leader"`
	Term      uint64         `json:"term"`
	Zxid      uint64         `json:"zxid"`
	Members   []MemberReport `json:"members"`
}

// MemberReport is one server of the cluster, and how it says it is. All of that is zero while it cannot be reached. Sizes are in
// bytes, times in ms, and Lag is how many transactions it is behind the newest that any of them knows.
type MemberReport struct {
	Member
	Reachable     bool   `json:"reachable"`
	Ready         bool   `json:"ready"`
	Zxid          uint64 `json:"zxid"`
	Lag           uint64 `json:"lag"`
	AppliedIndex  uint64 `json:"applied_index"`
	SnapshotZxid  uint64 `json:"snapshot_zxid"`
	SnapshotTime  int64  `json:"snapshot_time"`
	Znodes        uint64 `json:"znodes"`
	DataBytes     uint64 `json:"data_bytes"`
	DiskFreeBytes uint64 `json:"disk_free_bytes"`
	DiskFull      bool   `json:"disk_full"`
	Sessions      uint64 `json:"sessions"`
	Streams       uint64 `json:"streams"`
	Version       string `json:"version"`
	UptimeMs      uint64 `json:"uptime_ms"`
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

	CurrentVersion *int64      `json:"current_version,omitempty"` // of bad_version
	Reason         string      `json:"reason,omitempty"`          // of session_expired: expired, closed, killed or unknown
	Limit          *int64      `json:"limit,omitempty"`           // of too_large
	Size           *int64      `json:"size,omitempty"`            // of too_large, where it is known
	Failed         *int        `json:"failed,omitempty"`          // of a transaction: the op that was refused
	Results        []TxnError  `json:"results,omitempty"`         // of a transaction: one for each op
	Line           *int64      `json:"line,omitempty"`            // of a tree to load: where it broke off, from 1
	Loaded         *TreeLoaded `json:"loaded,omitempty"`          // of a tree to load: what was done before
	Checks         []Check     `json:"checks,omitempty"`          // of /livez and /readyz: all of them
}

// TxnError says how one op of a refused transaction ended.
type TxnError struct {
	Code string `json:"code"`
}

// Txn is the body of POST /v1/txn.
type Txn struct {
	Ops []Op `json:"ops"`
}

// Op is one step of a transaction: create, set, delete, check, check_session, get, children or exists. Each takes some of the
// fields, and refuses the others where they are not empty. ACL is known so that it can be refused by name: it is not implemented yet.
type Op struct {
	Op        string  `json:"op"`
	Path      string  `json:"path,omitempty"`
	Data      *string `json:"data,omitempty"`
	Encoding  string  `json:"encoding,omitempty"`
	Mode      string  `json:"mode,omitempty"`
	TTLMs     *int64  `json:"ttl_ms,omitempty"`
	Parents   bool    `json:"parents,omitempty"`
	Version   *int64  `json:"version,omitempty"`
	Czxid     *uint64 `json:"czxid,omitempty"`
	Absent    bool    `json:"absent,omitempty"`
	Recursive bool    `json:"recursive,omitempty"`
	Owner     string  `json:"owner,omitempty"` // of check_session: a public name; "" is the request's own session

	ACL json.RawMessage `json:"acl,omitempty"`
}

// TxnDone answers POST /v1/txn.
type TxnDone struct {
	Zxid    uint64      `json:"zxid"`
	Results []TxnResult `json:"results"`
}

// TxnResult is the result of one op. Which fields it has depends on the op alone:
//
//	create set check  op path stat
//	delete            op path stat deleted
//	get               op path data encoding stat mode ttl_ms
//	children          op path children stat
//	exists            op path exists stat
//	check_session     op owner
//
// Stat is null where there is no znode: of a delete, a check for absence, and exists where nothing does.
type TxnResult struct {
	Op       string    `json:"op"`
	Path     string    `json:"path,omitempty"`
	Exists   *bool     `json:"exists,omitempty"`
	Data     *string   `json:"data,omitempty"`
	Encoding string    `json:"encoding,omitempty"`
	Children *[]string `json:"children,omitempty"`
	Stat     *Stat     `json:"stat,omitempty"`
	Mode     string    `json:"mode,omitempty"`
	TTLMs    *int64    `json:"ttl_ms,omitempty"`
	Deleted  *int64    `json:"deleted,omitempty"` // how many znodes went
	Owner    *string   `json:"owner,omitempty"`
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

	IdempotencyKeyBytes int64 `json:"idempotency_key_bytes"`
	Outcomes            int64 `json:"outcomes"`
	OutcomeBytes        int64 `json:"outcome_bytes"`
	OutcomeMs           int64 `json:"outcome_ms"`
	TreeDelete          int64 `json:"tree_delete"`
	MissingParents      int64 `json:"missing_parents"`
	TxnReadBytes        int64 `json:"txn_read_bytes"`
	KeptReadBytes       int64 `json:"kept_read_bytes"`
	TTLMs               int64 `json:"ttl_ms"`
	ContainerGraceMs    int64 `json:"container_grace_ms"`
	ContainerLingerMs   int64 `json:"container_linger_ms"`
	Pipelines           int64 `json:"pipelines"`
	PipelineLineBytes   int64 `json:"pipeline_line_bytes"`
	PipelineIDBytes     int64 `json:"pipeline_id_bytes"`
	PipelineIdleMs      int64 `json:"pipeline_idle_ms"`
	TreeReads           int64 `json:"tree_reads"`
	TreeRate            int64 `json:"tree_rate"` // bytes a second
	TreeLineBytes       int64 `json:"tree_line_bytes"`
	TreeLoadOps         int64 `json:"tree_load_ops"`
	TreeLoadBytes       int64 `json:"tree_load_bytes"`
	TreeLoadMinBytes    int64 `json:"tree_load_min_bytes"`
	TreeLoadWaitMs      int64 `json:"tree_load_wait_ms"`
	BatchTxns           int64 `json:"batch_txns"`
	BatchOps            int64 `json:"batch_ops"`
	Members             int64 `json:"members"`
	Voters              int64 `json:"voters"`
	RestoreBytes        int64 `json:"restore_bytes"`
	RestoreWaitMs       int64 `json:"restore_wait_ms"`
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
