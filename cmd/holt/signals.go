package main

import (
	"log/slog"
	"os"
	"os/signal"
	"sync"
	"syscall"
)

// ignoreHangups keeps a hangup from ending the process, and says the first time that it asks for nothing: there is nothing to read anew.
// A process that was started to ignore it (nohup) goes on doing so. The function that is returned undoes it.
func ignoreHangups(log *slog.Logger) (undo func()) {
	if signal.Ignored(syscall.SIGHUP) {
		return func() {}
	}
	hangups, done := make(chan os.Signal, 1), make(chan struct{})
	signal.Notify(hangups, syscall.SIGHUP)
	var wg sync.WaitGroup
	wg.Go(func() {
		for said := false; ; said = true {
			select {
			case <-hangups:
				if !said {
					log.Info("nothing to reload: the configuration is read at the start alone", "signal", syscall.SIGHUP.String())
				}
			case <-done:
				return
			}
		}
	})
	return func() {
		signal.Stop(hangups)
		close(done)
		wg.Wait()
	}
}
