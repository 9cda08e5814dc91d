package main

import (
	"fmt"
	"os"

	"holt/raftfsm"
	"holt/raftfsm/guard"
)

// checkCmd is holt check. holt serve runs it as a child before it opens the file itself, because the library ends the
// process on some damage.
type checkCmd struct {
	Path string `arg:"" help:"The data folder, or raft.db in it." type:"path"`
}

// Run says nothing if all is well. Of a folder it judges what holt serve would; of a file only the file.
func (c *checkCmd) Run() error {
	info, err := os.Stat(c.Path)
	if err != nil {
		return usageError{err}
	}
	if !info.IsDir() {
		return guard.CheckFile(c.Path)
	}
	lived, err := raftfsm.Lived(c.Path)
	if err != nil {
		return err
	}
	if !lived {
		return usageError{fmt.Errorf("%s is not the data folder of a member", c.Path)}
	}
	if err := checkInChild(c.Path); err != nil {
		return err
	}
	store, err := guard.OpenStore(c.Path, guard.Identity{})
	if err != nil {
		return err
	}
	return store.Close()
}
