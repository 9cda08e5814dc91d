package main

import (
	"fmt"
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/alecthomas/kong"
	"github.com/kelseyhightower/envconfig"
)

func TestAMemberThatJoinsMustBeToldHowItIsReached(t *testing.T) {
	for _, c := range []struct {
		variables map[string]string
		names     []string // in the error; none if there is to be none
	}{
		{map[string]string{}, nil},
		{map[string]string{"HOLT_VOTER": "false"}, nil},
		{map[string]string{"HOLT_CLUSTER": "a=127.0.0.1:1=http://127.0.0.1:2"}, []string{"HOLT_JOIN", "HOLT_CLUSTER"}},
		{map[string]string{"HOLT_RAFT_ADDR": "0.0.0.0:7071"}, []string{"HOLT_RAFT_ADVERTISE"}},
		{map[string]string{"HOLT_RAFT_ADDR": ":7071"}, []string{"HOLT_RAFT_ADVERTISE"}},
		{map[string]string{"HOLT_HTTP_ADDR": "[::]:7070"}, []string{"HOLT_URL"}},
		{map[string]string{"HOLT_URL": "http://0.0.0.0:7070"}, []string{"HOLT_URL"}},
		{map[string]string{"HOLT_RAFT_ADDR": "0.0.0.0:7071", "HOLT_RAFT_ADVERTISE": "n2:7071", "HOLT_HTTP_ADDR": "0.0.0.0:7070", "HOLT_URL": "http://n2:7070"}, nil},
	} {
		t.Run(fmt.Sprint(c.variables), func(t *testing.T) {
			t.Setenv("HOLT_JOIN", "http://n1:7070,n3:7070")
			t.Setenv("HOLT_NAME", "n2")
			t.Setenv("HOLT_PEER_SECRET", "a secret of the tests")
			for variable, value := range c.variables {
				t.Setenv(variable, value)
			}
			_, err := loadConfig(ServeConfig{}, noFlag)
			if (err != nil) != (c.names != nil) {
				t.Fatal(err)
			}
			for _, name := range c.names {
				if !strings.Contains(err.Error(), name) {
					t.Errorf("%v does not name %s", err, name)
				}
			}
		})
	}
}

func TestAFirstStartThatCannotListenLeavesNoFolder(t *testing.T) {
	taken, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	defer taken.Close()
	for variable, set := range map[string]func(*ServeConfig){
		"HOLT_HTTP_ADDR": func(c *ServeConfig) { c.HTTPAddr = taken.Addr().String() },
		"HOLT_RAFT_ADDR": func(c *ServeConfig) { c.RaftAddr = taken.Addr().String() },
	} {
		cfg := serveDefaults()
		cfg.Name, cfg.DataDir = "m1", filepath.Join(t.TempDir(), "data")
		cfg.HTTPAddr, cfg.RaftAddr = "127.0.0.1:0", "127.0.0.1:0"
		set(&cfg)
		if _, err := openMember(cfg, slog.New(slog.DiscardHandler)); err == nil || !strings.Contains(err.Error(), variable) {
			t.Errorf("%v, want an error that names %s", err, variable)
		}
		if _, err := os.Stat(cfg.DataDir); !os.IsNotExist(err) {
			t.Errorf("%s: the folder is there, and keeps a name that was never served: %v", variable, err)
		}
	}
}

func noFlag(string) bool { return false }

// A flag wins over a variable, also where it says zero or false.
func TestAGivenFlagWins(t *testing.T) {
	t.Setenv("HOLT_REQUIRE_PRECONDITION", "true")
	t.Setenv("HOLT_DISK_RESERVE", "1000")
	t.Setenv("HOLT_MAX_REQUESTS", "7")
	t.Setenv("HOLT_LOG_LEVEL", "") // as if it were not there
	cfg, err := loadConfig(ServeConfig{}, func(flag string) bool {
		return flag == "require-precondition" || flag == "disk-reserve"
	})
	if err != nil {
		t.Fatal(err)
	}
	if cfg.RequirePrecondition || cfg.DiskReserve != 0 || cfg.MaxRequests != 7 || cfg.LogLevel != "info" {
		t.Errorf("%+v", cfg)
	}
}

// Every field has the flag kong gives it and the variable envconfig reads.
func TestFlagsAndVariablesHaveTheSameNames(t *testing.T) {
	var s struct {
		Serve serveCmd `cmd:""`
	}
	parser, err := kong.New(&s)
	if err != nil {
		t.Fatal(err)
	}
	flags := make(map[string]bool)
	for _, f := range parser.Model.Children[0].Flags {
		flags[f.Name] = true
	}
	for f := range reflect.TypeFor[ServeConfig]().Fields() {
		if !flags[flagOf(f)] {
			t.Errorf("field %s: there is no flag --%s", f.Name, flagOf(f))
		}
		t.Setenv(variableOf(flagOf(f)), "1")
	}
	if err := envconfig.CheckDisallowed(prefix, &ServeConfig{}); err != nil {
		t.Error(err)
	}
}
