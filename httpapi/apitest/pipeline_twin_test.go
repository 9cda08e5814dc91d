package apitest

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strconv"
	"strings"
	"testing"

	"pgregory.net/rapid"

	"holt/httpapi"
	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// TestAPipelineIsItsTransactions: the same transactions, as requests one by one and in pipelines, are answered the same and leave the
// same state, which is also what a machine of its own makes of them.
func TestAPipelineIsItsTransactions(t *testing.T) {
	rapid.Check(t, func(rt *rapid.T) {
		c := drawCourse(rt)
		difference := ""
		if ok := t.Run("", func(t *testing.T) { difference = c.run(t) }); !ok || difference != "" {
			rt.Fatal(difference)
		}
	})
}

// verdict is what an answer says of a transaction.
type verdict struct {
	Code     wire.Code
	Zxid     uint64 // 0 where the transaction was refused before it was proposed
	Replayed bool
	Path     string // of a refusal, as what follows
	Failed   int    // -1 where it does not say
	Version  int64  // current_version, -1 where it does not say
	Results  []string
	Rest     string // what only the server knows: detail, status, reason, limit and size
}

// clocked is a Node whose time stands still until the test moves it.
type clocked struct {
	*Node
	now int64 // guarded by the Node's mutex
}

// ProposeAll is a Proposer's.
func (c *clocked) ProposeAll(ctx context.Context, txns []znode.Txn) ([]*znode.Result, error) {
	c.mu.Lock()
	c.proposed = int(c.now) - 1
	c.mu.Unlock()
	return c.Node.ProposeAll(ctx, txns)
}

// Propose is a Proposer's.
func (c *clocked) Propose(ctx context.Context, txn *znode.Txn) (*znode.Result, error) {
	results, err := c.ProposeAll(ctx, []znode.Txn{*txn})
	if err != nil {
		return nil, err
	}
	return results[0], nil
}

// run walks the course and gives the first difference.
func (c course) run(t *testing.T) string {
	var clocks []*clocked
	withClock := func(cfg *httpapi.Config) {
		clocks = append(clocks, &clocked{Node: cfg.Proposer.(*Node)})
		cfg.Proposer = clocks[len(clocks)-1]
	}
	one, piped := start(t, withClock), start(t, withClock)
	for _, s := range []*server{one, piped} {
		s.client.Transport = s.client.Transport.(*contract).next // the contract takes longer than all the rest, and others hold them to it
	}
	for i := range c {
		l := &c[i]
		for _, k := range clocks {
			k.mu.Lock()
			k.now = l.now
			k.mu.Unlock()
			for _, txn := range l.behind {
				if _, err := k.Propose(t.Context(), &txn); err != nil {
					t.Fatal(err)
				}
			}
		}
		for j, difference := range l.run(one, piped) {
			if difference != "" {
				return fmt.Sprintf("leg %d, transaction %d, %s%s (%q), session %q, pipeline %q:\n%s",
					i, j, marshal(l.tries[j].ops), l.tries[j].key, l.tries[j].plain, l.holder, l.body, difference)
			}
		}
		for _, s := range []*server{one, piped} {
			if s.bytes() != l.state {
				return fmt.Sprintf("leg %d: the state is not that of a machine; one by one it is: %v", i, one.bytes() == l.state)
			}
		}
	}
	return ""
}

// run has a leg done, and gives a difference for each transaction, "" if there is none.
func (l *leg) run(one, piped *server) []string {
	differences := make([]string, len(l.tries))
	var lines []line
	if l.over != "" {
		lines = l.pipe(piped)
		if len(lines) != len(l.tries) {
			return append(differences, fmt.Sprintf("%d answers", len(lines)))
		}
	}
	for i := range l.tries {
		y := &l.tries[i]
		want := y.want
		if y.plain != "" {
			differences[i] = y.differsPlain(one.do(request(y.plain, y.key, l.holder)))
		} else {
			got := y.posted(one, l.holder)
			differences[i] = differ("POST /v1/txn", got, want)
			want.Rest, want.Results = got.Rest, got.Results // to the byte
		}
		if differences[i] != "" {
			return differences
		}
		if l.over == "" {
			differences[i] = differ("the other", y.posted(piped, l.holder), want)
			continue
		}
		if lines[i].Line != y.line || string(lines[i].ID) != y.id {
			differences[i] = "the line is another: " + lines[i].raw
			return differences
		}
		differences[i] = differ("the line", y.answered(&lines[i]), want)
	}
	return differences
}

// differ is how an answer differs from what it must say; where the Rest of that is "", the form of the results does not matter.
func differ(who string, got, want verdict) string {
	if want.Rest == "" {
		got.Rest = ""
		got.Results = slices.Clone(got.Results)
		for i, r := range got.Results {
			got.Results[i] = normal(r)
		}
	}
	if g, w := string(marshal(got)), string(marshal(want)); g != w {
		return fmt.Sprintf("%s says\n%s, want\n%s", who, g, w)
	}
	return ""
}

// normal is a result as package json writes it.
func normal(raw string) string {
	var r wire.TxnResult
	if strings.HasPrefix(raw, `{"op"`) {
		if err := json.Unmarshal([]byte(raw), &r); err != nil {
			return raw + err.Error()
		}
		return string(marshal(r))
	}
	return raw
}

func marshal(v any) []byte {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err)
	}
	return b
}

// pipe sends the leg's body in its pieces, and gives the answers.
func (l *leg) pipe(s *server) (lines []line) {
	p := s.pipeline(l.over, slices.DeleteFunc([]string{"Holt-Session: " + l.holder}, func(string) bool { return l.holder == "" })...)
	answers := make(chan struct{}, len(l.tries)+1)
	sent := make(chan struct{})
	go func() {
		defer close(sent)
		defer p.in.Close()
		at, got := 0, 0
		for _, c := range append(slices.Clone(l.cuts), cut{at: len(l.body)}) {
			if _, err := io.WriteString(p.in, l.body[at:c.at]); err != nil {
				return // which the answers show
			}
			for at = c.at; got < c.await; got++ {
				<-answers
			}
		}
	}()
	for {
		text, err := p.out.ReadString('\n')
		if err == io.EOF && text == "" {
			break
		}
		l := line{raw: strings.TrimSuffix(text, "\n")}
		if err == nil {
			err = json.Unmarshal([]byte(text), &l)
		}
		if err != nil {
			s.t.Errorf("the answer broke off behind %q: %v", text, err)
			break
		}
		if lines = append(lines, l); len(answers) < cap(answers) {
			answers <- struct{}{}
		}
	}
	close(answers)
	p.drop()
	<-sent
	return lines
}

// request adds headers to a request.
func request(plain, key, holder string) string {
	head, body, _ := strings.Cut(plain, "\n\n")
	if holder != "" {
		head += "\nHolt-Session: " + holder
	}
	if key != "" {
		head += "\nIdempotency-Key: " + key
	}
	return head + "\n\n" + body
}

// posted sends it to POST /v1/txn.
func (y *try) posted(s *server, holder string) verdict {
	a := s.do(request("POST /v1/txn\nContent-Type: application/json\n\n"+string(marshal(wire.Txn{Ops: y.ops})), y.key, holder))
	var body struct {
		wire.Problem
		Results []json.RawMessage `json:"results"`
	}
	if err := json.Unmarshal([]byte(a.body), &body); err != nil {
		s.t.Fatalf("%v: %s", err, a.body)
	}
	p := &body.Problem
	v := verdict{Code: p.Code, Zxid: p.Zxid, Replayed: a.header.Get("Idempotent-Replayed") == "true", Path: p.Path, Failed: or(p.Failed, -1), Version: or(p.CurrentVersion, -1)}
	for _, r := range body.Results {
		v.Results = append(v.Results, string(r))
	}
	if z := strconv.FormatUint(v.Zxid, 10); a.header.Get("Holt-Zxid") != z {
		s.t.Errorf("%s in the header, %s in the body", a.header.Get("Holt-Zxid"), z)
	}
	if a.status == 200 {
		v.Code, v.Rest = "ok", "0"
		return v
	}
	if !y.many { // its line has no list, and does not say which op
		v.Failed, v.Results, p.Detail = -1, nil, strings.TrimPrefix(p.Detail, "op 0: ")
	}
	return v.refused(p.Status, p.Detail, p.Reason, p.Retryable, p.Limit, p.Size)
}

// refused adds what only the server knows.
func (v verdict) refused(status int, detail, reason string, retryable bool, limit, size *int64) verdict {
	v.Rest = fmt.Sprintf("%d %q %q %v %d %d", status, detail, reason, retryable, or(limit, -1), or(size, -1))
	if v.Code == wire.BadArguments && v.Path == "" {
		v.Zxid = 0 // refused as it was read: the zxid is the member's own, then or a little later
	}
	return v
}

func or[T any](p *T, none T) T {
	if p == nil {
		return none
	}
	return *p
}

// answered is what a line of a pipeline's answer says.
func (y *try) answered(l *line) verdict {
	v := verdict{Code: l.Code, Zxid: l.Zxid, Replayed: l.Replayed, Path: l.Path, Failed: or(l.Failed, -1), Version: or(l.CurrentVersion, -1)}
	var raw struct {
		Result  json.RawMessage
		Results []json.RawMessage
	}
	if err := json.Unmarshal([]byte(l.raw), &raw); err != nil {
		panic(err)
	}
	if raw.Result != nil {
		raw.Results = append(raw.Results, raw.Result)
	}
	if (raw.Result != nil) != (l.Code == "ok" && !y.many) {
		v.Results = append(v.Results, "in the wrong form: "+l.raw)
	}
	for _, r := range raw.Results {
		v.Results = append(v.Results, string(r))
	}
	if l.Code == "ok" {
		v.Rest = "0"
		return v
	}
	return v.refused(l.Status, l.Detail, l.Reason, l.Retryable, l.Limit, l.Size)
}
