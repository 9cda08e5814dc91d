package main

import (
	"log/slog"
	"net"
	"os"
	"path/filepath"
	"strings"
	"testing"
)

func TestAConfigurationThatCannotWorkIsRefusedByName(t *testing.T) {
	for variable, values := range map[string][]string{
		"HOLT_HTTP_ADDR": {"127.0.0.1", "127.0.0.1:99999", "127.0.0.1:no-such-port"},
		"HOLT_RAFT_ADDR": {"127.0.0.1", "127.0.0.1:-1"},
		"HOLT_URL":       {"host:7070", "ftp://host", "http://"},
		"HOLT_CLUSTER":   {"m1", "m1=127.0.0.1=http://h", "m1=127.0.0.1:99999=http://h", "m1=127.0.0.1:1=h:7070", "m1=127.0.0.1:1=http://h,"},
		"HOLT_LOG_LEVEL": {"loud"},
	} {
		for _, value := range values {
			t.Run(variable+"="+value, func(t *testing.T) {
				t.Setenv(variable, value)
				if _, err := loadConfig(ServeConfig{}); err == nil || !strings.Contains(err.Error(), variable) {
					t.Errorf("%v, want an error that names %s", err, variable)
				}
			})
		}
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
