// Package clienttest is a server for the tests of programs that use the client: the part of holt's HTTP contract they
// need, on a state machine of one member in memory, with a hook to make it fail. It promises the statuses, headers and
// codes of the contract for well-formed requests; it checks little, has no limits, and is not for serving anybody.
package clienttest

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"strconv"
	"strings"
	"sync"

	"holt/httpapi/client"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// Server is a cluster of one.
type Server struct {
	*httptest.Server

	mu       sync.Mutex // guards the fields below
	machine  *znode.Machine
	before   func(http.ResponseWriter, *http.Request) bool
	requests []*http.Request
}

// New starts a server with nothing but the root. Close stops it.
func New() *Server {
	s := &Server{machine: znode.NewMachine()}
	s.Server = httptest.NewServer(s)
	return s
}

// Before sets what sees each request first; true means that it has dealt with it. It may panic with
// http.ErrAbortHandler to break the connection.
func (s *Server) Before(f func(http.ResponseWriter, *http.Request) bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.before = f
}

// Requests are those that came so far; their bodies are gone.
func (s *Server) Requests() []*http.Request {
	s.mu.Lock()
	defer s.mu.Unlock()
	return append([]*http.Request(nil), s.requests...)
}

// Apply carries out ops behind the back of every client, and panics if they are refused.
func (s *Server) Apply(ops ...znode.Op) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if r := s.machine.Apply(&znode.Txn{Ops: ops}); r.Code != znode.OK {
		panic(fmt.Sprintf("ops refused: %s, op %d", r.Code, r.Failed))
	}
}

// State is the state as it is now.
func (s *Server) State() *znode.State {
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.machine.State()
}

// ServeHTTP answers as a member would.
func (s *Server) ServeHTTP(w http.ResponseWriter, r *http.Request) {
	s.mu.Lock()
	s.requests = append(s.requests, r)
	before := s.before
	s.mu.Unlock()
	if before != nil && before(w, r) {
		return
	}
	body, err := io.ReadAll(r.Body)
	if err != nil {
		return
	}
	resource, path, _ := strings.Cut(strings.TrimPrefix(r.URL.EscapedPath(), "/v1/"), "/")
	path, _ = url.PathUnescape("/" + path)
	s.mu.Lock()
	defer s.mu.Unlock()
	switch resource {
	case "znodes":
		s.znodes(w, r, path, body)
	case "children":
		s.children(w, r, path)
	case "txn":
		s.txn(w, body)
	case "cluster":
		s.answer(w, http.StatusOK, wire.Cluster{Name: "a", Leader: "a", Term: 3, Zxid: uint64(s.machine.Zxid()), Members: []wire.Member{
			{ID: "a", RaftAddr: "127.0.0.1:7071", URL: s.URL, Voter: true, Leader: true},
			{ID: "b", RaftAddr: "127.0.0.1:7081", URL: "http://127.0.0.1:7080", Voter: true},
			{ID: "c", RaftAddr: "127.0.0.1:7091", URL: "http://127.0.0.1:7090"},
		}})
	case "sync":
		s.answer(w, http.StatusOK, wire.Sync{Zxid: uint64(s.machine.Zxid())})
	case "limits":
		s.answer(w, http.StatusOK, map[string]int64{"max_data_bytes": znode.MaxDataBytes})
	case "snapshot":
		w.Header().Set("Holt-Zxid", strconv.FormatUint(uint64(s.machine.Zxid()), 10))
		w.Write([]byte("snapshot"))
	default:
		Refuse(w, http.StatusNotFound, wire.NoRoute, "")
	}
}

// Refuse answers with a problem.
func Refuse(w http.ResponseWriter, status int, code wire.Code, path string) {
	w.Header().Set("Content-Type", "application/problem+json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(wire.Problem{Title: http.StatusText(status), Status: status, Detail: "as the test wants it",
		Code: code, Path: path, Retryable: status == http.StatusServiceUnavailable})
}

func (s *Server) answer(w http.ResponseWriter, status int, v any) {
	w.Header().Set("Holt-Zxid", strconv.FormatUint(uint64(s.machine.Zxid()), 10))
	w.Header().Set("Content-Type", "application/json")
	w.WriteHeader(status)
	json.NewEncoder(w).Encode(v)
}

func (s *Server) znodes(w http.ResponseWriter, r *http.Request, path string, body []byte) {
	if r.Method == http.MethodGet || r.Method == http.MethodHead {
		s.read(w, r, path)
		return
	}
	op, ok := writeOp(r, path, string(body))
	if !ok {
		Refuse(w, http.StatusBadRequest, wire.BadArguments, path)
		return
	}
	res := s.machine.Apply(&znode.Txn{Ops: []znode.Op{op}})
	if res.Code != znode.OK {
		s.refuse(w, r, res)
		return
	}
	if op.Kind == znode.Delete {
		w.Header().Set("Holt-Zxid", strconv.FormatUint(uint64(res.Zxid), 10))
		w.WriteHeader(http.StatusNoContent)
		return
	}
	n := res.Ops[0].Node
	s.head(w, n)
	status := http.StatusOK
	if res.Ops[0].Created {
		status = http.StatusCreated
	}
	s.answer(w, status, wire.Written{Path: n.Path().String(), Stat: statOf(n)})
}

func (s *Server) read(w http.ResponseWriter, r *http.Request, path string) {
	p, err := znode.ParsePath(path)
	if err != nil {
		Refuse(w, http.StatusBadRequest, wire.BadArguments, path)
		return
	}
	n := s.machine.State().Tree.Get(p)
	if n == nil {
		Refuse(w, http.StatusNotFound, wire.NoNode, path)
		return
	}
	s.head(w, n)
	w.Header().Set("Content-Length", strconv.Itoa(len(n.Data())))
	io.Copy(w, bytes.NewReader([]byte(n.Data())))
}

func writeOp(r *http.Request, path, data string) (op znode.Op, ok bool) {
	if mode, _ := znode.ParseMode(r.URL.Query().Get("mode")); r.Method == http.MethodPost && mode.Sequential() {
		p, err := znode.ParsePrefix(path)
		return znode.CreateSequentialOp(p, data, mode), err == nil
	}
	p, err := znode.ParsePath(path)
	tags, tagged := tagsOf(r.Header.Get("If-Match"))
	switch {
	case err != nil:
		return op, false
	case r.Method == http.MethodDelete:
		return znode.DeleteOp(p, tags...), true
	case r.Method == http.MethodPost, r.Header.Get("If-None-Match") == "*":
		return znode.CreateOp(p, data, znode.Persistent), true
	case tagged:
		return znode.SetOp(p, data, tags...), true
	}
	return znode.PutOp(p, data), true
}

func (s *Server) refuse(w http.ResponseWriter, r *http.Request, res *znode.Result) {
	status := http.StatusConflict
	switch {
	case r.Header.Get("If-Match")+r.Header.Get("If-None-Match") != "":
		status = http.StatusPreconditionFailed
	case res.Code == znode.NoNode:
		status = http.StatusNotFound
	}
	w.Header().Set("Holt-Zxid", strconv.FormatUint(uint64(res.Zxid), 10))
	Refuse(w, status, wire.Code(res.Code.String()), res.Ops[max(res.Failed, 0)].Path.String())
}

func (s *Server) children(w http.ResponseWriter, r *http.Request, path string) {
	p, err := znode.ParsePath(path)
	n := s.machine.State().Tree.Get(p)
	if err != nil || n == nil {
		Refuse(w, http.StatusNotFound, wire.NoNode, path)
		return
	}
	q := r.URL.Query()
	limit, _ := strconv.Atoi(q.Get("limit"))
	names := wire.Children{Path: path, Children: []string{}, Stat: statOf(n)}
	full := wire.ChildrenWith{Path: path, Stat: statOf(n)}
	for c := range s.machine.State().Tree.Children(p, q.Get("after")) {
		if !strings.HasPrefix(c.Name(), q.Get("prefix")) {
			continue
		}
		if len(full.Children) == limit && limit > 0 {
			names.Next = full.Children[limit-1].Name
			full.Next = names.Next
			break
		}
		stat, data := statOf(c), c.Data()
		names.Children = append(names.Children, c.Name())
		full.Children = append(full.Children, wire.Child{Name: c.Name(), Stat: &stat, Data: &data, Encoding: wire.UTF8})
	}
	if q.Has("include") {
		s.answer(w, http.StatusOK, full)
		return
	}
	s.answer(w, http.StatusOK, names)
}

func (s *Server) txn(w http.ResponseWriter, body []byte) {
	var in wire.Txn
	if json.Unmarshal(body, &in) != nil {
		Refuse(w, http.StatusBadRequest, wire.BadArguments, "")
		return
	}
	txn := &znode.Txn{}
	for _, o := range in.Ops {
		p, data := znode.MustPath(o.Path), ""
		if o.Data != nil {
			b, _ := client.Decode(*o.Data, o.Encoding)
			data = string(b)
		}
		switch o.Op {
		case "create":
			txn.Ops = append(txn.Ops, znode.CreateOp(p, data, znode.Persistent))
		case "set":
			txn.Ops = append(txn.Ops, znode.SetOp(p, data))
		case "delete":
			txn.Ops = append(txn.Ops, znode.DeleteOp(p))
		}
	}
	res := s.machine.Apply(txn)
	if res.Code != znode.OK {
		Refuse(w, http.StatusConflict, wire.Code(res.Code.String()), res.Ops[res.Failed].Path.String())
		return
	}
	done := wire.TxnDone{Zxid: uint64(res.Zxid)}
	for i, o := range in.Ops {
		done.Results = append(done.Results, wire.TxnResult{Op: o.Op, Path: in.Ops[i].Path})
	}
	s.answer(w, http.StatusOK, done)
}

// tagsOf reads one tag; tagged says that there is a precondition at all.
func tagsOf(h string) (tags []znode.Tag, tagged bool) {
	if h == "" || h == "*" {
		return nil, h == "*"
	}
	version, czxid, _ := strings.Cut(strings.Trim(h, `"`), ".")
	v, _ := strconv.ParseInt(version, 10, 64)
	z, _ := strconv.ParseUint(czxid, 10, 64)
	return []znode.Tag{{Version: v, Czxid: znode.Zxid(z)}}, true
}

func (s *Server) head(w http.ResponseWriter, n *znode.Node) {
	h, st := w.Header(), statOf(n)
	h.Set("Holt-Zxid", strconv.FormatUint(uint64(s.machine.Zxid()), 10))
	h.Set("Etag", fmt.Sprintf(`"%d.%d"`, st.Version, st.Czxid))
	h.Set("Content-Type", "application/octet-stream")
	for name, v := range map[string]any{"Version": st.Version, "Cversion": st.Cversion, "Aversion": st.Aversion,
		"Czxid": st.Czxid, "Mzxid": st.Mzxid, "Pzxid": st.Pzxid, "Ctime": st.Ctime, "Mtime": st.Mtime,
		"Ephemeral-Owner": st.EphemeralOwner, "Data-Length": st.DataLength, "Num-Children": st.NumChildren} {
		h.Set("Znode-"+name, fmt.Sprint(v))
	}
}

func statOf(n *znode.Node) wire.Stat {
	s := n.Stat()
	return wire.Stat{Version: s.Version, Cversion: s.Cversion, Aversion: s.Aversion, Czxid: uint64(s.Czxid),
		Mzxid: uint64(s.Mzxid), Pzxid: uint64(s.Pzxid), Ctime: s.Ctime, Mtime: s.Mtime, EphemeralOwner: s.EphemeralOwner,
		DataLength: s.DataLength, NumChildren: s.NumChildren}
}
