package zookeeper

import (
	"bytes"
	"encoding/binary"
	"hash/adler32"
	"strings"
)

// The other side of the decoder, to make files that no server would write.

func num(v any) string {
	var b bytes.Buffer
	if err := binary.Write(&b, binary.BigEndian, v); err != nil {
		panic(err)
	}
	return b.String()
}

func text(s string) string { return num(int32(len(s))) + s }

// openACLs is world:anyone:cdrwa as a vector.
var openACLs = num(int32(1)) + num(int32(31)) + text("world") + text("anyone")

// persisted is a znode of a snapshot.
type persisted struct {
	path    string
	data    string
	acl     int64
	zxid    int64 // of everything
	created int32
	owner   int64
}

// snapshotOf is a whole snapshot file. The ACL with the number 1 is world:anyone:r.
func snapshotOf(sessions []int64, znodes ...persisted) string {
	s := snapshotMagic + num(int32(2)) + num(int64(-1)) + num(int32(len(sessions)))
	for _, id := range sessions {
		s += num(id) + num(int32(30000))
	}
	s += num(int32(1)) + num(int64(1)) + num(int32(1)) + num(int32(1)) + text("world") + text("anyone")
	var all strings.Builder
	all.WriteString(s)
	for _, z := range znodes {
		all.WriteString(text(z.path) + text(z.data) + num(z.acl) + num([]int64{z.zxid, z.zxid, 0, 0}) + num([]int32{0, z.created, 0}) +
			num([]int64{z.owner, z.zxid}))
	}
	return sealed(all.String() + text("/"))
}

func sealed(s string) string { return s + num(int64(adler32.Checksum([]byte(s)))) + text("/") }

// txnOf is a transaction as a log has it, without what stands around it.
func txnOf(session, zxid int64, kind int32, body string) string {
	return num(session) + num(int32(0)) + num([]int64{zxid, 0}) + num(kind) + body
}

func createBody(path, data string, ephemeral bool, created int32) string {
	return text(path) + text(data) + openACLs + num(ephemeral) + num(created)
}

func multiBody(ops ...string) string {
	s := num(int32(len(ops)))
	for _, op := range ops {
		s += op
	}
	return s
}

func opOf(kind int32, body string) string { return num(kind) + text(body) }

// logOf is a whole log file, with room that was made ahead.
func logOf(txns ...string) string {
	s := logMagic + num(int32(2)) + num(int64(0))
	for _, x := range txns {
		s += num(int64(adler32.Checksum([]byte(x)))) + text(x) + "B"
	}
	return s + string(make([]byte, 64))
}
