package httpapi

import (
	"encoding/json"
	"mime"
	"net/http"
	"strconv"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// postTxn answers POST /v1/txn: several ops, all or nothing.
func (a *API) postTxn(x *exchange) error {
	var body wire.Txn
	if err := x.decode(&body, MaxTxnBodyBytes); err != nil {
		return err
	}
	txn, err := x.parseTxn(body.Ops)
	if err != nil {
		return err
	}
	res, err := x.propose(txn)
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
		return a.txnRefused(txn, res)
	}
	x.setZxid(res.Zxid)
	w := x.begin(http.StatusOK)
	defer w.free()
	w.b = appendNumber(append(w.b, `{"zxid":`...), uint64(res.Zxid))
	w.b = append(w.b, `,"results":[`...)
	for i := range res.Ops {
		if !w.comma(i) {
			break
		}
		w.b = appendOpResult(w.b, &txn.Ops[i], &res.Ops[i])
	}
	w.b = append(w.b, ']', '}', '\n')
	return w.end()
}

// txnRefused is the problem of a refused transaction of several ops.
func (a *API) txnRefused(txn *znode.Txn, res *znode.Result) *problem {
	p := a.refused(txn, res)
	if res.Code == znode.IdempotencyMismatch {
		return p // no op was looked at
	}
	p.Failed = &res.Failed
	p.Results = make([]wire.TxnError, len(res.Ops))
	for i := range res.Ops {
		p.Results[i].Code = res.Ops[i].Code.String()
	}
	return p
}

// decode reads a JSON body into v and refuses what v does not know.
func (x *exchange) decode(v any, limit int) error {
	if t := x.r.Header.Get("Content-Type"); t != "" {
		media, _, err := mime.ParseMediaType(t)
		if err != nil || media != "application/json" && !strings.HasSuffix(media, "+json") {
			return badArguments("the body is application/json (curl --json), not " + quoted(t))
		}
	}
	body, err := x.body(limit)
	if err != nil {
		return err
	}
	if err := wire.Decode(body, v); err != nil {
		return badArguments("the body is not the JSON that belongs here: " + err.Error())
	}
	return nil
}

// writeValue answers with v as JSON.
func (x *exchange) writeValue(status int, v any) error {
	b, err := json.Marshal(v)
	if err != nil {
		return err
	}
	return x.writeJSON(status, append(b, '\n'))
}

// parseTxn is the transaction of some ops.
func (x *exchange) parseTxn(ops []wire.Op) (*znode.Txn, error) {
	switch n := len(ops); {
	case n == 0:
		return nil, badArguments("a transaction has at least one op")
	case n > znode.MaxTxnOps:
		return nil, tooMany("a transaction has at most "+strconv.Itoa(znode.MaxTxnOps)+" ops", znode.MaxTxnOps, int64(n))
	}
	txn := &znode.Txn{Ops: make([]znode.Op, len(ops))}
	bytes := 0
	for i := range ops {
		op, err := x.parseOp(&ops[i])
		if err == nil {
			err = x.api.checkOpSize(&op, &bytes)
		}
		if err != nil {
			p, _ := problemOf(err)
			p.Detail = "op " + strconv.Itoa(i) + ": " + p.Detail
			p.Failed = &i
			return nil, p
		}
		txn.Ops[i] = op
	}
	return txn, nil
}

// checkOpSize holds an op to the limits on data; sum is that of the transaction.
func (a *API) checkOpSize(op *znode.Op, sum *int) error {
	if n := len(op.Data); n > a.cfg.MaxDataBytes {
		return tooMany("the data has more than "+strconv.Itoa(a.cfg.MaxDataBytes)+" bytes", a.cfg.MaxDataBytes, int64(n))
	}
	if *sum += len(op.Data); *sum > znode.MaxTxnBytes {
		return tooMany("the data of the transaction has more than "+strconv.Itoa(znode.MaxTxnBytes)+" bytes",
			znode.MaxTxnBytes, -1)
	}
	return nil
}
