package httpapi

import (
	"encoding/base64"
	"slices"
	"strconv"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// opFields says which fields an op takes; their names are wire.Op's.
var opFields = map[string][]string{
	"create":        {"path", "data", "encoding", "mode", "ttl_ms", "parents", "acl"},
	"set":           {"path", "data", "encoding", "version", "czxid"},
	"delete":        {"path", "version", "czxid", "recursive"},
	"check":         {"path", "version", "czxid", "absent"},
	"check_session": {"owner"},
	"get":           {"path"},
	"children":      {"path"},
	"exists":        {"path"},
}

// parseOp is one op of a transaction, valid but for the size of its data.
func (x *exchange) parseOp(o *wire.Op) (op znode.Op, err error) {
	if err := checkOpFields(o); err != nil {
		return op, err
	}
	switch o.Op {
	case "create":
		return x.parseCreate(o)
	case "check_session":
		return x.parseCheckSession(o)
	}
	path, err := znode.ParsePath(o.Path)
	if err != nil {
		return op, badPath(o.Path, err)
	}
	switch o.Op {
	case "get":
		return znode.GetOp(path), nil
	case "children":
		return znode.ChildrenOp(path), nil
	case "exists":
		return znode.ExistsOp(path), nil
	}
	tags, err := opTags(o, path)
	if err != nil {
		return op, err
	}
	switch {
	case o.Op == "set" && o.Data == nil:
		return op, badArguments("a set has data, which may be empty: a field that was forgotten must not empty a znode")
	case o.Op == "set":
		data, err := opData(o)
		return znode.SetOp(path, data, tags...), err
	case o.Op == "delete" && o.Recursive:
		return znode.DeleteTreeOp(path, tags...), nil
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

func (x *exchange) parseCreate(o *wire.Op) (op znode.Op, err error) {
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
		op = znode.CreateSequentialOp(prefix, data, mode)
	} else {
		path, err := znode.ParsePath(o.Path)
		if err != nil {
			return op, badPath(o.Path, err)
		}
		op = znode.CreateOp(path, data, mode)
	}
	op.Parents = o.Parents
	if o.TTLMs != nil {
		op.TTL = *o.TTLMs
	}
	return op, checkTTL(mode, op.TTL, o.TTLMs != nil, "ttl_ms")
}

// checkTTL holds a time to live, in ms, to its mode; name is what the request calls it.
func checkTTL(mode znode.Mode, ttl int64, given bool, name string) error {
	switch {
	case !mode.HasTTL() && given:
		return badArguments(name + " is for the modes with a ttl, not for " + mode.String())
	case mode.HasTTL() && !given:
		return badArguments("mode " + mode.String() + " needs " + name)
	case mode.HasTTL() && (ttl < 1 || ttl > znode.MaxTTL):
		return badArguments(name + " is 1 ms at least, and " + strconv.FormatInt(znode.MaxTTL, 10) + " ms at most")
	}
	return nil
}

func (x *exchange) parseCheckSession(o *wire.Op) (op znode.Op, err error) {
	owner, ok := znode.ParseOwner(o.Owner)
	switch {
	case o.Owner == "" && x.holder == nil:
		return op, badArguments("check_session needs owner, the public name of a session, or header Holt-Session for its own")
	case o.Owner != "" && !ok:
		return op, badArguments("owner is the public name of a session, like s17, not " + quotedName(o.Owner))
	}
	return znode.CheckSessionOp(owner), nil
}

// quotedName is quoted, but for what may be the id of a session, which is not shown.
func quotedName(s string) string { return quoted(secrets.ReplaceAllLiteralString(s, "…")) }

// checkOpFields refuses fields that mean nothing for the op, or nothing yet.
func checkOpFields(o *wire.Op) error {
	takes, ok := opFields[o.Op]
	switch {
	case o.Op == "set_acl":
		return notYet("op set_acl")
	case !ok:
		return badArguments("there is no op " + quoted(o.Op))
	}
	for _, f := range [...]struct {
		name  string
		given bool
	}{
		{"path", o.Path != ""}, {"data", o.Data != nil}, {"encoding", o.Encoding != ""}, {"mode", o.Mode != ""}, {"ttl_ms", o.TTLMs != nil},
		{"parents", o.Parents}, {"version", o.Version != nil}, {"czxid", o.Czxid != nil}, {"absent", o.Absent},
		{"recursive", o.Recursive}, {"owner", o.Owner != ""}, {"acl", o.ACL != nil},
	} {
		if f.given && !slices.Contains(takes, f.name) {
			return badArguments(o.Op + " takes no " + f.name)
		}
	}
	if o.ACL != nil {
		return notYet("field acl")
	}
	return nil
}

// opData is the data of an op, "" if there is none.
func opData(o *wire.Op) (string, error) {
	if o.Data == nil {
		return decodeData("", o.Encoding)
	}
	return decodeData(*o.Data, o.Encoding)
}

// decodeData is data that came in JSON, where bytes that are no text are in base64.
func decodeData(data, encoding string) (string, error) {
	switch encoding {
	case "", wire.UTF8:
		return data, nil
	case wire.Base64:
		b, err := base64.StdEncoding.Strict().DecodeString(data)
		if err != nil {
			return "", badArguments("the data is not base64: " + err.Error())
		}
		return string(b), nil
	default:
		return "", badArguments("encoding is " + wire.UTF8 + " or " + wire.Base64 + ", not " + quoted(encoding))
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
