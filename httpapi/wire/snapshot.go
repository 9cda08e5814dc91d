package wire

// Restored answers PUT /v1/snapshot.
type Restored struct {
	Zxid   uint64 `json:"zxid"`   // of the restored state: greater than any before it
	From   uint64 `json:"from"`   // zxid of the backup
	Znodes int64  `json:"znodes"` // that there are now, the root included
}
