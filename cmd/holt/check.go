package main

import (
	"fmt"
	"os"
	"path/filepath"

	"holt/raftfsm/guard"
)

// checkCmd is holt check. holt serve runs it as a child before it opens the file itself, because the library ends the
// process on some damage.
type checkCmd struct {
	Path string `arg:"" help:"The data folder, or raft.db in it." type:"path"`
}

// Run says nothing if all is well.
func (c *checkCmd) Run() error {
	path := c.Path
	info, err := os.Stat(path)
	if err != nil {
		return usageError{err}
	}
	if info.IsDir() {
		path = filepath.Join(path, guard.BoltFile)
	}
	if err := guard.CheckFile(path); err != nil {
		return fmt.Errorf("%w", err)
	}
	return nil
}
