package zookeeper

import (
	"bufio"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"strings"
	"unicode/utf8"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// systemPath is the subtree that ZooKeeper keeps for itself.
const systemPath = "/zookeeper"

// lineBuffer is how much of the output is gathered before it is written, in bytes.
const lineBuffer = 64 << 10

// found is a znode as it was found, wherever it was.
type found struct {
	path    string
	kind    kind
	ttl     int64  // ms, of a znode with a TTL
	created int64  // children ever created
	data    []byte // nil if it is null, or too large to keep
	size    int64  // of the data, also of what is too large
	acl     *acl   // nil is world:anyone:cdrwa
}

// mover decides what goes over, writes it and keeps the report. It is used by one goroutine.
type mover struct {
	root   string // path of the first line
	opt    Options
	out    *bufio.Writer
	enc    *json.Encoder
	report Report
	acls   int64
	first  *found // that has an ACL
}

func newMover(w io.Writer, root string, opt Options) *mover {
	out := bufio.NewWriterSize(w, lineBuffer)
	enc := json.NewEncoder(out)
	enc.SetEscapeHTML(false)
	return &mover{root: root, opt: opt, out: out, enc: enc}
}

// lookAt notes the ACL of a znode that would be moved, and says whether what is below it would be.
func (m *mover) lookAt(f *found) (bool, error) {
	if f.path == systemPath || m.refusal(f) != "" {
		return false, nil
	}
	if f.acl == nil || f.kind == ephemeral {
		return true, nil
	}
	if m.acls++; m.first == nil {
		m.first = f
	}
	list(&m.report.DroppedACLs, f.path+": "+f.acl.text)
	return true, nil
}

// settleACLs takes over what a look at the whole tree found, or refuses.
func (m *mover) settleACLs(survey *mover) error {
	if survey.acls > 0 && !m.opt.DropACLs {
		return &ACLError{survey.first.path, survey.first.acl.text, survey.acls}
	}
	m.report.ACLsDropped, m.report.DroppedACLs = survey.acls, survey.report.DroppedACLs
	return nil
}

// move writes a znode and says whether what is below it can be moved.
func (m *mover) move(f *found) (bool, error) {
	if f.path == systemPath {
		return false, nil
	}
	if why := m.refusal(f); why != "" {
		if f.path == m.root {
			return false, fmt.Errorf("%s cannot be moved: %s", f.path, why)
		}
		m.report.SkippedRoots++
		list(&m.report.Skipped, fmt.Sprintf("%.300q: %s", f.path, why))
		return false, nil
	}
	data, encoding := string(f.data), wire.UTF8
	if !utf8.Valid(f.data) {
		data, encoding = base64.StdEncoding.EncodeToString(f.data), wire.Base64
	}
	l := wire.TreeLine{Path: m.target(f.path), Mode: f.kind.String(), TTLMs: f.ttl, Created: uint64(max(f.created, 0)),
		Data: &data, Encoding: encoding}
	if err := m.enc.Encode(l); err != nil {
		return false, err
	}
	m.count(f)
	return true, nil
}

func (m *mover) count(f *found) {
	r := &m.report
	r.Znodes++
	r.Bytes += int64(len(f.data))
	if f.data == nil {
		r.NullData++
	}
	switch f.kind {
	case ephemeral:
		r.Ephemerals++
	case container:
		r.Containers++
	case ttl:
		r.TTLs++
	}
}

// refusal says why a znode cannot be moved, or "".
func (m *mover) refusal(f *found) string {
	if f.size > znode.MaxDataBytes {
		return fmt.Sprintf("its data is %d bytes, and %d is the limit", f.size, znode.MaxDataBytes)
	}
	if _, err := znode.ParsePath(m.target(f.path)); err != nil {
		return err.Error()
	}
	return ""
}

// target is where a path goes.
func (m *mover) target(path string) string {
	if m.opt.Into == "" {
		return path
	}
	below := strings.TrimPrefix(strings.TrimPrefix(path, m.root), "/")
	if below == "" {
		return m.opt.Into
	}
	return strings.TrimSuffix(m.opt.Into, "/") + "/" + below
}

// quota notes a quota that is left behind.
func (m *mover) quota(path string) {
	(*notes)(&m.report.Notes).add("the quota on %s is not moved: holt has none", path)
}

// finish writes what is gathered and completes the report.
func (m *mover) finish(zxid uint64, more notes) (*Report, error) {
	if err := m.out.Flush(); err != nil {
		return nil, err
	}
	r := &m.report
	r.Zxid = zxid
	all := append(notes{}, more...)
	all.add("versions, times, zxids and sessions are not kept: every znode begins anew, with the numbers of its sequential children going on")
	if r.Ephemerals > 0 {
		all.add("%d ephemeral znodes belong to sessions that do not move: a load skips them", r.Ephemerals)
	}
	if r.NullData > 0 {
		all.add("%d znodes have null for data, which is empty data in holt", r.NullData)
	}
	if r.ACLsDropped > 0 {
		all.add("%d ACLs were dropped: those znodes are open to everyone", r.ACLsDropped)
	}
	if r.SkippedRoots > 0 {
		all.add("%d znodes were left out with all that is below them", r.SkippedRoots)
	}
	for _, n := range r.Notes {
		list((*[]string)(&all), n)
	}
	r.Notes = all
	return r, nil
}
