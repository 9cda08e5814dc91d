package harness

import (
	"fmt"
	"io"
	"maps"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"syscall"
	"testing"
	"time"

	"holt/httpapi/client"
)

// ReadyTime bounds how long a member may take to serve after its start. Generous, as machines are slow at times.
const ReadyTime = 60 * time.Second

// Env are variables of a process.
type Env map[string]string

func (e Env) list() []string {
	var out []string
	for _, k := range slices.Sorted(maps.Keys(e)) {
		out = append(out, k+"="+e[k])
	}
	return out
}

// Member is one member: a folder, addresses and, while it runs, a process. Start and Kill may alternate.
type Member struct {
	Name     string
	Dir      string // its data folder
	HTTPAddr string
	RaftAddr string
	URL      string
	Env      Env // what Start sets; a test may change it before
	Log      *Log
	*Process // the last one started

	t   testing.TB
	bin *Binary
}

// takeHost gives every member an address of its own in 127/8, so that nothing else on the machine takes its ports while
// it is down.
func (b *Binary) takeHost() string {
	n, pid := b.hosts.Add(1), os.Getpid()
	return fmt.Sprintf("127.%d.%d.%d", 64+(pid>>8)%128, pid%256, 1+n%254)
}

// freePort is a port nobody listens at.
func freePort(t testing.TB, host string) string {
	t.Helper()
	l, err := net.Listen("tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		t.Fatal(err)
	}
	defer l.Close()
	_, port, _ := net.SplitHostPort(l.Addr().String())
	return port
}

// NewMember is a member of a cluster of one that was never started.
func (b *Binary) NewMember(t testing.TB, name string) *Member {
	t.Helper()
	host := b.takeHost()
	m := &Member{
		Name: name, Dir: filepath.Join(t.TempDir(), name), HTTPAddr: net.JoinHostPort(host, freePort(t, host)),
		RaftAddr: net.JoinHostPort(host, freePort(t, host)), Log: NewLog(t, name), t: t, bin: b,
	}
	m.URL = "http://" + m.HTTPAddr
	m.Env = Env{"HOLT_NAME": name, "HOLT_HTTP_ADDR": m.HTTPAddr, "HOLT_RAFT_ADDR": m.RaftAddr, "HOLT_DATA_DIR": m.Dir,
		"HOLT_DISK_RESERVE": "1"}
	return m
}

// Start starts the process and returns at once.
func (m *Member) Start() *Member {
	m.t.Helper()
	return m.StartAs(nil, m.bin.Path, "serve")
}

// StartAs starts it through another program, with attributes of the process.
func (m *Member) StartAs(attr *syscall.SysProcAttr, name string, args ...string) *Member {
	m.t.Helper()
	if m.Process != nil && !m.Ended() {
		m.t.Fatalf("member %s runs already", m.Name)
	}
	m.Process = m.bin.run(m.t, m.Log, filepath.Dir(m.Dir), m.Env.list(), attr, name, args...)
	return m
}

// Ready waits until the member serves and knows a leader.
func (m *Member) Ready() *Member {
	m.t.Helper()
	Eventually(m.t, ReadyTime, "member "+m.Name+" is ready", func() bool {
		if m.Ended() {
			m.t.Fatalf("member %s ended with code %d", m.Name, m.cmd.ProcessState.ExitCode())
		}
		return m.Status("/readyz") == http.StatusOK
	})
	return m
}

// Listening waits until the member answers at all, which needs no leader.
func (m *Member) Listening() *Member {
	m.t.Helper()
	Eventually(m.t, ReadyTime, "member "+m.Name+" listens", func() bool { return m.Status("/livez") != 0 })
	return m
}

// Restart kills the member and starts it again.
func (m *Member) Restart() *Member {
	m.t.Helper()
	m.Kill()
	return m.Start()
}

// Client is a client of this member alone.
func (m *Member) Client() *client.Client { return NewClient(m.t, m.URL) }

// NewClient is a client of the members at these URLs, in this order.
func NewClient(t testing.TB, urls ...string) *client.Client {
	t.Helper()
	c, err := client.New(client.Config{Endpoints: urls})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(c.Close)
	return c
}

// askTime bounds the harness's own requests.
const askTime = 10 * time.Second

// Get asks for a path of this member: status, header and body. The status is 0 if there is no answer.
func (m *Member) Get(path string) (int, http.Header, string) {
	asker := http.Client{Timeout: askTime, Transport: &http.Transport{DisableKeepAlives: true}}
	res, err := asker.Get(m.URL + path)
	if err != nil {
		return 0, nil, ""
	}
	defer res.Body.Close()
	body, err := io.ReadAll(res.Body)
	if err != nil {
		return 0, nil, ""
	}
	return res.StatusCode, res.Header, string(body)
}

// Status is the status of a GET, 0 if there is no answer.
func (m *Member) Status(path string) int {
	status, _, _ := m.Get(path)
	return status
}

// Metric is the value of a metric without labels; -1 if there is none.
func (m *Member) Metric(name string) float64 {
	_, _, body := m.Get("/metrics")
	for line := range strings.Lines(body) {
		if rest, ok := strings.CutPrefix(line, name+" "); ok {
			v, err := strconv.ParseFloat(strings.TrimSpace(rest), 64)
			if err == nil {
				return v
			}
		}
	}
	return -1
}
