package main

import (
	"errors"
	"fmt"
	"log/slog"
	"net"
	"net/url"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"holt/httpapi"
	"holt/raftfsm"
	"holt/raftfsm/znode"
)

// prefix of all variables.
const prefix = "HOLT"

// ServeConfig is what holt serve can be told, by variable or flag of the same name; flags win. The defaults are in
// serveDefaults, so that an empty variable counts as unset, as an unset flag does.
type ServeConfig struct {
	Name          string `split_words:"true" help:"This member's name, for ever: kept in the data folder. [host name]" placeholder:"NAME"`
	HTTPAddr      string `split_words:"true" name:"http-addr" help:"Where to listen for clients. [127.0.0.1:7070]" placeholder:"HOST:PORT"`
	URL           string `split_words:"true" name:"url" help:"What clients and other members call that. [as in the cluster list, else http:// and the address]" placeholder:"URL"`
	RaftAddr      string `split_words:"true" help:"Where to listen for other members. [127.0.0.1:7071]" placeholder:"HOST:PORT"`
	RaftAdvertise string `split_words:"true" help:"What other members call that; a host name is resolved at each dial. [as in the cluster list, else the address]" placeholder:"HOST:PORT"`
	DataDir       string `split_words:"true" help:"Folder of the log, the snapshots and the member's identity. [./holt-data]" placeholder:"DIR"`
	Cluster       string `split_words:"true" help:"First start only: all members, the same list on each. [this one alone]" placeholder:"NAME=RAFT_ADDR=URL,…"`

	PeerSecret     secret `split_words:"true" help:"Shared by all members, 16 characters or more; required unless they are all on this machine." placeholder:"SECRET"`
	PeerSecretFile string `split_words:"true" help:"File to read the secret from." placeholder:"FILE"`

	MaxDataBytes        int           `split_words:"true" help:"Most data a znode may have, in bytes. [1048576, which is also the most]" placeholder:"N"`
	MaxRequests         int           `split_words:"true" help:"Most requests in work at once. [4096]" placeholder:"N"`
	AllowedHosts        []string      `split_words:"true" help:"Further names clients may call this server by; * allows all. [localhost, addresses of this machine, names in the members' URLs]" placeholder:"NAME"`
	RequirePrecondition bool          `split_words:"true" help:"Refuse to overwrite or delete without If-Match or If-None-Match."`
	WriteWait           time.Duration `split_words:"true" help:"Longest wait for the outcome of a write. [10s]" placeholder:"DURATION"`

	Heartbeat     time.Duration `split_words:"true" help:"How long a follower waits for its leader before it asks for votes. [500ms]" placeholder:"DURATION"`
	SnapshotBytes int64         `split_words:"true" help:"How much log, in bytes, is applied between snapshots, at least. [67108864]" placeholder:"N"`
	DiskReserve   uint64        `split_words:"true" help:"Room on the disk, in bytes, below which only deletes are taken. [268435456]" placeholder:"N"`

	LogLevel  string `split_words:"true" help:"debug, info, warn or error; debug logs each request. [info]" placeholder:"LEVEL"`
	LogFormat string `split_words:"true" help:"text or json. [text]" placeholder:"FORMAT"`
}

// ClientVariables are read by the other verbs; holt serve lets them be.
type ClientVariables struct {
	Endpoints string `split_words:"true"`
}

func serveDefaults() ServeConfig {
	return ServeConfig{
		HTTPAddr: "127.0.0.1:7070", RaftAddr: "127.0.0.1:7071", DataDir: "./holt-data", MaxDataBytes: znode.MaxDataBytes,
		MaxRequests: httpapi.DefaultMaxRequests, WriteWait: httpapi.DefaultWriteWait, Heartbeat: raftfsm.DefaultHeartbeat,
		SnapshotBytes: raftfsm.SnapshotBytes, DiskReserve: raftfsm.DefaultDiskReserve, LogLevel: "info", LogFormat: "text",
	}
}

// secret is a value that is not shown.
type secret string

// String does not give it away.
func (s secret) String() string {
	if s == "" {
		return ""
	}
	return "[secret]"
}

// loadConfig joins the environment, the flags and the defaults, and checks the whole.
func loadConfig(flags ServeConfig) (ServeConfig, error) {
	dropEmptyVariables()
	var env struct {
		ServeConfig
		ClientVariables
	}
	if err := envconfig.CheckDisallowed(prefix, &env); err != nil {
		return ServeConfig{}, fmt.Errorf("%w (holt serve --help lists all variables)", err)
	}
	if err := envconfig.Process(prefix, &env); err != nil {
		return ServeConfig{}, readable(err)
	}
	cfg := serveDefaults()
	overlay(&cfg, env.ServeConfig)
	overlay(&cfg, flags)
	return cfg.complete()
}

// readable tells what is wrong with a variable without its value, which may be a secret.
func readable(err error) error {
	var parse *envconfig.ParseError
	if errors.As(err, &parse) {
		return fmt.Errorf("%s is not %s", parse.KeyName, kindOf(parse.TypeName))
	}
	return err
}

// kindOf says what a value of a Go type looks like.
func kindOf(typeName string) string {
	switch typeName {
	case "time.Duration":
		return "a duration such as 500ms or 10s"
	case "bool":
		return "true or false"
	}
	return "a whole number in range"
}

// dropEmptyVariables makes an empty variable an unset one: compose files set what they pass on to "".
func dropEmptyVariables() {
	for _, kv := range os.Environ() {
		if k, v, _ := strings.Cut(kv, "="); v == "" && strings.HasPrefix(k, prefix+"_") {
			os.Unsetenv(k)
		}
	}
}

// overlay copies what is set in over to base.
func overlay(base *ServeConfig, over ServeConfig) {
	b, o := reflect.ValueOf(base).Elem(), reflect.ValueOf(over)
	for i := range o.NumField() {
		if !o.Field(i).IsZero() {
			b.Field(i).Set(o.Field(i))
		}
	}
}

// complete derives what depends on the rest and says what is wrong.
func (c ServeConfig) complete() (ServeConfig, error) {
	if c.PeerSecretFile != "" {
		if c.PeerSecret != "" {
			return c, errors.New("HOLT_PEER_SECRET and HOLT_PEER_SECRET_FILE are both set")
		}
		b, err := os.ReadFile(c.PeerSecretFile)
		if err != nil {
			return c, fmt.Errorf("HOLT_PEER_SECRET_FILE: %w", err)
		}
		c.PeerSecret = secret(strings.TrimSpace(string(b)))
	}
	return c, c.check()
}

// minSecret is the shortest secret, in bytes: whoever can listen at a member's address can try guesses.
const minSecret = 16

func (c ServeConfig) check() error {
	for _, a := range []struct{ name, addr string }{
		{"HOLT_HTTP_ADDR", c.HTTPAddr}, {"HOLT_RAFT_ADDR", c.RaftAddr}, {"HOLT_RAFT_ADVERTISE", c.RaftAdvertise},
	} {
		if a.addr == "" {
			continue // HOLT_RAFT_ADVERTISE
		}
		if err := checkAddr(a.addr); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	if err := checkURL(c.URL); c.URL != "" && err != nil {
		return fmt.Errorf("HOLT_URL: %w", err)
	}
	switch {
	case c.PeerSecret != "" && len(c.PeerSecret) < minSecret:
		return fmt.Errorf("HOLT_PEER_SECRET must have at least %d characters", minSecret)
	case c.PeerSecret == "" && !c.loopback():
		return errors.New("HOLT_PEER_SECRET is required because members can be reached from other machines (HOLT_RAFT_ADDR, HOLT_RAFT_ADVERTISE, HOLT_CLUSTER)")
	case c.MaxDataBytes < 0 || c.MaxDataBytes > znode.MaxDataBytes:
		return fmt.Errorf("HOLT_MAX_DATA_BYTES must be between 1 and %d", znode.MaxDataBytes)
	case c.MaxRequests < 0 || c.WriteWait < 0 || c.Heartbeat < 0 || c.SnapshotBytes < 0:
		return errors.New("HOLT_MAX_REQUESTS, HOLT_WRITE_WAIT, HOLT_HEARTBEAT and HOLT_SNAPSHOT_BYTES must not be negative")
	case c.LogFormat != "text" && c.LogFormat != "json":
		return fmt.Errorf("HOLT_LOG_FORMAT: %q is neither text nor json", c.LogFormat)
	}
	if _, err := c.members(c.Name); err != nil {
		return err
	}
	if new(slog.LevelVar).UnmarshalText([]byte(c.LogLevel)) != nil {
		return fmt.Errorf("HOLT_LOG_LEVEL: %q is not debug, info, warn or error", c.LogLevel)
	}
	return nil
}

// checkAddr refuses what is not host:port, or has a port there cannot be.
func checkAddr(addr string) error {
	_, port, err := net.SplitHostPort(addr)
	if err == nil {
		_, err = net.LookupPort("tcp", port)
	}
	if err != nil {
		return fmt.Errorf("%q is not host:port", addr)
	}
	return nil
}

func checkURL(s string) error {
	if u, err := url.Parse(s); err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Host == "" {
		return fmt.Errorf("%q is not an http URL", s)
	}
	return nil
}

// checkFree says whether this member can listen where it is to. It is asked before the first start makes a folder, which
// would keep the name and the list of a start that came to nothing.
func (c ServeConfig) checkFree() error {
	for _, a := range []struct{ name, addr string }{{"HOLT_HTTP_ADDR", c.HTTPAddr}, {"HOLT_RAFT_ADDR", c.RaftAddr}} {
		l, err := net.Listen("tcp", a.addr)
		if err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
		if err := l.Close(); err != nil {
			return fmt.Errorf("%s: %w", a.name, err)
		}
	}
	return nil
}

// loopback says whether no other machine can be a member.
func (c ServeConfig) loopback() bool {
	addrs := []string{c.RaftAddr}
	ms, err := c.members("")
	if err != nil {
		return true // said elsewhere
	}
	for _, m := range ms {
		addrs = append(addrs, m.RaftAddr)
	}
	for _, a := range addrs {
		host, _, err := net.SplitHostPort(a)
		if err != nil {
			continue // said elsewhere
		}
		if ip := net.ParseIP(host); host != "localhost" && (ip == nil || !ip.IsLoopback()) {
			return false
		}
	}
	return true
}

// members is the list HOLT_CLUSTER gives, or the member of this name alone.
func (c ServeConfig) members(name string) ([]raftfsm.Member, error) {
	if c.Cluster == "" {
		return []raftfsm.Member{{Name: name, RaftAddr: or(c.RaftAdvertise, c.RaftAddr), URL: or(c.URL, "http://"+c.HTTPAddr)}}, nil
	}
	var ms []raftfsm.Member
	for _, part := range strings.Split(c.Cluster, ",") {
		f := strings.SplitN(strings.TrimSpace(part), "=", 3)
		if len(f) != 3 {
			return nil, fmt.Errorf("HOLT_CLUSTER: %q is not name=raft_addr=url", part)
		}
		if err := errors.Join(checkAddr(f[1]), checkURL(f[2])); err != nil {
			return nil, fmt.Errorf("HOLT_CLUSTER: %w", err)
		}
		ms = append(ms, raftfsm.Member{Name: f[0], RaftAddr: f[1], URL: f[2]})
	}
	if err := raftfsm.ValidateMembers(ms); err != nil {
		return nil, fmt.Errorf("HOLT_CLUSTER: %w", err)
	}
	return ms, nil
}

// or is s, or other where s is empty.
func or(s, other string) string {
	if s == "" {
		return other
	}
	return s
}

// self finds the member of this name among those the cluster started from, and holds its addresses against what is
// configured: what the others dial is in their list and cannot be another here.
func (c ServeConfig) self(name string, ms []raftfsm.Member) (raftfsm.Member, error) {
	for _, m := range ms {
		if m.Name != name {
			continue
		}
		if c.RaftAdvertise != "" && c.RaftAdvertise != m.RaftAddr {
			return m, fmt.Errorf("HOLT_RAFT_ADVERTISE is %s, but the cluster knows member %q by %s", c.RaftAdvertise, name, m.RaftAddr)
		}
		host, _, _ := net.SplitHostPort(m.RaftAddr)
		if ip := net.ParseIP(host); len(ms) > 1 && (host == "" || ip != nil && ip.IsUnspecified()) {
			return m, fmt.Errorf("member %q: no other member can reach %s; give HOLT_CLUSTER an address they can", name, m.RaftAddr)
		}
		return m, nil
	}
	return raftfsm.Member{}, fmt.Errorf("member %q (HOLT_NAME) is not in the list of members it starts from (HOLT_CLUSTER)", name)
}
