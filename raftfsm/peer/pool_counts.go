package peer

// PoolCounts is how a Pool has fared.
type PoolCounts struct {
	Up     int    // connections there are now
	Lost   uint64 // established connections that ended, but for those that the pool itself ended
	Failed uint64 // dials
}

// Counts never waits for a connection.
func (p *Pool) Counts() PoolCounts {
	p.mu.Lock()
	defer p.mu.Unlock()
	c := PoolCounts{Lost: p.lost.Load(), Failed: p.failed.Load()}
	for _, k := range p.keepers {
		if conn, _, _ := k.state(); conn != nil {
			c.Up++
		}
	}
	return c
}
