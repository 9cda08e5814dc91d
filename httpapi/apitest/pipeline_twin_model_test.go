package apitest

import (
	"bytes"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"net/url"
	"strconv"
	"strings"
	"unicode/utf8"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// bytesOf is a state as a snapshot has it.
func bytesOf(fatal func(...any), s *znode.State) string {
	var b bytes.Buffer
	if err := s.Encode(&b); err != nil {
		fatal(err)
	}
	return b.String()
}

// badOp says whether an op is refused as it is read.
func badOp(o *wire.Op, holder string) bool {
	return holder == "" && (strings.HasPrefix(o.Mode, "ephemeral") || o.Op == "check_session" && o.Owner == "")
}

// meantBy is what an op stands for.
func meantBy(o *wire.Op) znode.Op {
	var tags []znode.Tag
	if o.Version != nil && *o.Version >= 0 {
		tag := znode.Tag{Version: *o.Version, Czxid: znode.Zxid(or(o.Czxid, 0))}
		if o.Czxid != nil && *o.Czxid == 0 && o.Path != "/" {
			tag = znode.Tag{Version: 1<<63 - 1} // nothing but the root was there from the beginning
		}
		tags = append(tags, tag)
	}
	switch o.Op {
	case "create":
		mode, _ := znode.ParseMode(o.Mode)
		op := znode.Op{Kind: znode.Create, Mode: mode, Data: dataOf(o), Parents: o.Parents, TTL: or(o.TTLMs, 0)}
		if prefix, err := znode.ParsePrefix(o.Path); mode.Sequential() && err == nil {
			op.Path = znode.Path(prefix)
		} else {
			op.Path = znode.MustPath(o.Path)
		}
		return op
	case "check_session":
		owner, _ := znode.ParseOwner(o.Owner)
		return znode.CheckSessionOp(owner)
	}
	path := znode.MustPath(o.Path)
	switch {
	case o.Op == "set":
		return znode.SetOp(path, dataOf(o), tags...)
	case o.Recursive:
		return znode.DeleteTreeOp(path, tags...)
	case o.Op == "delete":
		return znode.DeleteOp(path, tags...)
	case o.Absent:
		return znode.CheckAbsentOp(path)
	case o.Op == "check":
		return znode.CheckOp(path, tags...)
	case o.Op == "get":
		return znode.GetOp(path)
	case o.Op == "children":
		return znode.ChildrenOp(path)
	}
	return znode.ExistsOp(path)
}

func dataOf(o *wire.Op) string {
	data := or(o.Data, "")
	if o.Encoding == wire.Base64 {
		b, err := base64.StdEncoding.DecodeString(data)
		if err != nil {
			panic(err)
		}
		return string(b)
	}
	return data
}

// carryOut is how a transaction must end.
func (d *drawer) carryOut(y *try, holder string) verdict {
	v := verdict{Code: "ok", Failed: -1, Version: -1}
	txn := znode.Txn{Session: keyFor(holder)}
	for i := range y.ops {
		if badOp(&y.ops[i], holder) {
			if v.Code = wire.BadArguments; y.many {
				v.Failed = i
			}
			return v
		}
		txn.Ops = append(txn.Ops, meantBy(&y.ops[i]))
	}
	if y.key != "" {
		txn.Once = znode.NewOnce(y.key, &txn)
	}
	over := holder != "" && d.machine.State().Sessions.ByKey(*txn.Session) == nil
	res := d.machine.Apply(&txn)
	v.Zxid, v.Replayed = uint64(res.Zxid), res.Replayed
	if y.key != "" && res.Replayed {
		over = d.pastOf[y.key]
	} else if y.key != "" && res.Code != znode.IdempotencyMismatch {
		d.pastOf[y.key] = over
	}
	if res.Code == znode.OK {
		for i := range res.Ops {
			v.Results = append(v.Results, string(marshal(resultOf(&y.ops[i], &res.Ops[i]))))
		}
		return v
	}
	v.Code = wire.Code(res.Code.String())
	failed := &res.Ops[res.Failed]
	if v.Path = failed.Path.String(); res.Code == znode.SessionExpired {
		v.Path = "" // it is about no znode
	}
	if res.Code == znode.BadVersion {
		v.Version = failed.Stat().Version
	}
	if y.many && res.Code != znode.IdempotencyMismatch && !(over && res.Code == znode.SessionExpired) {
		v.Failed = res.Failed
		for i := range res.Ops {
			v.Results = append(v.Results, fmt.Sprintf(`{"code":%q}`, res.Ops[i].Code))
		}
	}
	return v
}

// resultOf is what an op that was carried out is told.
func resultOf(o *wire.Op, r *znode.OpResult) wire.TxnResult {
	t := wire.TxnResult{Op: o.Op, Path: o.Path}
	found, deleted := r.Found(), int64(r.Deleted)
	if found {
		t.Path = r.Where().String()
	}
	switch o.Op {
	case "check_session":
		t.Owner = &o.Owner
		return t
	case "delete":
		t.Deleted = &deleted
		return t
	case "exists":
		t.Exists = &found
	case "children":
		names := []string{}
		for name := range r.Names() {
			names = append(names, name)
		}
		t.Children = &names
	case "get":
		data := r.Data()
		t.Encoding = wire.UTF8
		if !utf8.ValidString(data) {
			t.Encoding, data = wire.Base64, base64.StdEncoding.EncodeToString([]byte(data))
		}
		mode, ttl := r.Mode()
		t.Data, t.Mode, t.TTLMs = &data, mode.String(), &ttl
	}
	if found {
		stat := statOf(r.Stat())
		t.Stat = &stat
	}
	return t
}

func statOf(s znode.Stat) wire.Stat {
	return wire.Stat{
		Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion, Czxid: uint64(s.Czxid), Mzxid: uint64(s.Mzxid), Pzxid: uint64(s.Pzxid),
		Ctime: s.Ctime, Mtime: s.Mtime, EphemeralOwner: s.EphemeralOwner, DataLength: s.DataLength, NumChildren: s.NumChildren,
	}
}

// plain is the request that does what an op does; "" where there is none, or one that is kept for another.
func (d *drawer) plain(o *wire.Op, key, holder string) string {
	path := (&url.URL{Path: o.Path}).EscapedPath()
	match := ""
	if o.Version != nil && *o.Version >= 0 {
		match = fmt.Sprintf("\nIf-Match: \"%d\"", *o.Version)
		if o.Czxid != nil {
			match = fmt.Sprintf("\nIf-Match: \"%d.%d\"", *o.Version, *o.Czxid)
		}
	}
	switch {
	case o.Op == "create":
		query := "?mode=" + o.Mode + "&parents=" + strconv.FormatBool(o.Parents)
		if o.TTLMs != nil {
			query += fmt.Sprintf("&ttl=%dms", *o.TTLMs)
		}
		if mode, _ := znode.ParseMode(o.Mode); !mode.Sequential() && d.one(2) {
			return "PUT /v1/znodes" + path + query + "\nIf-None-Match: *\n\n" + dataOf(o)
		}
		return "POST /v1/znodes" + path + query + "\n\n" + dataOf(o)
	case o.Op == "set" && key == "": // it has another fingerprint: it looks at the parent, too
		if match == "" {
			match = "\nIf-Match: *"
		}
		return "PUT /v1/znodes" + strings.TrimSuffix(path, "/") + match + "\n\n" + dataOf(o)
	case o.Op == "delete":
		return "DELETE /v1/znodes" + strings.TrimSuffix(path, "/") + "?recursive=" + strconv.FormatBool(o.Recursive) + match
	case key != "" || holder != "": // reads that leave a trace are transactions
	case o.Op == "get":
		return "GET /v1/znodes" + strings.TrimSuffix(path, "/") + "?format=json"
	case o.Op == "children":
		return "GET /v1/children" + strings.TrimSuffix(path, "/")
	case o.Op == "exists":
		return "HEAD /v1/znodes" + strings.TrimSuffix(path, "/")
	}
	return ""
}

// differsPlain is how the answer to the plain request differs from what it must say.
func (y *try) differsPlain(a answer) string {
	want, o := y.want, &y.ops[0]
	var p wire.Problem
	var got wire.TxnResult
	if a.body != "" {
		if err := json.Unmarshal([]byte(a.body), &p); err != nil {
			return err.Error()
		}
		if err := json.Unmarshal([]byte(a.body), &got); err != nil {
			return err.Error()
		}
	}
	v := verdict{Code: "ok", Replayed: a.header.Get("Idempotent-Replayed") == "true", Failed: -1, Version: -1}
	v.Zxid, _ = strconv.ParseUint(a.header.Get("Holt-Zxid"), 10, 64)
	exists := a.status == http.StatusOK
	if a.status >= 400 && o.Op != "exists" {
		v.Code, v.Path, v.Version = p.Code, p.Path, or(p.CurrentVersion, -1)
		parent, _, _ := strings.Cut(want.Path, "/"+o.Path[strings.LastIndex(o.Path, "/")+1:])
		if want.Code == wire.NoNode && o.Op == "set" && v.Path == parent {
			want.Path = parent // it looks there first
		}
		if v.Code == wire.BadArguments && want.Zxid == 0 {
			v.Zxid = 0
		}
		want.Failed, want.Results = -1, nil
		return differ(y.plain, v, want)
	}
	got.Op = o.Op
	switch o.Op {
	case "delete":
		return differ(y.plain, v, verdict{Code: want.Code, Zxid: want.Zxid, Replayed: want.Replayed, Failed: -1, Version: -1})
	case "exists":
		got.Path, got.Exists = o.Path, &exists
		if exists {
			got.Stat = headerStat(a.header)
		}
	}
	v.Results = []string{string(marshal(got))}
	return differ(y.plain, v, want)
}

// headerStat is the stat that an answer has in its header.
func headerStat(h http.Header) *wire.Stat {
	num := func(name string) (n int64) {
		n, _ = strconv.ParseInt(h.Get("Znode-"+name), 10, 64)
		return n
	}
	return &wire.Stat{
		Version: num("Version"), Cversion: num("Cversion"), Aversion: num("Aversion"), Czxid: uint64(num("Czxid")), Mzxid: uint64(num("Mzxid")),
		Pzxid: uint64(num("Pzxid")), Ctime: num("Ctime"), Mtime: num("Mtime"), EphemeralOwner: h.Get("Znode-Ephemeral-Owner"),
		DataLength: num("Data-Length"), NumChildren: num("Num-Children"),
	}
}
