package httpapi

import (
	"encoding/hex"
	"encoding/json"
	"strings"
	"testing"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// TestResultsAreThoseOfWire: of every op, carried out and replayed, the fields that wire promises, in its order.
func TestResultsAreThoseOfWire(t *testing.T) {
	fields := map[string]string{
		"create": "op path stat", "set": "op path stat", "check": "op path stat", "delete": "op path stat deleted",
		"get": "op path data encoding stat mode ttl_ms", "children": "op path children stat", "exists": "op path exists stat",
		"check_session": "op owner",
	}
	for op := range opFields {
		if fields[op] == "" {
			t.Errorf("nothing is said of %s", op)
		}
	}
	ttl := znode.CreateOp(znode.MustPath("/a/t"), "\xff", znode.PersistentWithTTL)
	ttl.TTL = 1234
	txn := &znode.Txn{Ops: []znode.Op{
		znode.CreateOp(znode.MustPath("/a"), "x", znode.Container), ttl, znode.GetOp(znode.MustPath("/a/t")),
		znode.SetOp(znode.MustPath("/a"), "ä"), znode.GetOp(znode.MustPath("/a")), znode.ChildrenOp(znode.MustPath("/a")),
		znode.ChildrenOp(znode.MustPath("/a/t")), znode.CheckSessionOp(1), znode.CheckOp(znode.MustPath("/a")),
		znode.CheckAbsentOp(znode.MustPath("/none")), znode.ExistsOp(znode.MustPath("/none")), znode.ExistsOp(znode.MustPath("/a")),
		znode.DeleteTreeOp(znode.MustPath("/a")), znode.ExistsOp(znode.MustPath("/a")),
	}}
	txn.Once = znode.NewOnce("key", txn)
	m := znode.NewMachine()
	m.Advance(1795301423000, 1)
	m.Apply(&znode.Txn{Ops: []znode.Op{znode.OpenSessionOp(znode.SessionKey{1}, 10_000)}})
	first, again := m.Apply(txn), m.Apply(txn)
	if first.Code != znode.OK || first.Replayed || !again.Replayed {
		t.Fatalf("%s, replayed %v", first.Code, again.Replayed)
	}
	for i := range txn.Ops {
		b := string(appendOpResult(nil, &txn.Ops[i], &first.Ops[i]))
		if twice := string(appendOpResult(nil, &txn.Ops[i], &again.Ops[i])); twice != b {
			t.Errorf("%s\nreplayed as\n%s", b, twice)
		}
		d := json.NewDecoder(strings.NewReader(b))
		d.DisallowUnknownFields()
		var got wire.TxnResult
		if err := d.Decode(&got); err != nil {
			t.Fatalf("%s: %v", b, err)
		}
		if want := fields[got.Op]; outerKeys(t, b) != want {
			t.Errorf("%s\nhas fields %s, want %s", b, outerKeys(t, b), want)
		}
		if got.Stat != nil { // else encoding/json leaves it out
			same(t, []byte(b), &got)
		}
	}
	for i, want := range map[int]string{
		2:  `"data":"/w==","encoding":"base64"`,
		4:  `"data":"ä","encoding":"utf8"`,
		5:  `"children":["t"]`,
		6:  `"children":[]`,
		7:  `{"op":"check_session","owner":"s1"}`,
		10: `{"op":"exists","path":"/none","exists":false,"stat":null}`,
		12: `{"op":"delete","path":"/a","stat":null,"deleted":2}`,
	} {
		if b := string(appendOpResult(nil, &txn.Ops[i], &again.Ops[i])); !strings.Contains(b, want) {
			t.Errorf("%s\nwithout %s", b, want)
		}
	}
	if b := string(appendOpResult(nil, &txn.Ops[2], &again.Ops[2])); !strings.HasSuffix(b, `,"mode":"persistent_with_ttl","ttl_ms":1234}`) {
		t.Errorf("of a znode with a ttl: %s", b)
	}
	if b := string(appendOpResult(nil, &txn.Ops[4], &again.Ops[4])); !strings.HasSuffix(b, `,"mode":"container","ttl_ms":0}`) {
		t.Errorf("of a container: %s", b)
	}
}

// outerKeys are the names of the fields of an object, not of those in it.
func outerKeys(t *testing.T, object string) string {
	t.Helper()
	var names []string
	d := json.NewDecoder(strings.NewReader(object))
	if _, err := d.Token(); err != nil {
		t.Fatal(err)
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			t.Fatal(err)
		}
		names = append(names, name.(string))
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			t.Fatal(err)
		}
	}
	return strings.Join(names, " ")
}

func TestIdempotencyKeys(t *testing.T) {
	long := strings.Repeat("k", MaxIdempotencyKeyBytes)
	for value, want := range map[string]string{
		"a": "a", `"a"`: "a", " a\t": "a", ` "a" `: "a", "!~": "!~", `a\b`: `a\b`, "550e8400-e29b-41d4-a716-446655440000": "550e8400-e29b-41d4-a716-446655440000",
		long: long, `"` + long + `"`: long, "a,b": "a,b", "'a'": "'a'",
		"": "", `""`: "", `"`: "", " ": "", `"a`: "", `a"`: "", `a"b`: "", `"a"b"`: "", `"a" "b"`: "", "a b": "", `"a b"`: "", "a\tb": "",
		"ä": "", "\x7f": "", "\xff": "", long + "k": "", `"` + long + `k"`: "", `"a", "b"`: "",
	} {
		key, err := parseKey(value)
		if p, _ := problemOf(err); key != want || (want == "") != (err != nil) || err != nil && p.Code != wire.BadArguments {
			t.Errorf("%q: %q, %v; want %q", value, key, err, want)
		}
	}
}

// TestASealIsOpenedByItsKeyAlone: two seals of an id have nothing in common, and neither shows it.
func TestASealIsOpenedByItsKeyAlone(t *testing.T) {
	id := [sessionIDBytes]byte{1, 2, 3, 15: 16}
	one, two := sealID("key", id), sealID("key", id)
	if one == two {
		t.Error("two seals are the same")
	}
	if unsealID("key", one) != id || unsealID("key", two) != id {
		t.Error("the key does not open its seal")
	}
	if unsealID("kez", one) == id {
		t.Error("another key opens the seal")
	}
	if strings.Contains(hex.EncodeToString(one[:]), hex.EncodeToString(id[:])) {
		t.Error("the seal shows the id")
	}
}
