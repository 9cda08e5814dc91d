package ui

import (
	"context"
	"fmt"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/chromedp/cdproto/target"
	"github.com/chromedp/chromedp"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

// A member that hangs is not taken for a quiet one; when it goes on the page catches up.
func TestAMemberThatHangs(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	at := c.Followers()[0]
	put(t, at, "/app/one", "before")
	p := chromium.Open(t, at.URL+"/ui/#/tree/app/one?open=/app", Options{})
	p.See("before", "Live · zxid")
	at.Signal(syscall.SIGSTOP)
	put(t, c.Leader(), "/app/one", "after")
	p.See("Resuming from zxid", "Not followed just now")
	at.Signal(syscall.SIGCONT)
	p.See("after", "Live · zxid")
}

// Without a quorum the page says that it only reads, and what was written before is there.
func TestAQuorumIsLost(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	at := c.Followers()[0]
	put(t, at, "/one", "before")
	p := chromium.Open(t, at.URL+"/ui/#/tree/one", Options{})
	p.See("before", "Live · zxid")
	for _, m := range c.Members {
		if m != at {
			m.Kill()
		}
	}
	p.See("No leader: reads only", "Not followed just now")
	p.AxeInBoth("no leader")
	p.Click("button", "Delete")
	d := p.Within("dialog", "Delete a znode")
	d.See("The cluster has no leader just now, so nothing can be written.")
}

// A great directory is emptied, deleted and made again while it is open and scrolled.
func TestAGreatDirectoryIsMadeAgain(t *testing.T) {
	m := serve(t, nil)
	const n = 20_000
	if err := Children(context.Background(), m.Client(), "/big", n); err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/big?open=/big", Options{})
	p.See("Live · zxid", "20,000")
	p.Click("treeitem", "big")
	p.Press("End")
	p.Find("treeitem", "c019999")
	for first := 0; first < n; first += 1000 {
		var ops []wire.Op
		for i := first; i < first+1000; i++ {
			ops = append(ops, wire.Op{Op: "delete", Path: fmt.Sprintf("/big/c%06d", i)})
		}
		if first == n-1000 {
			ops = append(ops, wire.Op{Op: "delete", Path: "/big"})
		}
		if _, err := m.Client().Txn(context.Background(), ops); err != nil {
			t.Fatal(err)
		}
	}
	p.Gone("treeitem", "big")
	p.See("What follows is past")
	if err := Children(context.Background(), m.Client(), "/big", 3); err != nil {
		t.Fatal(err)
	}
	p.Find("treeitem", "big 3 children")
	p.NotSee("What follows is past")
	p.Click("treeitem", "big")
	p.Press("ArrowRight", "End")
	p.Find("treeitem", "c000002")
	if names := strings.Join(p.Names("treeitem"), ","); strings.Contains(names, "c000003") || strings.Contains(names, "c019999") {
		t.Errorf("rows of what is gone: %s", names)
	}
}

// A thousand changes a second where everything is open: the page stays at hand, within bounds, and ends up right.
func TestAStorm(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/storm", "")
	if err := Children(context.Background(), m.Client(), "/storm/rows", 300); err != nil {
		t.Fatal(err)
	}
	p := chromium.Open(t, m.URL+"/ui/#/tree/storm/rows/c000002?open=/storm&open=/storm/rows", Options{})
	p.See("Live · zxid")
	p.Find("treeitem", "c000010")
	Eval[bool](p, `window.slowest = 0, window.last = performance.now(), setInterval(() => {
		let now = performance.now(); slowest = Math.max(slowest, now - last); last = now }, 10), true`)
	ctx, stop := context.WithCancel(context.Background())
	done := make(chan int)
	go func() {
		n := 0
		line := m.Client().Pipeline(context.Background())
		defer line.Close()
		tick := time.NewTicker(10 * time.Millisecond)
		defer tick.Stop()
		for ctx.Err() == nil || n < 3000 {
			for range 10 {
				data := fmt.Sprint(n)
				op := wire.Op{Op: "set", Path: fmt.Sprintf("/storm/rows/c%06d", n%30), Data: &data}
				if n%7 == 0 {
					op = wire.Op{Op: "create", Path: "/storm/rows/b", Data: &data, Mode: "persistent_sequential"}
				}
				if line.Send(wire.PipelineLine{Op: op}) != nil {
					break
				}
				n++
			}
			for range 10 {
				if _, err := line.Receive(); err != nil {
					break
				}
			}
			<-tick.C
		}
		done <- n
	}()
	p.Click("treeitem", "storm") // in the middle of it
	p.See("storm persistent")
	p.Press("End", "Home", "PageDown")
	for range 5 {
		p.Click("button", "Pause")
		p.See("changes waiting")
		p.Click("button", "Resume")
		p.See("Live · zxid")
	}
	stop()
	n := <-done
	p.Until("all is here", fmt.Sprintf(`[...document.querySelectorAll('[role=treeitem]')].some(r => r.textContent.includes("%s"))`, "rows"))
	heap, slowest := p.Metric("JSHeapUsedSize"), Eval[float64](p, "slowest")
	t.Logf("%d writes, %.1f MiB of heap, %.0f ms was the longest that the page did not answer", n, heap/(1<<20), slowest)
	if heap > 50<<20 {
		t.Errorf("%.1f MiB of heap", heap/(1<<20))
	}
	if _, err := m.Client().Delete(context.Background(), "/storm/rows/c000001", client.Any()); err != nil {
		t.Fatal(err)
	}
	p.Go(m.URL + "/ui/#/tree/storm/rows/c000002?open=/storm&open=/storm/rows")
	p.Gone("treeitem", "c000001")
	_, _, body := m.Get("/v1/znodes/storm/rows/c000002")
	p.See(body)
}

// The worker that all tabs share dies: no page goes on saying that it is live, and each goes on by itself.
func TestTheWorkerDies(t *testing.T) {
	m := serve(t, nil)
	put(t, m, "/one", "before")
	p := chromium.Open(t, m.URL+"/ui/#/tree/one", Options{})
	p.See("before", "Live · zxid")
	n := 0
	for _, info := range do(p, target.GetTargets, target.GetTargetsParams{Filter: target.Filter{{Type: "shared_worker"}}}).TargetInfos {
		if strings.HasPrefix(info.URL, m.URL) {
			n++
			bounded, end := context.WithTimeout(p.ctx, 5*time.Second) // it may end before it has answered
			worker, leave := chromedp.NewContext(bounded, chromedp.WithTargetID(info.TargetID), chromedp.WithDetachOnCancel())
			_, _ = chromedp.Run(worker, chromedp.Evaluate[bool]("close(), true"))
			leave()
			end()
		}
	}
	if n != 1 {
		t.Fatalf("%d workers, want 1", n)
	}
	put(t, m, "/one", "after")
	p.See("Resuming from zxid", "Not followed just now")
	p.See("after", "Live · zxid")
}
