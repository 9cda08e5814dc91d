package guard

import (
	"errors"
	"fmt"
	"os/exec"
	"strings"

	"go.etcd.io/bbolt"
	bolterrors "go.etcd.io/bbolt/errors"
)

const (
	// maxFindings is how many of the faults CheckFile finds it reports.
	maxFindings = 5
	// maxChildOutput is how many bytes of a checking child's output are kept.
	maxChildOutput = 4 << 10
)

// CheckFile reads every page of the raft.db at path and returns a *StoreError for the damage it finds. On some damage bbolt ends the
// process instead, in a goroutine nobody can catch: run it in a child, through CheckInChild. A file that is missing, empty or locked passes: OpenStore
// knows better what to say of that. What lies in the entries is not looked at; Config.CheckEntry does that when they are read.
func CheckFile(path string) error {
	size, err := fileSize(path)
	if err != nil || size == 0 {
		return err
	}
	if err := checkMeta(path); err != nil {
		return err
	}
	db, err := bbolt.Open(path, 0o600, &bbolt.Options{ReadOnly: true, Timeout: lockTimeout, FreelistType: bbolt.FreelistMapType})
	if errors.Is(err, bolterrors.ErrTimeout) {
		return nil
	}
	if err != nil {
		return refuse(ReasonDamaged, path, err, "cannot be opened")
	}
	var findings []string
	err = db.View(func(tx *bbolt.Tx) error {
		for finding := range tx.Check() { // to the end, or its goroutine never ends
			if len(findings) < maxFindings {
				findings = append(findings, finding.Error())
			}
		}
		return nil
	})
	err = errors.Join(err, db.Close())
	if err != nil || len(findings) > 0 {
		return refuse(ReasonDamaged, path, err, "pages are damaged: %s", strings.Join(findings, "; "))
	}
	return nil
}

// CheckInChild runs cmd, which must call CheckFile(path), print its error and exit with a status other than 0 if there is one. However the
// child ends other than well, the answer is a *StoreError that quotes it. An error of another type: the child could not be started.
func CheckInChild(cmd *exec.Cmd, path string) error {
	out := &head{limit: maxChildOutput}
	cmd.Stdout, cmd.Stderr = out, out
	if err := cmd.Start(); err != nil {
		return fmt.Errorf("start the check of %s: %w", path, err)
	}
	if err := cmd.Wait(); err != nil {
		said, _, _ := strings.Cut(string(out.kept), "\n\ngoroutine ") // a stack says nothing to an operator
		return refuse(ReasonDamaged, path, err, "a process that read the whole file failed: %s", strings.TrimSpace(said))
	}
	return nil
}

// head keeps the first bytes written to it and discards the rest.
type head struct {
	limit int
	kept  []byte
}

func (h *head) Write(p []byte) (int, error) {
	h.kept = append(h.kept, p[:min(len(p), h.limit-len(h.kept))]...)
	return len(p), nil
}
