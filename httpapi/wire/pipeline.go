package wire

import "encoding/json"

// PipelineLine is one line of what POST /v1/pipeline is sent: an op, or with Txn a transaction of several, which has none of the
// op's fields.
type PipelineLine struct {
	// ID is any string, number or truth value; the answer has it as it was written.
	ID json.RawMessage `json:"id,omitempty"`
	// Key is the Idempotency-Key of this line.
	Key *string `json:"idempotency_key,omitempty"`
	Op
	Txn []Op `json:"txn,omitempty"`
}

// PipelineResult is the answer to one line. Code is OK, with Result of an op or Results of a transaction; or why the line was
// refused, with the fields of a Problem that its code has.
type PipelineResult struct {
	// Line is the number of the line, from 1; empty lines are counted and not answered.
	Line uint64          `json:"line"`
	ID   json.RawMessage `json:"id,omitempty"` // absent where the line had none, or none that could be read
	// Zxid is as in a Problem; of what was carried out the transaction's.
	Zxid     uint64 `json:"zxid"`
	Code     Code   `json:"code"`
	Replayed bool   `json:"replayed,omitempty"` // there only where true: the outcome of an earlier time

	Result *TxnResult `json:"result,omitempty"`
	// Results is a list of TxnResult, or of TxnError where the line was refused.
	Results json.RawMessage `json:"results,omitempty"`

	Status         int    `json:"status,omitempty"`
	Detail         string `json:"detail,omitempty"`
	Path           string `json:"path,omitempty"`
	Retryable      bool   `json:"retryable,omitempty"`
	CurrentVersion *int64 `json:"current_version,omitempty"`
	Reason         string `json:"reason,omitempty"`
	Limit          *int64 `json:"limit,omitempty"`
	Size           *int64 `json:"size,omitempty"`
	Failed         *int   `json:"failed,omitempty"`
}

// PipelineEnd is the last line of the answer where the pipeline ended before its request did. Every line up to Answered has its
// answer (empty ones aside), and none behind it was, or will be, carried out.
type PipelineEnd struct {
	Ended    bool   `json:"ended"` // always true
	Answered uint64 `json:"answered"`
	Code     Code   `json:"code"`
	Status   int    `json:"status"`
	Detail   string `json:"detail"`
}
