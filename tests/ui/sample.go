package ui

import (
	"bytes"
	"compress/gzip"
	"context"
	"fmt"
	"strings"
	"time"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

// Sample puts into an empty tree what people keep in one: configuration in several formats, services that are up, a queue,
// leases. The sessions of the services are renewed as long as this process lives.
func Sample(ctx context.Context, c *client.Client) error {
	for _, z := range sampled() {
		if _, err := c.CreateAs(ctx, z.path, []byte(z.data), client.Making{Mode: z.mode, TTL: z.ttl, Parents: true}); err != nil {
			return fmt.Errorf("the sample: %w", err)
		}
	}
	for i := range 14 {
		task := fmt.Sprintf(`{"resize":"picture-%d.png","to":[1280,800]}`, i)
		if _, err := c.Create(ctx, "/app/queue/task-", []byte(task), client.PersistentSequential); err != nil {
			return fmt.Errorf("the sample's queue: %w", err)
		}
	}
	for i := range 3 {
		s, err := c.OpenSession(ctx, 30*time.Second)
		if err != nil {
			return fmt.Errorf("the sample's session: %w", err)
		}
		at := fmt.Sprintf(`{"address":"10.0.0.%d:8080","zone":"%c"}`, i+11, 'a'+i)
		for _, path := range []string{"/app/services/web/", "/app/election/candidate-"} {
			if _, err := s.Client().Create(ctx, path, []byte(at), client.EphemeralSequential); err != nil {
				return fmt.Errorf("the sample's services: %w", err)
			}
		}
	}
	return nil
}

type sampleZnode struct {
	path, data string
	mode       client.Mode
	ttl        time.Duration
}

func sampled() []sampleZnode {
	var packed bytes.Buffer
	z := gzip.NewWriter(&packed)
	_, _ = z.Write([]byte(strings.Repeat("{\"compressed\": true, \"lines\": 64}\n", 64))) // a buffer takes it all
	_ = z.Close()
	return []sampleZnode{
		{"/app/config/database", `{"host":"db.internal","port":5432,"pool":{"min":4,"max":32,"idle":"30s"},"replicas":["db-1","db-2"],"tls":true,"note":null}`, client.Persistent, 0},
		{"/app/config/features", "# who sees what\nsearch:\n  enabled: true\n  share: 0.25\ncheckout:\n  enabled: false\n  regions:\n    - eu\n    - us\n", client.Persistent, 0},
		{"/app/config/logging", `<?xml version="1.0"?><configuration><appender name="stdout" class="Console"><pattern>%d %m</pattern></appender><root level="info"/></configuration>`, client.Persistent, 0},
		{"/app/config/motd", "Welcome.\nThe cluster is moved on Friday at noon.\n", client.Persistent, 0},
		{"/app/config/key", "\x00\x01\x02\x7f\x80\xfe\xff" + strings.Repeat("\xde\xad\xbe\xef", 32), client.Persistent, 0},
		{"/app/config/bundle", packed.String(), client.Persistent, 0},
		{"/app/config/empty", "", client.Persistent, 0},
		{"/app/election", "", client.Persistent, 0},
		{"/app/queue", "", client.Persistent, 0},
		{"/app/services/web", "", client.Persistent, 0},
		{"/app/cache/token", "7c4a8d09ca37", client.PersistentWithTTL, time.Hour},
		{"/app/jobs", "", client.Container, 0},
		{"/app/jobs/nightly", "0 3 * * *", client.Persistent, 0},
	}
}

// Children makes n children of a znode that has none, named by their numbers: c000000 and so on.
func Children(ctx context.Context, c *client.Client, path string, n int) error {
	const each = 1000 // ops of a transaction
	data := "x"
	for first := 0; first < n; first += each {
		ops := make([]wire.Op, 0, each)
		for i := first; i < min(first+each, n); i++ {
			ops = append(ops, wire.Op{Op: "create", Path: fmt.Sprintf("%s/c%06d", path, i), Data: &data, Parents: i == 0})
		}
		if _, err := c.Txn(ctx, ops); err != nil {
			return fmt.Errorf("children of %s: %w", path, err)
		}
	}
	return nil
}
