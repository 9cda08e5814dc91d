package main

import (
	"errors"
	"fmt"
	"log/slog"
	"math"
	"os"
	"reflect"
	"strings"
	"time"

	"github.com/kelseyhightower/envconfig"

	"holt/httpapi"
	"holt/raftfsm"
	"holt/raftfsm/peer"
	"holt/raftfsm/znode"
	"holt/web"
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

	Join  []string `split_words:"true" help:"First start only: join the cluster of these members instead of beginning one." placeholder:"URL"`
	Voter bool     `split_words:"true" help:"Whether a member that joins votes once it has caught up; otherwise it is an observer, which serves reads and streams and passes on writes. [true]"`

	PeerSecret     secret `split_words:"true" help:"Shared by all members, 16 characters or more; required unless they are all on this machine." placeholder:"SECRET"`
	PeerSecretFile string `split_words:"true" help:"File to read the secret from." placeholder:"FILE"`

	MaxDataBytes        int           `split_words:"true" help:"Most data a znode may have, in bytes. [1048576, which is also the most]" placeholder:"N"`
	MaxRequests         int           `split_words:"true" help:"Most requests in work at once. [4096]" placeholder:"N"`
	AllowedHosts        []string      `split_words:"true" help:"Further names clients may call this server by; * allows all. [localhost, addresses of this machine, names in the members' URLs]" placeholder:"NAME"`
	RequirePrecondition bool          `split_words:"true" help:"Refuse to overwrite or delete without If-Match or If-None-Match."`
	MaxStreams          int           `split_words:"true" help:"Most streams of events and long polls at once; they are not counted as requests. [20000]" placeholder:"N"`
	SessionTimeoutMin   time.Duration `split_words:"true" help:"Shortest timeout of a session; who asks for less gets this. [2s]" placeholder:"DURATION"`
	SessionTimeoutMax   time.Duration `split_words:"true" help:"Longest timeout of a session; who asks for more gets this. [1h]" placeholder:"DURATION"`
	WriteWait           time.Duration `split_words:"true" help:"Longest wait for the outcome of a write. [10s]" placeholder:"DURATION"`

	Heartbeat     time.Duration `split_words:"true" help:"How long a follower waits for its leader before it asks for votes. [500ms]" placeholder:"DURATION"`
	SnapshotBytes int64         `split_words:"true" help:"How much log, in bytes, is applied between snapshots, at least. [67108864]" placeholder:"N"`
	DiskReserve   uint64        `split_words:"true" help:"Room on the disk, in bytes, below which only deletes are taken; 0 for none. [268435456]" placeholder:"N"`
	DigestEvery   time.Duration `split_words:"true" help:"How often members compare what they hold; 0 for never. [1m]" placeholder:"DURATION"`

	BackupDir   string        `split_words:"true" help:"Folder for scheduled backups of this member's state; several members must not share one." placeholder:"DIR"`
	BackupEvery time.Duration `split_words:"true" help:"Time between scheduled backups; 0 for none. Needs a folder. Nothing is written while nothing changes. [0]" placeholder:"DURATION"`
	BackupKeep  int           `split_words:"true" help:"How many scheduled backups are kept. [24]" placeholder:"N"`

	UIBanner   string `split_words:"true" name:"ui-banner" help:"A line above every view of the web page, as text or colour:text; the colour is red, which is the default, or orange, green, blue, purple or grey." placeholder:"TEXT"`
	UIReadOnly bool   `split_words:"true" name:"ui-read-only" help:"The web page offers no changes. Requests from elsewhere may still make them."`

	LogLevel  string `split_words:"true" help:"debug, info, warn or error; debug logs each request. [info]" placeholder:"LEVEL"`
	LogFormat string `split_words:"true" help:"text or json. [text]" placeholder:"FORMAT"`

	PprofAddr string `split_words:"true" help:"Where to serve profiles of the process (/debug/pprof/), to this machine alone: an address of loopback. They show data. [nowhere]" placeholder:"HOST:PORT"`
	AccessLog bool   `split_words:"true" help:"One line of log for each request, at level info."`
}

// ClientVariables are read by the other verbs; holt serve lets them be.
type ClientVariables struct {
	Endpoints string `split_words:"true"`
	Session   string `split_words:"true"`

	// What holt watch --exec sets for its command, which may well be holt serve.
	Event, Path, Zxid, Data string `split_words:"true"`
}

func serveDefaults() ServeConfig {
	return ServeConfig{
		Voter: true, HTTPAddr: "127.0.0.1:7070", RaftAddr: "127.0.0.1:7071", DataDir: "./holt-data", MaxDataBytes: znode.MaxDataBytes,
		MaxRequests: httpapi.DefaultMaxRequests, MaxStreams: httpapi.DefaultMaxStreams, SessionTimeoutMin: httpapi.DefaultMinSessionTimeout,
		SessionTimeoutMax: httpapi.DefaultMaxSessionTimeout, WriteWait: httpapi.DefaultWriteWait, Heartbeat: raftfsm.DefaultHeartbeat,
		SnapshotBytes: raftfsm.SnapshotBytes, DiskReserve: raftfsm.DefaultDiskReserve, DigestEvery: raftfsm.DefaultDigestEvery, LogLevel: "info", LogFormat: "text",
		BackupKeep: defaultBackupKeep,
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

// loadConfig joins the environment, the flags that were given and the defaults, and checks the whole.
func loadConfig(flags ServeConfig, given func(flag string) bool) (ServeConfig, error) {
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
	overlay(&cfg, env.ServeConfig, func(flag string) bool {
		_, set := os.LookupEnv(variableOf(flag))
		return set
	})
	overlay(&cfg, flags, given)
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

// overlay copies what was given, which may be a zero or a false, from over to base.
func overlay(base *ServeConfig, over ServeConfig, given func(flag string) bool) {
	b, o := reflect.ValueOf(base).Elem(), reflect.ValueOf(over)
	for i := range o.NumField() {
		if given(flagOf(o.Type().Field(i))) {
			b.Field(i).Set(o.Field(i))
		}
	}
}

// flagOf is the name of the flag that sets a field, as kong makes it.
func flagOf(f reflect.StructField) string {
	if name := f.Tag.Get("name"); name != "" {
		return name
	}
	var b strings.Builder
	for i, r := range f.Name {
		if i > 0 && 'A' <= r && r <= 'Z' {
			b.WriteByte('-')
		}
		b.WriteRune(r)
	}
	return strings.ToLower(b.String())
}

// variableOf is the variable of the same name as a flag.
func variableOf(flag string) string {
	return prefix + "_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_"))
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

// minHeartbeat is the shortest time to wait for a leader: what a busy machine or disk takes now and then is longer already.
const minHeartbeat = 20 * time.Millisecond

// minDigestEvery is the shortest time between comparisons of the members' states: one may wait a second for members twice.
const minDigestEvery = time.Second

// minSecret is the shortest secret, in bytes: whoever can listen at a member's address can try guesses.
const minSecret = 16

// checkSecret says what is wrong with the secret; what it is, is not said.
func (c ServeConfig) checkSecret() error {
	from := "HOLT_PEER_SECRET"
	if c.PeerSecretFile != "" {
		from = "the secret in HOLT_PEER_SECRET_FILE"
	}
	switch {
	case c.PeerSecret != "" && len(c.PeerSecret) < minSecret:
		return fmt.Errorf("%s must have at least %d characters", from, minSecret)
	case c.PeerSecret == "" && !c.loopback():
		return errors.New("HOLT_PEER_SECRET is required because members can be reached from other machines (HOLT_RAFT_ADDR, HOLT_RAFT_ADVERTISE, HOLT_CLUSTER)")
	}
	return nil
}

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
	if err := checkLoopback(c.PprofAddr); c.PprofAddr != "" && err != nil {
		return fmt.Errorf("HOLT_PPROF_ADDR: %w", err)
	}
	if err := c.checkBackups(); err != nil {
		return err
	}
	if err := checkURL(c.URL); c.URL != "" && err != nil {
		return fmt.Errorf("HOLT_URL: %w", err)
	}
	for _, host := range c.AllowedHosts {
		if err := checkHost(host); err != nil {
			return fmt.Errorf("HOLT_ALLOWED_HOSTS: %w", err)
		}
	}
	switch {
	case blank(c.Name):
		return fmt.Errorf("HOLT_NAME: %q has a space or a control character in it", c.Name)
	case len(c.Name) > peer.MaxName:
		return fmt.Errorf("HOLT_NAME has %d characters, the limit is %d", len(c.Name), peer.MaxName)
	case c.MaxDataBytes < 1 || c.MaxDataBytes > znode.MaxDataBytes:
		return fmt.Errorf("HOLT_MAX_DATA_BYTES must be between 1 and %d", znode.MaxDataBytes)
	case c.MaxRequests < 1:
		return errors.New("HOLT_MAX_REQUESTS must be at least 1")
	case c.MaxStreams < 1:
		return errors.New("HOLT_MAX_STREAMS must be at least 1")
	case c.SessionTimeoutMin < znode.MinSessionTimeout*time.Millisecond || c.SessionTimeoutMax > znode.MaxSessionTimeout*time.Millisecond:
		return fmt.Errorf("HOLT_SESSION_TIMEOUT_MIN must be at least %v and HOLT_SESSION_TIMEOUT_MAX at most %v",
			znode.MinSessionTimeout*time.Millisecond, znode.MaxSessionTimeout*time.Millisecond)
	case c.SessionTimeoutMin > c.SessionTimeoutMax:
		return errors.New("HOLT_SESSION_TIMEOUT_MIN must not be more than HOLT_SESSION_TIMEOUT_MAX")
	case c.SnapshotBytes < 1:
		return errors.New("HOLT_SNAPSHOT_BYTES must be at least 1")
	case c.DiskReserve > math.MaxInt64:
		return fmt.Errorf("HOLT_DISK_RESERVE must be at most %d", int64(math.MaxInt64))
	case c.DigestEvery != 0 && c.DigestEvery < minDigestEvery:
		return fmt.Errorf("HOLT_DIGEST_EVERY must be 0 or at least %v", minDigestEvery)
	case c.WriteWait <= 0:
		return errors.New("HOLT_WRITE_WAIT must be more than 0")
	case c.Heartbeat < minHeartbeat:
		return fmt.Errorf("HOLT_HEARTBEAT must be at least %v", minHeartbeat)
	case c.LogFormat != "text" && c.LogFormat != "json":
		return fmt.Errorf("HOLT_LOG_FORMAT: %q is neither text nor json", c.LogFormat)
	}
	if _, err := c.members(c.Name); err != nil {
		return err
	}
	for _, check := range []func() error{c.checkSecret, c.checkJoin} {
		if err := check(); err != nil {
			return err
		}
	}
	if _, err := web.ParseBanner(c.UIBanner); err != nil {
		return fmt.Errorf("HOLT_UI_BANNER: %w", err)
	}
	if new(slog.LevelVar).UnmarshalText([]byte(c.LogLevel)) != nil {
		return fmt.Errorf("HOLT_LOG_LEVEL: %q is not debug, info, warn or error", c.LogLevel)
	}
	return nil
}
