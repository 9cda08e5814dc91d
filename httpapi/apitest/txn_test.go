package apitest

import (
	"encoding/json"
	"fmt"
	"strings"
	"testing"

	"holt/httpapi"
	"holt/httpapi/wire"
)

func txn(ops ...string) string {
	return "POST /v1/txn\nContent-Type: application/json\n\n{\"ops\":[" + strings.Join(ops, ",") + "]}"
}

func TestATransactionIsAllOrNothing(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a\n\none").is(201)
	a := s.do(txn(
		`{"op":"check","path":"/a","version":0,"czxid":1}`, `{"op":"check","path":"/b","absent":true}`,
		`{"op":"set","path":"/a","data":"/wA=","encoding":"base64","version":0}`, `{"op":"create","path":"/b","data":"b"}`,
		`{"op":"create","path":"/b/n-","mode":"persistent_sequential"}`, `{"op":"create","path":"/c"}`, `{"op":"delete","path":"/c","version":-1}`,
	)).is(200).has("Holt-Zxid", "2")
	done := read[wire.TxnDone](a)
	var got []string
	for _, r := range done.Results {
		got = append(got, fmt.Sprint(r.Op, " ", r.Path, " ", r.Stat != nil))
	}
	want := "check /a true, check /b false, set /a true, create /b true, create /b/n-0000000000 true, create /c true, delete /c false"
	if strings.Join(got, ", ") != want || done.Zxid != 2 || done.Results[2].Stat.Mzxid != 2 {
		t.Errorf("results %v at %d", got, done.Zxid)
	}
	s.do("GET /v1/znodes/a").is(200).says("\xff\x00")

	p := s.do(txn(`{"op":"set","path":"/a","data":"lost"}`, `{"op":"delete","path":"/none"}`, `{"op":"create","path":"/d"}`)).
		fails(404, wire.NoNode)
	if *p.Failed != 1 || p.Path != "/none" || p.Zxid != 2 || fmt.Sprint(p.Results) != "[{ok} {no_node} {rolled_back}]" {
		t.Errorf("op %d on %s at %d refused: %v", *p.Failed, p.Path, p.Zxid, p.Results)
	}
	s.do("GET /v1/znodes/a").is(200).says("\xff\x00").has("Holt-Zxid", "2")
}

func TestTheStatusOfATransactionIsThatOfTheOpThatWasRefused(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a").is(201)
	s.do("PUT /v1/znodes/a/b").is(201)
	for op, want := range map[string]struct {
		status int
		code   wire.Code
	}{
		`{"op":"create","path":"/a"}`:                              {409, wire.NodeExists},
		`{"op":"create","path":"/none/x"}`:                         {404, wire.NoNode},
		`{"op":"set","data":"","path":"/none"}`:                    {404, wire.NoNode},
		`{"op":"set","data":"","path":"/a","version":7}`:           {412, wire.BadVersion},
		`{"op":"set","data":"","path":"/a","version":0,"czxid":2}`: {412, wire.BadVersion},
		`{"op":"set","data":"","path":"/a","version":0,"czxid":0}`: {412, wire.BadVersion},
		`{"op":"delete","path":"/a"}`:                              {409, wire.NotEmpty},
		`{"op":"delete","path":"/"}`:                               {400, wire.BadArguments},
		`{"op":"check","path":"/a","absent":true}`:                 {409, wire.NodeExists},
		`{"op":"check","path":"/none"}`:                            {404, wire.NoNode},
		`{"op":"check","path":"/a","version":1}`:                   {412, wire.BadVersion},
	} {
		s.do(txn(op)).fails(want.status, want.code)
	}
}

func TestBadTransactions(t *testing.T) {
	s := start(t, func(c *httpapi.Config) { c.MaxDataBytes = 1000 })
	s.do("PUT /v1/znodes/a").is(201)
	before := s.bytes()
	big := func(n int) string { return `{"op":"set","path":"/a","data":"` + strings.Repeat("x", n) + `"}` }
	for _, c := range []struct {
		body   string
		status int
		code   wire.Code
	}{
		{``, 400, wire.BadArguments},
		{`{`, 400, wire.BadArguments},
		{`[]`, 400, wire.BadArguments},
		{`{"ops":[]}`, 400, wire.BadArguments},
		{`{}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a"}]} {}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a"}],"more":1}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","Data2":"x"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"SET","path":"/a"}]}`, 400, wire.BadArguments},
		{`{"OPS":[{"op":"set","data":"","path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a"}],"ops":[{"op":"set","data":"","path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/b","path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","Data":"x"}]}`, 400, wire.BadArguments},
		{"{\"ops\":[{\"op\":\"set\",\"path\":\"/a\",\"data\":\"\xff\"}]}", 400, wire.BadArguments},
		{`{"ops":[{"op":"set","path":"/a","data":"\ud83d"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","path":"/a","data":"\udc26\ud83d"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":""}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","path":"/a"}]}`, 400, wire.BadArguments}, // a forgotten field would empty it
		{`{"ops":[{"op":"set","data":"","path":"a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a/"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":7}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"//","mode":"persistent_sequential"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","version":-2}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","version":1.5}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","version":"1"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","czxid":1}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","version":-1,"czxid":1}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","mode":"persistent"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","absent":true}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"delete","path":"/a","data":"x"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","version":1}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check","path":"/a","absent":true,"version":1}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","path":"/a","data":"x","encoding":"hex"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","path":"/a","data":"/w","encoding":"base64"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","path":"/a","data":"/x==","encoding":"base64"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"none"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"ephemeral"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","encoding":"hex"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","ttl_ms":5}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","ttl_ms":0}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"container","ttl_ms":5}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl","ttl_ms":0}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl","ttl_ms":-5}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl","ttl_ms":1.5}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl","ttl_ms":"5"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl","ttl_ms":1099511627776}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","mode":"persistent_with_ttl","ttl_ms":9223372036854775808}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","parents":"true"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","recursive":true}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","owner":"s1"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","parents":true}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","ttl_ms":5}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","acl":[]}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"delete","path":"/a","absent":true}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"delete","path":"/a","recursive":1}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check","path":"/a","recursive":true}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"get","path":"/a","version":1}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"get","path":"/a","data":""}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"get"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"children","path":"a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"exists","path":"/a","absent":true}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session","owner":""}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session","owner":"17"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session","owner":"s017"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session","owner":17}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session","owner":"0123456789abcdef0123456789abcdef"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"check_session","owner":"s1","path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"open_session"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"reap","path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":null,"path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a","version":null}]}`, 400, wire.BadArguments},
		{`{"ops":[null]}`, 400, wire.BadArguments},
		{`{"ops":null}`, 400, wire.BadArguments},
		{`null`, 400, wire.BadArguments},
		{`{"ops":{"op":"set","data":"","path":"/a"}}`, 400, wire.BadArguments},
		{`{"ops":[[{"op":"set","data":"","path":"/a"}]]}`, 400, wire.BadArguments},
		{`{"ops":[{"ops":[{"op":"set","data":"","path":"/a"}]}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":{"op":"set"},"path":"/a"}]}`, 400, wire.BadArguments},
		{`{"ops":` + strings.Repeat("[", 100_000), 400, wire.BadArguments},
		{`{"ops":[{"op":"set","data":"","path":"/a"},{"op":"get"}]}`, 400, wire.BadArguments},
		{`{"ops":[{"op":"create","path":"/b","acl":[]}]}`, 501, wire.NotImplemented},
		{`{"ops":[{"op":"set_acl","path":"/a","acl":[]}]}`, 501, wire.NotImplemented},
		{`{"ops":[` + big(1001) + `]}`, 413, wire.TooLarge},
		{`{"ops":[` + big(1) + strings.Repeat(","+big(1), 1024) + `]}`, 413, wire.TooLarge},
	} {
		p := s.do("POST /v1/txn\n\n"+c.body).fails(c.status, c.code)
		if strings.Contains(p.Detail, "0123456789abcdef") {
			t.Errorf("what may be the id of a session is shown: %s", p.Detail)
		}
	}
	s.do("POST /v1/txn\nContent-Type: text/plain\n\n{\"ops\":[]}").fails(400, wire.BadArguments)
	s.do("POST /v1/txn\nContent-Type: application/x-www-form-urlencoded\n\n{\"ops\":[]}").fails(400, wire.BadArguments)
	s.do("POST /v1/txn\nIf-Match: *\n\n{\"ops\":[]}").fails(400, wire.BadArguments)
	if s.Proposed() != 1 || s.bytes() != before {
		t.Errorf("%d proposals, want that of the first PUT alone", s.Proposed())
	}
	s.do("POST /v1/txn\nContent-Type: application/json; charset=utf-8\n\n{\"ops\":[" + big(1000) + "]}").is(200)
	s.do(txn(big(1) + strings.Repeat(","+big(1), 1023))).is(200)
}

func TestADataLimitOfTheTransactionIsOfAllItsOps(t *testing.T) {
	s := start(t)
	s.do("PUT /v1/znodes/a").is(201)
	op := `{"op":"set","path":"/a","data":"` + strings.Repeat("x", 1<<20) + `"}`
	s.do(txn(op, op, op, op)).is(200)
	p := s.do(txn(op, op, op, op, `{"op":"set","path":"/a","data":"x"}`)).fails(413, wire.TooLarge)
	if *p.Limit != 4<<20 || *p.Failed != 4 {
		b, _ := json.Marshal(p)
		t.Errorf("the problem is %s", b)
	}
	p = s.do("POST /v1/txn\n\n"+strings.Repeat(" ", httpapi.MaxTxnBodyBytes+1)).fails(413, wire.TooLarge)
	if *p.Limit != httpapi.MaxTxnBodyBytes || *p.Size != httpapi.MaxTxnBodyBytes+1 {
		t.Errorf("limit %d, size %d", *p.Limit, *p.Size)
	}
}
