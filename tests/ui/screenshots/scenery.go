package main

import (
	"context"
	"fmt"
	"math"
	"sync"
	"time"

	"holt/httpapi/client"
)

// scenery is what stands in the tree, and what goes on in it.
type scenery struct {
	c        *client.Client
	sessions []*client.Session
}

// tick is the pause of each worker between two requests, when there is little to do.
const (
	tick    = 25 * time.Millisecond
	workers = 4
)

const checkout = `{
  "currency": "EUR",
  "timeout": "2s",
  "retries": 3,
  "payment": {
    "providers": ["card", "invoice", "transfer"],
    "limit": 5000
  },
  "mail": "orders@shop.example"
}
`

// standing is what is there from the start. A path that ends in - or / gets a number.
var standing = []struct {
	path, data string
	mode       client.Mode
	ttl        time.Duration
}{
	{"/shop/config/checkout", checkout, client.Persistent, 0},
	{"/shop/config/database", `{"primary":"db-1.shop.internal","port":5432,"pool":{"min":4,"max":32,"idle":"30s"},"replicas":["db-2.shop.internal","db-3.shop.internal"],"tls":true,"note":null}`, client.Persistent, 0},
	{"/shop/config/features", "# who sees what\nsearch:\n  enabled: true\n  share: 0.25\nwishlist:\n  enabled: false\n  regions:\n    - de\n    - fr\n", client.Persistent, 0},
	{"/shop/config/gateway", "upstreams:\n  - web\n  - search\nlimits:\n  requests: 200\n", client.Persistent, 0},
	{"/shop/config/logging", `<?xml version="1.0"?><configuration><appender name="stdout" class="Console"><pattern>%d %m</pattern></appender><root level="info"/></configuration>`, client.Persistent, 0},
	{"/shop/config/motd", "Prices are frozen from Friday at noon.\n", client.Persistent, 0},
	{"/shop/leader", "", client.Persistent, 0},
	{"/shop/locks/nightly-report", "", client.Container, 0},
	{"/shop/orders", "", client.Persistent, 0},
	{"/shop/services/search", "", client.Persistent, 0},
	{"/shop/services/web", "", client.Persistent, 0},
	{"/shop/tokens/deploy", "7c4a8d09ca37", client.PersistentWithTTL, time.Hour},
	{"/carts", "", client.Persistent, 0},
}

// ephemeral is what each of three services holds.
var ephemeral = []string{"/shop/services/web/", "/shop/services/search/", "/shop/leader/candidate-", "/shop/locks/nightly-report/lock-"}

const carts = 50

// build puts it into an empty tree. The sessions are renewed as long as this process lives.
func build(ctx context.Context, c *client.Client) (*scenery, error) {
	s := &scenery{c: c}
	for _, z := range standing {
		if _, err := c.CreateAs(ctx, z.path, []byte(z.data), client.Making{Mode: z.mode, TTL: z.ttl, Parents: true}); err != nil {
			return nil, fmt.Errorf("%s: %w", z.path, err)
		}
	}
	for i := range carts {
		if _, err := c.Create(ctx, fmt.Sprintf("/carts/%04d", i), []byte("[]"), client.Persistent); err != nil {
			return nil, fmt.Errorf("the carts: %w", err)
		}
	}
	for i := range 12 {
		if _, err := c.Create(ctx, "/shop/orders/order-", fmt.Appendf(nil, `{"cart":%d,"total":"%d.90 EUR"}`, i, 20+7*i), client.PersistentSequential); err != nil {
			return nil, fmt.Errorf("the orders: %w", err)
		}
	}
	for i := range 3 {
		session, err := c.OpenSession(ctx, 30*time.Second)
		if err != nil {
			return nil, fmt.Errorf("a session: %w", err)
		}
		s.sessions = append(s.sessions, session)
		for _, path := range ephemeral {
			at := fmt.Appendf(nil, `{"address":"10.0.%d.7:8080","zone":"eu-%c"}`, i+1, 'a'+i)
			if _, err := session.Client().Create(ctx, path, at, client.EphemeralSequential); err != nil {
				return nil, fmt.Errorf("%s: %w", path, err)
			}
		}
	}
	for _, session := range s.sessions { // when nothing changes any more that would let them fire
		for _, watch := range []struct {
			path string
			mode client.WatchMode
		}{{"/shop/config", client.WatchPersistentRecursive}, {"/shop/leader", client.WatchChildren}, {"/shop/services/web", client.WatchPersistent}} {
			if _, err := session.SetWatch(ctx, watch.path, watch.mode); err != nil {
				return nil, fmt.Errorf("a watch of %s: %w", watch.path, err)
			}
		}
	}
	return s, nil
}

// work lets people shop, more and less of them, until the context ends. What fails then is not looked at.
func (s *scenery) work(ctx context.Context) {
	began := time.Now()
	var all sync.WaitGroup
	for w := range workers {
		all.Go(func() {
			ticker := time.NewTicker(tick)
			defer ticker.Stop()
			for i := w; ; i += workers {
				select {
				case <-ctx.Done():
					return
				case <-ticker.C:
				}
				crowd := 3 + 2*math.Sin(time.Since(began).Seconds()/9) + math.Sin(time.Since(began).Seconds()/2)
				for range int(max(1, crowd)) {
					path := fmt.Sprintf("/carts/%04d", i%carts)
					_, _ = s.c.Get(ctx, path, client.Local)
					if i%3 == 0 {
						_, _ = s.c.Put(ctx, path, fmt.Appendf(nil, `["item-%d"]`, i), client.Any())
					}
				}
			}
		})
	}
	all.Wait()
}
