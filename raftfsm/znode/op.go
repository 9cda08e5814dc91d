package znode

import "fmt"

// Zxid is a transaction's place in the total order: a counter in the state, one more for each transaction that changes it.
type Zxid uint64

// Mode is what kind of znode a create makes.
type Mode uint8

// The modes, in ZooKeeper's order.
const (
	Persistent Mode = iota
	Ephemeral
	PersistentSequential
	EphemeralSequential
	Container
	PersistentWithTTL
	PersistentSequentialWithTTL
	modes // how many there are
)

var modeNames = [modes]string{
	"persistent", "ephemeral", "persistent_sequential", "ephemeral_sequential", "container", "persistent_with_ttl",
	"persistent_sequential_with_ttl",
}

func (m Mode) String() string {
	if m < modes {
		return modeNames[m]
	}
	return "unknown"
}

// ParseMode is the mode of that name; ok is false for any other word.
func ParseMode(s string) (m Mode, ok bool) {
	for i, name := range modeNames {
		if s == name {
			return Mode(i), true
		}
	}
	return 0, false
}

// Sequential says whether the server completes the name with a number.
func (m Mode) Sequential() bool {
	return m == PersistentSequential || m == EphemeralSequential || m == PersistentSequentialWithTTL
}

// Ephemeral says whether the znode goes with the session that made it.
func (m Mode) Ephemeral() bool { return m == Ephemeral || m == EphemeralSequential }

// HasTTL says whether the znode goes when it had no children and no new data for a time.
func (m Mode) HasTTL() bool { return m == PersistentWithTTL || m == PersistentSequentialWithTTL }

// Kind is what an op does.
type Kind uint8

// The kinds of op.
const (
	// Create makes a znode that must not exist below a parent that must.
	Create Kind = iota + 1
	// Put sets the data of a znode, or makes it if it does not exist.
	Put
	// Set replaces the data of a znode that must exist.
	Set
	// Delete removes a znode without children.
	Delete
	// Check changes nothing: it holds the rest of the transaction to what it says.
	Check
	// OpenSession begins a session. The ops about sessions are each alone in their transaction.
	OpenSession
	// CloseSession ends one, with its ephemerals and watches.
	CloseSession
	// AddWatch sets a watch of the transaction's session.
	AddWatch
	// RemoveWatch takes it back. It is the last of those about sessions.
	RemoveWatch
	// CheckSession changes nothing: it holds the rest of the transaction to a session being alive.
	CheckSession
	// Get reads a znode that must exist, as the ops before it left it.
	Get
	// Children reads the names of a znode's children.
	Children
	// Exists reads the stat of a znode, or that there is none.
	Exists
	// Load makes a znode as it was in an export, or brings the one that is there in line. It is never refused: what it did is in the
	// result, so that one odd znode does not hold up a batch of others.
	Load
	// Raise lifts the number of children ever created, which sequential names come from. It never lowers it.
	Raise
	// Reap deletes a container or a znode with a TTL whose time has come.
	Reap
	kinds // one more than the last kind
)

var kindNames = [kinds]string{Create: "create", Put: "put", Set: "set", Delete: "delete", Check: "check",
	OpenSession: "open_session", CloseSession: "close_session", AddWatch: "add_watch", RemoveWatch: "remove_watch",
	CheckSession: "check_session", Get: "get", Children: "children", Exists: "exists", Load: "load", Raise: "raise", Reap: "reap",
}

func (k Kind) String() string {
	if k < kinds && k > 0 {
		return kindNames[k]
	}
	return "unknown"
}

// Tag is one version a precondition accepts. Czxid 0 compares the version alone, as ZooKeeper does; with it, a znode
// deleted and made again is told from the one that was meant.
type Tag struct {
	Version int64
	Czxid   Zxid
}

// Op is one step of a transaction. Make them with the functions below: what they return cannot be malformed.
type Op struct {
	Kind Kind
	Mode Mode   // of Create, Put and Load
	Path Path   // the znode; of a sequential create, see Prefix
	Data string // of Create, Put, Set and Load
	TTL  int64  // in ms, of the modes that have one, else 0

	// If is the precondition of Set, Delete, Check and Reap: one of the tags must fit. Empty: any version.
	If []Tag
	// Absent turns Check around: the znode must not exist.
	Absent bool
	// Parents, of Create and Put, makes the parents that are missing, persistent.
	Parents bool
	// Recursive, of Delete, deletes all that is below as well.
	Recursive bool
	// Replace, of Load, gives a znode that is there the data of the op.
	Replace bool
	// Created, of Raise, is how many children the znode had created at least.
	Created uint64

	// Session is what the op says about a session: of the ops about sessions and CheckSession, else nil.
	Session *SessionOp
}

// CreateOp makes a znode at p. The mode is not sequential.
func CreateOp(p Path, data string, m Mode) Op { return Op{Kind: Create, Mode: m, Path: p, Data: data} }

// CreateSequentialOp makes a znode named p and a number. The mode is sequential.
func CreateSequentialOp(p Prefix, data string, m Mode) Op {
	return Op{Kind: Create, Mode: m, Path: Path(p), Data: data}
}

// PutOp sets the data of p or creates p.
func PutOp(p Path, data string) Op { return Op{Kind: Put, Path: p, Data: data} }

// SetOp sets the data of p if one of the tags fits, or at any version without tags.
func SetOp(p Path, data string, tags ...Tag) Op { return Op{Kind: Set, Path: p, Data: data, If: tags} }

// DeleteOp deletes p if one of the tags fits, or at any version without tags.
func DeleteOp(p Path, tags ...Tag) Op { return Op{Kind: Delete, Path: p, If: tags} }

// CheckOp holds the transaction to p being at one of the tags, or to p existing.
func CheckOp(p Path, tags ...Tag) Op { return Op{Kind: Check, Path: p, If: tags} }

// DeleteTreeOp deletes p and all that is below if one of the tags fits p, or at any version without tags.
func DeleteTreeOp(p Path, tags ...Tag) Op {
	return Op{Kind: Delete, Path: p, If: tags, Recursive: true}
}

// GetOp reads p.
func GetOp(p Path) Op { return Op{Kind: Get, Path: p} }

// ChildrenOp reads the names of p's children.
func ChildrenOp(p Path) Op { return Op{Kind: Children, Path: p} }

// ExistsOp reads the stat of p, if it exists.
func ExistsOp(p Path) Op { return Op{Kind: Exists, Path: p} }

// CheckSessionOp holds the transaction to a session being alive; 0 is the transaction's own, which it is held to anyway.
func CheckSessionOp(o Owner) Op { return Op{Kind: CheckSession, Session: &SessionOp{Owner: o}} }

// LoadOp makes a znode as an export has it, or with replace gives the one that is there its data. The mode is neither sequential nor
// ephemeral; the ttl is 0 unless the mode has one.
func LoadOp(p Path, data string, m Mode, ttl int64, replace bool) Op {
	return Op{Kind: Load, Path: p, Data: data, Mode: m, TTL: ttl, Replace: replace}
}

// RaiseOp sees to it that p counts so many children ever created.
func RaiseOp(p Path, created uint64) Op { return Op{Kind: Raise, Path: p, Created: created} }

// ReapOp deletes p, seen by the leader with this tag, if its time has come.
func ReapOp(p Path, seen Tag) Op { return Op{Kind: Reap, Path: p, If: []Tag{seen}} }

// CheckAbsentOp holds the transaction to p not existing.
func CheckAbsentOp(p Path) Op { return Op{Kind: Check, Path: p, Absent: true} }

// Prefix is the path of a sequential create.
func (op *Op) Prefix() Prefix { return Prefix(op.Path) }

// Grows says whether the op can make the state larger. What cannot is taken even when the disk is nearly full.
func (op *Op) Grows() bool {
	switch op.Kind {
	case Create, Put, Set, OpenSession, AddWatch, Load:
		return true
	}
	return false
}

// Reads says whether the op only reads, and answers with what it found.
func (op *Op) Reads() bool { return op.Kind == Get || op.Kind == Children || op.Kind == Exists }

// aboutSession says whether the op is one of those about sessions.
func (op *Op) aboutSession() bool { return op.Kind >= OpenSession && op.Kind <= RemoveWatch }

// makes says whether the op may make a znode.
func (op *Op) makes() bool { return op.Kind == Create || op.Kind == Put || op.Kind == Load }

// Validate says whether the op is one that Apply knows how to judge. The error is for whoever asked.
func (op *Op) Validate() error {
	switch {
	case op.Kind == 0 || op.Kind >= kinds:
		return fmt.Errorf("unknown kind of op %d", op.Kind)
	case len(op.Data) > MaxDataBytes:
		return fmt.Errorf("data of %d bytes, the limit is %d", len(op.Data), MaxDataBytes)
	case op.Data != "" && !op.makes() && op.Kind != Set:
		return fmt.Errorf("%s takes no data", op.Kind)
	case (op.aboutSession() || op.Kind == CheckSession) != (op.Session != nil):
		return fmt.Errorf("%s says the wrong thing about a session", op.Kind)
	}
	for _, check := range []func() error{op.validateMode, op.validatePrecondition, op.validateFlags} {
		if err := check(); err != nil {
			return err
		}
	}
	if op.Session != nil {
		return op.validateSession()
	}
	return nil
}

func (op *Op) validateMode() error {
	switch {
	case op.Mode >= modes:
		return fmt.Errorf("unknown mode %d", op.Mode)
	case op.Mode != Persistent && !op.makes():
		return fmt.Errorf("%s takes no mode", op.Kind)
	case op.Mode.Sequential() && op.Kind != Create:
		return fmt.Errorf("%s takes no sequential mode", op.Kind)
	case op.Mode.Ephemeral() && op.Kind == Load:
		return fmt.Errorf("%s takes no ephemeral mode", op.Kind)
	case op.Mode.HasTTL() && (op.TTL <= 0 || op.TTL > MaxTTL):
		return fmt.Errorf("a ttl of %d ms, it must be 1 to %d", op.TTL, int64(MaxTTL))
	case !op.Mode.HasTTL() && op.TTL != 0:
		return fmt.Errorf("mode %s has no ttl", op.Mode)
	}
	return nil
}

func (op *Op) validatePrecondition() error {
	switch {
	case len(op.If) > MaxTags:
		return fmt.Errorf("%d alternatives in a precondition, the limit is %d", len(op.If), MaxTags)
	case len(op.If) > 0 && (op.Absent || op.Kind != Set && op.Kind != Delete && op.Kind != Check && op.Kind != Reap):
		return fmt.Errorf("a precondition on a version needs a znode that exists")
	case op.Kind == Reap && len(op.If) != 1:
		return fmt.Errorf("%s needs the version that was seen", op.Kind)
	case op.Absent && op.Kind != Check:
		return fmt.Errorf("%s cannot ask for a znode to be absent", op.Kind)
	}
	return nil
}

func (op *Op) validateFlags() error {
	switch {
	case op.Parents && op.Kind != Create && op.Kind != Put:
		return fmt.Errorf("%s makes no parents", op.Kind)
	case op.Recursive && op.Kind != Delete:
		return fmt.Errorf("%s cannot be recursive", op.Kind)
	case op.Replace && op.Kind != Load:
		return fmt.Errorf("%s replaces nothing", op.Kind)
	case op.Created != 0 && op.Kind != Raise:
		return fmt.Errorf("%s takes no number of children", op.Kind)
	case op.Created > MaxCreated:
		return fmt.Errorf("%d children ever created, the limit is %d", op.Created, uint64(MaxCreated))
	}
	return nil
}

func (op *Op) validateSession() error {
	s := op.Session
	switch {
	case len(op.Data) > 0 || len(op.If) > 0:
		return fmt.Errorf("%s takes neither data nor a precondition", op.Kind)
	case op.Kind == OpenSession && (s.Timeout < MinSessionTimeout || s.Timeout > MaxSessionTimeout):
		return fmt.Errorf("a timeout of %d ms, it must be %d to %d", s.Timeout, MinSessionTimeout, MaxSessionTimeout)
	case op.Kind == CloseSession && (s.Reason == 0 || s.Reason >= reasons):
		return fmt.Errorf("unknown reason %d to close a session", s.Reason)
	case op.Kind == CloseSession && (s.Reason == Expired) != (s.Term != 0):
		return fmt.Errorf("a session expires in a term, and ends for other reasons in any")
	case op.Kind == CloseSession && s.Owner != 0 && s.Key != SessionKey{}:
		return fmt.Errorf("the session to close has two names")
	case s.Watch >= watchModes || op.Kind == AddWatch && s.Watch == AnyWatch:
		return fmt.Errorf("unknown kind of watch %d", s.Watch)
	case op.Kind != OpenSession && s.Seal != Seal{}:
		return fmt.Errorf("%s seals nothing", op.Kind)
	}
	return nil
}

// Txn is a transaction: its ops happen in this order, each seeing those before it, all of them or none, at one zxid and
// one time.
type Txn struct {
	Ops []Op
	// Session is the session the transaction belongs to, nil if to none. Unless it is alive, nothing is done.
	Session *SessionKey
	// Once has the transaction carried out once, however often it comes; nil: as often as it comes.
	Once *Once
}

// Validate says whether the transaction is one that a log may hold: what cannot be decoded again would end every member that
// comes to apply it.
func (t *Txn) Validate() error {
	if n := len(t.Ops); n == 0 || n > MaxTxnOps {
		return fmt.Errorf("a transaction of %d ops, there must be 1 to %d", n, MaxTxnOps)
	}
	bytes := 0
	for i := range t.Ops {
		if err := t.Ops[i].Validate(); err != nil {
			return fmt.Errorf("op %d: %w", i, err)
		}
		if err := t.validateSession(&t.Ops[i]); err != nil {
			return fmt.Errorf("op %d: %w", i, err)
		}
		bytes += len(t.Ops[i].Data)
	}
	if bytes > MaxTxnBytes {
		return fmt.Errorf("data of %d bytes in a transaction, the limit is %d", bytes, MaxTxnBytes)
	}
	return nil
}

// validateSession says whether the op fits a transaction with this session, or none.
func (t *Txn) validateSession(op *Op) error {
	switch {
	case op.aboutSession() && len(t.Ops) > 1:
		return fmt.Errorf("%s must be alone in its transaction", op.Kind)
	case t.Session == nil && (op.Mode.Ephemeral() || op.Kind == AddWatch || op.Kind == RemoveWatch):
		return fmt.Errorf("%s of this kind needs a session", op.Kind)
	case t.Session != nil && (op.Kind == OpenSession || op.Kind == CloseSession):
		return fmt.Errorf("%s belongs to no session", op.Kind)
	case t.Session == nil && op.Kind == CheckSession && op.Session.Owner == 0:
		return fmt.Errorf("%s needs a session, or the name of one", op.Kind)
	case t.Once != nil && (op.Kind == AddWatch || op.Kind == RemoveWatch || op.Kind == Reap):
		return fmt.Errorf("the outcome of %s is not kept: to do it again does no harm", op.Kind)
	case t.Once == nil && op.Kind == OpenSession && op.Session.Seal != Seal{}:
		return fmt.Errorf("%s seals an id that nobody will ask for again", op.Kind)
	}
	return nil
}

// Grows says whether any op can make the state larger.
func (t *Txn) Grows() bool {
	for i := range t.Ops {
		if t.Ops[i].Grows() {
			return true
		}
	}
	return false
}
