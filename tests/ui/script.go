package ui

import (
	"context"
	"encoding/json"
	"fmt"
	"time"

	"github.com/chromedp/cdproto/cdp"
	"github.com/chromedp/chromedp"
)

// Eval runs a script and gives its value. The policy of the page does not hold for it.
func Eval[T any](p *Page, script string) T {
	p.t.Helper()
	v, err := evaluate[T](p, script)
	if err != nil {
		p.t.Fatalf("%s: %v", script, err)
	}
	return v
}

func evaluate[T any](p *Page, script string) (T, error) {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return chromedp.Run(ctx, chromedp.Evaluate[T](script, chromedp.EvalAwaitPromise))
}

// quote is a JavaScript literal.
func quote(v any) string {
	b, err := json.Marshal(v)
	if err != nil {
		panic(err) // strings and numbers of the tests alone
	}
	return string(b)
}

// Until waits until a script gives true.
func (p *Page) Until(what, script string) {
	p.t.Helper()
	p.until(what, func() (bool, string) {
		ok, err := evaluate[bool](p, script)
		if err != nil {
			return false, err.Error()
		}
		return ok, ""
	})
}

// until waits for f, which says beside what there is instead.
func (p *Page) until(what string, f func() (ok bool, instead string)) {
	p.t.Helper()
	tick := time.NewTicker(look)
	defer tick.Stop()
	deadline := time.Now().Add(Patience)
	for {
		ok, instead := f()
		if ok {
			return
		}
		if p.ctx.Err() != nil || time.Now().After(deadline) {
			p.t.Fatalf("after %v still not: %s\n%s", Patience, what, instead)
		}
		<-tick.C
	}
}

// do runs a command of the protocol.
func do[P, R any](p *Page, command cdp.Command[P, R], params P) R {
	p.t.Helper()
	r, err := try(p, command, params)
	if err != nil {
		p.t.Fatalf("%s: %v", command.Method, err)
	}
	return r
}

func try[P, R any](p *Page, command cdp.Command[P, R], params P) (R, error) {
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	return chromedp.Call(ctx, command, params)
}

// step runs an action of chromedp.
func (p *Page) step(what string, a chromedp.Action[chromedp.Void]) {
	p.t.Helper()
	ctx, cancel := context.WithTimeout(p.ctx, Patience)
	defer cancel()
	if err := chromedp.Do(ctx, a); err != nil {
		p.t.Fatal(fmt.Errorf("%s: %w", what, err))
	}
}
