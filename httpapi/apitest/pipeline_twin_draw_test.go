package apitest

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"unicode/utf8"

	"pgregory.net/rapid"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// course is what TestAPipelineIsItsTransactions has its APIs do, and how that must end.
type course []leg

// leg is a part of a course at one time of the log, of one session or of none.
type leg struct {
	now    int64
	behind []znode.Txn // carried out first, behind the API's back: sessions that come and go, znodes whose time is over
	holder string      // the id of the session
	over   string      // the protocol of the pipeline; "" for requests, one by one
	tries  []try
	state  string // the bytes it ends with
	body   string // of the pipeline
	cuts   []cut
}

// try is one transaction.
type try struct {
	ops    []wire.Op
	many   bool // whether its line has a list of ops
	key    string
	holder string // of its leg
	plain  string // the request that does the same without being a transaction; "" if there is none
	id     string // of its line
	line   uint64
	want   verdict
}

// cut is a place in a pipeline's body where the client pauses, for good or until it has so many answers.
type cut struct{ at, await int }

// drawer draws a course. Its machine goes along, so that there are versions that fit, and knows how all must end.
type drawer struct {
	*rapid.T
	machine *znode.Machine
	now     int64
	ids     []string
	keys    int
	past    []try // with a key
	pastOf  map[string]bool
}

func drawCourse(t *rapid.T) (c course) {
	d := &drawer{T: t, machine: znode.NewMachine(), now: 1, pastOf: make(map[string]bool)}
	for range d.below(3) + 1 {
		c = append(c, d.leg())
	}
	return c
}

// below is a number from 0, under n.
func (d *drawer) below(n int) int { return rapid.IntRange(0, n-1).Draw(d.T, "n") }

// one says yes once in n times, or more seldom.
func (d *drawer) one(n int) bool { return d.below(n) == n-1 }

func pick[T any](d *drawer, of ...T) T { return of[d.below(len(of))] }

func (d *drawer) leg() (l leg) {
	d.now += int64(pick(d, 0, 1, 1, 3, 3, znode.ContainerLinger, znode.ContainerGrace, znode.OutcomeTime+1))
	l.now = d.now
	d.machine.Advance(d.now, 1)
	d.behind(&l)
	if len(d.ids) > 0 && !d.one(3) {
		l.holder = pick(d, d.ids...)
	}
	for range d.below(pick(d, 8, 8, 8, 8, 30, 8)) + 1 {
		l.tries = append(l.tries, d.try(l.holder))
	}
	if !d.one(5) {
		l.over = pick(d, protocols...)
		d.body(&l)
	}
	l.state = bytesOf(d.Fatal, d.machine.State())
	return l
}

// behind opens or ends a session now and then, and deletes znodes that are due.
func (d *drawer) behind(l *leg) {
	var ops []znode.Op
	for n := range d.machine.State().Tree.Due(d.now) {
		if !d.one(3) {
			ops = append(ops, znode.ReapOp(n.Path(), znode.Tag{Version: n.Stat().Version, Czxid: n.Stat().Czxid}))
		}
	}
	if len(d.ids) == 0 || d.one(4) {
		id := fmt.Sprintf("%032x", len(d.ids)+1)
		d.ids = append(d.ids, id)
		ops = append(ops, znode.OpenSessionOp(*keyFor(id), 10_000))
	} else if d.one(4) {
		ops = append(ops, znode.CloseSessionOp(*keyFor(pick(d, d.ids...))))
	}
	for _, op := range ops {
		l.behind = append(l.behind, znode.Txn{Ops: []znode.Op{op}})
		d.machine.Apply(&l.behind[len(l.behind)-1])
	}
}

// keyFor is what the state knows of a session's id, nil of none.
func keyFor(id string) *znode.SessionKey {
	if id == "" {
		return nil
	}
	raw, _ := hex.DecodeString(id)
	key := znode.SessionKey(sha256.Sum256(raw))
	return &key
}

// try draws a transaction, new or one of before, and carries it out.
func (d *drawer) try(holder string) (y try) {
	what := d.below(10)
	if what < 3 && len(d.past) > 0 {
		y = d.past[d.below(len(d.past))]
		for _, p := range d.past {
			if p.holder == holder && !d.one(3) {
				y = p
			}
		}
	} else {
		y.ops = d.ops(holder, pick(d, 1, 1, 2, 3, 5, 20))
	}
	switch {
	case what == 3 && len(d.past) > 0:
		y.key = d.past[d.below(len(d.past))].key
	case what > 2 && what < 6:
		d.keys++
		y.key = fmt.Sprint("key-", d.keys)
	}
	y.holder = holder
	y.many = len(y.ops) > 1 || d.one(3)
	y.plain, y.id = "", pick(d, "", "", `"é\u0001"`, fmt.Sprint(len(d.past)), "-2.50e3", "true")
	if len(y.ops) == 1 && !d.one(3) {
		y.plain = d.plain(&y.ops[0], y.key, holder)
	}
	y.want = d.carryOut(&y, holder)
	if y.key != "" {
		d.past = append(d.past, y)
	}
	return y
}

// ops draws ops of which most, for what comes before them, can be carried out.
func (d *drawer) ops(holder string, most int) (ops []wire.Op) {
	meant := znode.Txn{Session: keyFor(holder)}
	over := holder != "" && d.machine.State().Sessions.ByKey(*meant.Session) == nil // then it is all the same
	for range d.below(most) + 1 {
		scratch := znode.FromState(d.machine.State())
		scratch.Advance(d.now, 1)
		before := meant.Ops
		if len(before) > 0 {
			scratch.Apply(&meant)
		}
		for range 3 {
			op := d.op(scratch.State(), holder)
			bad := badOp(&op, holder)
			if !bad {
				again := znode.FromState(d.machine.State())
				again.Advance(d.now, 1)
				meant.Ops = append(slices.Clip(before), meantBy(&op))
				bad = again.Apply(&meant).Code != znode.OK
			}
			if meant.Ops = before; bad && !over && !d.one(5) {
				continue
			}
			if ops = append(ops, op); !badOp(&op, holder) {
				meant.Ops = append(slices.Clip(before), meantBy(&op))
			}
			break
		}
	}
	for n := range d.machine.State().Tree.Subtree(znode.Root) {
		if get := (wire.Op{Op: "get", Path: n.Path().String()}); len(n.Data()) == len(large) && d.one(6) {
			ops = append(ops, get, get, get)
			break
		}
	}
	if len(ops) == 0 {
		ops = append(ops, wire.Op{Op: "get", Path: "/"})
	}
	return ops
}

func (d *drawer) op(s *znode.State, holder string) wire.Op {
	var nodes []*znode.Node
	for n := range s.Tree.Subtree(znode.Root) {
		nodes = append(nodes, n)
	}
	n := nodes[len(nodes)-1-d.below(len(nodes))]
	o := wire.Op{Op: pick(d, "create", "create", "create", "set", "set", "delete", "check", "get", "children", "exists", "check_session"), Path: n.Path().String()}
	if d.one(6) {
		o.Path, n = pick(d, "/none", "/a", "/a/b"), nil
	}
	switch o.Op {
	case "create":
		d.create(&o, holder)
	case "set":
		data := d.data(&o)
		o.Data = &data
		d.version(&o, n)
	case "delete":
		o.Recursive = d.one(2)
		d.version(&o, n)
	case "check":
		if o.Absent = n == nil || d.one(6); !o.Absent {
			d.version(&o, n)
		}
	case "check_session":
		o.Path = ""
		if holder == "" || d.one(2) {
			o.Owner = fmt.Sprint("s", d.below(20)+1)
			for live := range s.Sessions.All(0) {
				if !d.one(3) {
					o.Owner = live.Owner.String()
				}
			}
		}
		if d.one(12) {
			o.Owner = ""
		}
	}
	return o
}

func (d *drawer) create(o *wire.Op, holder string) {
	m := znode.Mode(d.below(7))
	if m.Ephemeral() && holder == "" && !d.one(6) {
		m = znode.Persistent
	}
	o.Mode = m.String()
	if !d.one(10) {
		o.Path = strings.TrimSuffix(o.Path, "/") + pick(d, "/a", "/b", "/é %", "/a/b")
	}
	if o.Parents = d.one(3); m.Sequential() {
		o.Path = strings.TrimSuffix(o.Path, pick(d, "a", "b", "-"))
	}
	if m.HasTTL() {
		ttl := pick[int64](d, 1, 5, 300_000, znode.MaxTTL)
		o.TTLMs = &ttl
	}
	if data := d.data(o); data != "" || d.one(2) {
		o.Data = &data
	}
}

// large is data of which three are more than an outcome is kept with.
var large = strings.Repeat("large ", 5_000)

func (d *drawer) data(o *wire.Op) string {
	data := pick(d, "", "x", "y", "<\"\\\n\x01é😀>", "\xff\x00", "\n\n", "z", "{}", "\t", large)
	if !utf8.ValidString(data) || d.one(4) {
		o.Encoding = wire.Base64
		return base64.StdEncoding.EncodeToString([]byte(data))
	}
	return data
}

// version draws a precondition: one that fits, most of the time.
func (d *drawer) version(o *wire.Op, n *znode.Node) {
	var version int64
	var czxid uint64
	if n != nil {
		version, czxid = n.Stat().Version, uint64(n.Stat().Czxid)
	}
	switch d.below(12) {
	case 0:
		version++
	case 1:
		czxid++
	case 2:
		czxid = 0
	case 3:
		version = -1
	case 4, 5, 6, 7:
		return
	}
	if o.Version = &version; version >= 0 && d.one(2) {
		o.Czxid = &czxid
	}
}

// body draws how a leg's transactions are written down and sent.
func (d *drawer) body(l *leg) {
	var text strings.Builder
	number, ends := uint64(1), make([]int, len(l.tries))
	for i := range l.tries {
		if d.one(8) {
			text.WriteString(pick(d, "\n", " \t\r\n"))
			number++
		}
		l.tries[i].line = number
		text.WriteString(d.line(&l.tries[i]))
		if last := i == len(l.tries)-1; !last || !d.one(3) {
			text.WriteString(pick(d, "\n", "\n", "\r\n"))
		}
		ends[i] = text.Len()
		number++
	}
	l.body = text.String()
	for range d.below(6) {
		c := cut{at: d.below(len(l.body))}
		if d.one(2) {
			c.at = ends[d.below(len(ends))]
		}
		for c.await < len(ends) && ends[c.await] <= c.at && strings.HasSuffix(l.body[:ends[c.await]], "\n") {
			c.await++
		}
		if d.one(2) {
			c.await = 0
		}
		l.cuts = append(l.cuts, c)
	}
	slices.SortFunc(l.cuts, func(a, b cut) int { return a.at - b.at })
}

// line draws how a transaction is written in a pipeline.
func (d *drawer) line(y *try) string {
	fields, plain := make(map[string]json.RawMessage), !d.one(3)
	if y.many {
		ops := make([]string, len(y.ops))
		for i := range ops {
			ops[i] = d.spelt(fieldsOf(&y.ops[i]), plain)
		}
		fields["txn"] = json.RawMessage("[" + strings.Join(ops, ",") + "]")
	} else {
		fields = fieldsOf(&y.ops[0])
	}
	if y.id != "" {
		fields["id"] = json.RawMessage(y.id)
	}
	if y.key != "" {
		fields["idempotency_key"] = json.RawMessage(pick(d, `"`+y.key+`"`, `"\"`+y.key+`\""`, `" `+y.key+`"`))
	}
	return d.spelt(fields, plain)
}

func fieldsOf(o *wire.Op) (fields map[string]json.RawMessage) {
	if err := json.Unmarshal(marshal(o), &fields); err != nil {
		panic(err)
	}
	return fields
}

// spelt is fields as an object: in the order of their names, or in any, with spaces and with what may as well be left out.
func (d *drawer) spelt(fields map[string]json.RawMessage, plain bool) string {
	names, colon, comma := slices.Sorted(maps.Keys(fields)), ":", ","
	if !plain {
		if _, ok := fields["op"]; ok && fields["absent"] == nil && d.one(3) {
			fields["absent"] = json.RawMessage("false")
			names = append(names, "absent")
		}
		names = rapid.Permutation(names).Draw(d.T, "order")
		colon, comma = pick(d, ":", " :\t"), pick(d, ",", " , ")
	}
	for i, name := range names {
		names[i] = `"` + name + `"` + colon + string(fields[name])
	}
	return "{" + strings.Join(names, comma) + "}"
}
