package main

import (
	"fmt"
	"runtime"
	"runtime/debug"
)

type versionCmd struct{}

// Run prints what the build recorded: the module's version, or the commit it was built from.
func (cmd *versionCmd) Run(con *console) error {
	_, err := fmt.Fprintf(con.out, "holt %s %s %s/%s\n", buildVersion(), runtime.Version(), runtime.GOOS, runtime.GOARCH)
	return err
}

// version is set by the linker where the build knows better than what Go records, as that of the container image does.
var version string

func buildVersion() string {
	if version != "" {
		return version
	}
	b, ok := debug.ReadBuildInfo()
	if !ok {
		return "unknown"
	}
	commit, dirty := "", ""
	for _, s := range b.Settings {
		switch {
		case s.Key == "vcs.revision":
			commit = s.Value[:min(12, len(s.Value))]
		case s.Key == "vcs.modified" && s.Value == "true":
			dirty = "+changes"
		}
	}
	if b.Main.Version != "" && b.Main.Version != "(devel)" || commit == "" {
		return b.Main.Version
	}
	return commit + dirty
}
