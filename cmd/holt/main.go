// Command holt is a member of a cluster (holt serve) and the client of one (every other verb).
package main

import (
	"context"
	"os"
	"os/signal"
	"syscall"
)

// cli is every verb.
type cli struct {
	Serve serveCmd `cmd:"" help:"Run a member of a cluster; of one member alone, by default."`
	Check checkCmd `cmd:"" help:"Look for damage in the log file of a member that is not running."`

	Recover recoverCmd `cmd:"" help:"Make the member that is left the only one of a new cluster, after the loss of the majority."`

	clientVerbs
}

func main() {
	os.Exit(run())
}

func run() int {
	// A member stops in its own way; the other verbs stop when ctx ends.
	ctx := context.Background()
	if len(os.Args) < 2 || os.Args[1] != "serve" {
		var stop context.CancelFunc
		ctx, stop = signal.NotifyContext(ctx, syscall.SIGINT, syscall.SIGTERM)
		defer stop()
	}
	return execute(ctx, &cli{}, os.Args[1:], osConsole())
}
