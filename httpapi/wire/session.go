package wire

// SessionOpened answers POST /v1/sessions. Whoever has the ID is the session; the Owner is what others may call it.
type SessionOpened struct {
	ID        string `json:"id"`
	Owner     string `json:"owner"`
	TimeoutMs int64  `json:"timeout_ms"`
}

// Kept answers POST /v1/sessions/{id}/keepalive: the session was renewed, and when that should be done again.
type Kept struct {
	TimeoutMs       int64 `json:"timeout_ms"`
	ExpiresInMs     int64 `json:"expires_in_ms"`
	NextKeepaliveMs int64 `json:"next_keepalive_ms"`
}

// KeepaliveResult is what became of one of many renewals: Kept, or else Code and Reason.
type KeepaliveResult struct {
	ID string `json:"id"`
	*Kept
	Code   Code   `json:"code,omitempty"`
	Reason string `json:"reason,omitempty"`
}

// Session answers GET /v1/sessions/{id}. ExpiresInMs is nil while no leader can say; Opened is in ms since the Unix epoch.
type Session struct {
	Owner       string   `json:"owner"`
	TimeoutMs   int64    `json:"timeout_ms"`
	ExpiresInMs *int64   `json:"expires_in_ms"`
	Opened      int64    `json:"opened"`
	Ephemerals  []string `json:"ephemerals"`
	Watches     []Watch  `json:"watches"`
}

// SessionRow is one of Sessions.
type SessionRow struct {
	Owner       string `json:"owner"`
	TimeoutMs   int64  `json:"timeout_ms"`
	ExpiresInMs *int64 `json:"expires_in_ms"`
	Opened      int64  `json:"opened"`
}

// Sessions answers GET /v1/sessions. Next is "" on the last page, else what to pass as after.
type Sessions struct {
	Sessions []SessionRow `json:"sessions"`
	Next     string       `json:"next"`
}

// Watch is a watch of a session, and the body of POST /v1/sessions/{id}/watches.
type Watch struct {
	Path string `json:"path"`
	Mode string `json:"mode"`
}

// Watches answers GET /v1/sessions/{id}/watches.
type Watches struct {
	Watches []Watch `json:"watches"`
}

// WatchSet answers POST /v1/sessions/{id}/watches with what was read in the very state in which the watch was set. Data and
// Encoding are there for mode data, Children for mode children, Exists for all others. Stat is nil where there is no znode.
type WatchSet struct {
	Path     string   `json:"path"`
	Mode     string   `json:"mode"`
	Zxid     uint64   `json:"zxid"`
	Data     *string  `json:"data,omitempty"`
	Encoding string   `json:"encoding,omitempty"`
	Children []string `json:"children,omitempty"`
	Exists   *bool    `json:"exists,omitempty"`
	Stat     *Stat    `json:"stat"`
}

// OwnedWatch is one of AllWatches.
type OwnedWatch struct {
	Owner string `json:"owner"`
	Path  string `json:"path"`
	Mode  string `json:"mode"`
}

// AllWatches answers GET /v1/watches. Next is "" on the last page, else what to pass as after.
type AllWatches struct {
	Watches []OwnedWatch `json:"watches"`
	Next    string       `json:"next"`
}
