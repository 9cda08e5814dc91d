// Package docker holds the container stories: the project's own Dockerfile and docker-compose.yml on a real engine.
package docker

import (
	"os"
	"testing"

	"holt/tests/docker/engine"
)

// docker is the engine all stories share. They run one after another.
var docker *engine.Engine

func TestMain(m *testing.M) {
	os.Exit(engine.Main(func(e *engine.Engine) int {
		docker = e
		return m.Run()
	}))
}
