package tests

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"testing"
	"time"

	"holt/httpapi/client"
	"holt/tests/harness"
)

const mib = 1 << 20

// The disk that becomes full, what must be left of it, and what is removed when it is full, in bytes. A member looks once a second: both of
// the latter are several times what a quick machine writes meanwhile, its snapshot included.
const smallDisk, smallReserve, smallBallast = 512 * mib, 256 * mib, 160 * mib

// fill writes znodes of 16 KiB until an error comes, and gives how many were acknowledged.
func fill(ctx context.Context, c *client.Client, most int) (int, error) {
	for i := range most {
		if _, err := c.Put(ctx, fmt.Sprintf("/fill%d", i), filling(i), client.Any()); err != nil {
			return i, err
		}
	}
	return most, nil
}

func filling(i int) []byte { return bytes.Repeat(fmt.Appendf(nil, "%08d", i), 2048) }

func TestBeforeTheDiskIsFullOnlyDeletesAreTaken(t *testing.T) {
	m := bin.NewMember(t, "small")
	m.Env["HOLT_DISK_RESERVE"] = fmt.Sprint(smallReserve)
	m.StartOnSmallDisk(smallDisk).Ready()
	ballast := filepath.Join(m.Disk(), "ballast")
	write(t, ballast, make([]byte, smallBallast))
	c, pid := m.Client(), m.Pid

	n, err := fill(t.Context(), c, 100_000)
	if !errors.Is(err, client.DiskFull) {
		t.Fatalf("after %d writes: %v, want disk_full", n, err)
	}
	t.Logf("disk_full after %d writes of 16 KiB", n)
	var e *client.Error
	if errors.As(err, &e); e.Problem.Status != 507 {
		t.Errorf("status %d, want 507", e.Problem.Status)
	}
	for _, i := range []int{0, n / 2, n - 1} {
		z, err := c.Get(t.Context(), fmt.Sprintf("/fill%d", i), client.Linearizable)
		if err != nil || !bytes.Equal(z.Data, filling(i)) {
			t.Errorf("what was acknowledged cannot be read: %v", err)
		}
	}
	if _, err := c.Create(t.Context(), "/more", nil, client.Persistent); !errors.Is(err, client.DiskFull) {
		t.Errorf("a create: %v, want disk_full", err)
	}
	if _, err := c.Delete(t.Context(), "/fill0", client.Any()); err != nil {
		t.Errorf("a delete: %v", err)
	}

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, harness.SettleTime, "writes are taken again", func() bool {
		_, err := c.Put(t.Context(), "/more", []byte("room"), client.Any())
		return err == nil
	})
	if m.Pid != pid || m.Ended() {
		t.Error("the member did not recover by itself")
	}
	if _, err := c.Get(t.Context(), "/fill0", client.Linearizable); !errors.Is(err, client.NoNode) {
		t.Errorf("the deleted znode: %v, want no_node", err)
	}
}

func TestADiskThatIsReallyFullLosesNothing(t *testing.T) {
	m := bin.NewMember(t, "full")
	m.Env["HOLT_DISK_RESERVE"] = "1" // nobody looks ahead: the write itself fails
	m.StartOnSmallDisk(48 * mib).Ready()
	disk := m.Disk()
	ballast := filepath.Join(disk, "ballast")
	write(t, ballast, make([]byte, 16*mib))
	c, err := client.New(client.Config{Endpoints: []string{m.URL}, Timeout: 5 * time.Second, Unreachable: time.Second})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	n, err := fill(t.Context(), c, 100_000)
	if err == nil || n == 0 || !m.Log.Has("no space left") {
		t.Fatalf("after %d writes: %v; want an error, and its cause in the log", n, err)
	}
	t.Logf("%d writes of 16 KiB, then: %v", n, err)

	if err := os.Remove(ballast); err != nil {
		t.Fatal(err)
	}
	harness.Eventually(t, harness.SettleTime, "writes are taken again", func() bool {
		_, err := c.Put(t.Context(), "/more", []byte("room"), client.Any())
		return err == nil
	})

	m.Kill()
	m.Dir = filepath.Join(t.TempDir(), "larger")
	if err := os.CopyFS(m.Dir, os.DirFS(disk)); err != nil {
		t.Fatal(err)
	}
	m.Env["HOLT_DATA_DIR"] = m.Dir
	again := m.Start().Ready().Client()
	for i := range n {
		z, err := again.Get(t.Context(), fmt.Sprintf("/fill%d", i), client.Local)
		if err != nil || !bytes.Equal(z.Data, filling(i)) {
			t.Fatalf("write %d of %d was acknowledged and is lost: %v", i, n, err)
		}
	}
	if _, err := again.Get(t.Context(), "/more", client.Local); err != nil {
		t.Errorf("what was written after there was room again: %v", err)
	}
}
