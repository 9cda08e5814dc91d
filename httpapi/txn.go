package httpapi

import (
	"encoding/base64"
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
	txn, err := x.parseTxn(&body)
	if err != nil {
		return err
	}
	res, err := x.propose(txn)
	if err != nil {
		return err
	}
	if res.Code != znode.OK {
		p := refusal(res)
		p.Failed = &res.Failed
		for i := range res.Ops {
			p.Results = append(p.Results, wire.TxnError{Code: res.Ops[i].Code.String()})
		}
		return p
	}
	done := wire.TxnDone{Zxid: uint64(res.Zxid), Results: make([]wire.TxnResult, len(res.Ops))}
	for i := range res.Ops {
		done.Results[i] = txnResult(&txn.Ops[i], &res.Ops[i])
	}
	x.setZxid(res.Zxid)
	return x.writeValue(http.StatusOK, &done)
}

// txnResult is the result of an op that was carried out.
func txnResult(op *znode.Op, r *znode.OpResult) wire.TxnResult {
	out := wire.TxnResult{Op: op.Kind.String(), Path: op.Path.String()}
	if r.Node != nil {
		out.Path = r.Node.Path().String() // a sequential create has another than it asked for
		if op.Kind != znode.Delete {
			out.Stat = wireStat(r.Node.Stat())
		}
	}
	return out
}

func wireStat(s znode.Stat) *wire.Stat {
	return &wire.Stat{
		Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion,
		Czxid: uint64(s.Czxid), Mzxid: uint64(s.Mzxid), Pzxid: uint64(s.Pzxid), Ctime: s.Ctime, Mtime: s.Mtime,
		EphemeralOwner: s.EphemeralOwner, DataLength: s.DataLength, NumChildren: s.NumChildren,
	}
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
	if err := decodeJSON(body, v); err != nil {
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

// parseTxn is the transaction a body asks for.
func (x *exchange) parseTxn(body *wire.Txn) (*znode.Txn, error) {
	switch n := len(body.Ops); {
	case n == 0:
		return nil, badArguments("a transaction has at least one op")
	case n > znode.MaxTxnOps:
		return nil, tooMany("a transaction has at most "+strconv.Itoa(znode.MaxTxnOps)+" ops", znode.MaxTxnOps, int64(n))
	}
	txn := &znode.Txn{Ops: make([]znode.Op, len(body.Ops))}
	bytes := 0
	for i := range body.Ops {
		op, err := x.parseOp(&body.Ops[i])
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

// opFields says which fields an op takes besides path; their names are wire.Op's.
var opFields = map[string]string{
	"create": "data encoding mode",
	"set":    "data encoding version czxid",
	"delete": "version czxid",
	"check":  "version czxid absent",
}

// laterOps are the contract's ops that this version does not have.
var laterOps = []string{"set_acl", "check_session", "get", "children", "exists"}

// parseOp is one op of a transaction.
func (x *exchange) parseOp(o *wire.Op) (op znode.Op, err error) {
	if err := checkOpFields(o); err != nil {
		return op, err
	}
	mode := znode.Persistent
	if o.Mode != "" {
		if mode, err = x.parseMode(o.Mode); err != nil {
			return op, err
		}
	}
	data, err := opData(o)
	if err != nil {
		return op, err
	}
	if mode.Sequential() {
		prefix, err := znode.ParsePrefix(o.Path)
		if err != nil {
			return op, badPath(o.Path, err)
		}
		return znode.CreateSequentialOp(prefix, data, mode), nil
	}
	path, err := znode.ParsePath(o.Path)
	if err != nil {
		return op, badPath(o.Path, err)
	}
	tags, err := opTags(o, path)
	if err != nil {
		return op, err
	}
	switch {
	case o.Op == "create":
		return znode.CreateOp(path, data, mode), nil
	case o.Op == "set" && o.Data == nil:
		return op, badArguments("a set has data, which may be empty: a field that was forgotten must not empty a znode")
	case o.Op == "set":
		return znode.SetOp(path, data, tags...), nil
	case o.Op == "delete":
		return znode.DeleteOp(path, tags...), nil
	case o.Absent && len(tags) > 0:
		return op, badArguments("a znode that is absent has no version")
	case o.Absent:
		return znode.CheckAbsentOp(path), nil
	default:
		return znode.CheckOp(path, tags...), nil
	}
}

// checkOpFields refuses fields that mean nothing for the op, or nothing yet.
func checkOpFields(o *wire.Op) error {
	takes, ok := opFields[o.Op]
	if !ok {
		for _, name := range laterOps {
			if o.Op == name {
				return notYet("op " + name)
			}
		}
		return badArguments("there is no op " + quoted(o.Op))
	}
	for _, f := range []struct {
		name  string
		given bool
		later bool
	}{
		{"ttl_ms", o.TTL != nil, true}, {"acl", o.ACL != nil, true}, {"parents", o.Parents != nil, true},
		{"data", o.Data != nil, false}, {"encoding", o.Encoding != "", false}, {"mode", o.Mode != "", false},
		{"version", o.Version != nil, false}, {"czxid", o.Czxid != nil, false}, {"absent", o.Absent, false},
	} {
		switch {
		case f.given && f.later:
			return notYet("field " + f.name)
		case f.given && !strings.Contains(" "+takes+" ", " "+f.name+" "):
			return badArguments(o.Op + " takes no " + f.name)
		}
	}
	return nil
}

// opData is the data of an op, "" if there is none.
func opData(o *wire.Op) (string, error) {
	if o.Data == nil {
		return "", nil
	}
	switch o.Encoding {
	case "", wire.UTF8:
		return *o.Data, nil
	case wire.Base64:
		b, err := base64.StdEncoding.Strict().DecodeString(*o.Data)
		if err != nil {
			return "", badArguments("the data is not base64: " + err.Error())
		}
		return string(b), nil
	default:
		return "", badArguments("encoding is " + wire.UTF8 + " or " + wire.Base64 + ", not " + quoted(o.Encoding))
	}
}

// opTags is the precondition of an op: none without a version, or with -1, which is ZooKeeper's "any".
func opTags(o *wire.Op, path znode.Path) ([]znode.Tag, error) {
	if o.Version == nil {
		if o.Czxid != nil {
			return nil, badArguments("czxid needs version beside it")
		}
		return nil, nil
	}
	version := *o.Version
	switch {
	case version == -1 && o.Czxid == nil:
		return nil, nil
	case version < 0:
		return nil, badArguments("version is a number from 0, or -1 alone for any")
	case o.Czxid == nil:
		return []znode.Tag{{Version: version}}, nil
	case *o.Czxid == 0 && !path.IsRoot():
		return []znode.Tag{never}, nil // only the root is of zxid 0, and a Tag with 0 compares the version alone
	default:
		return []znode.Tag{{Version: version, Czxid: znode.Zxid(*o.Czxid)}}, nil
	}
}
