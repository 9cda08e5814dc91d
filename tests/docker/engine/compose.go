package engine

import (
	"fmt"
	"strconv"
	"strings"
)

// Project is the name of the compose project, and the beginning of the names of its volumes and networks.
const Project = "stories"

// Network is the network of the compose project.
const Network = Project + "_default"

// Compose runs docker-compose on the repository's own file, with variables for it.
func (e *Engine) Compose(env []string, args ...string) (string, error) {
	return e.run(env, "docker-compose", args...)
}

// Container is the id of the running or stopped container of a service.
func (e *Engine) Container(service string) (string, error) {
	id, err := e.Compose(nil, "--profile", "observer", "ps", "-q", service)
	if err == nil && (id == "" || strings.Contains(id, "\n")) {
		err = fmt.Errorf("service %s has containers %q, want one", service, id)
	}
	return id, err
}

// Pid is the process of a running container, as the tests see it.
func (e *Engine) Pid(container string) (int, error) {
	s, err := e.Docker("inspect", "--format", "{{.State.Pid}}", container)
	if err != nil {
		return 0, err
	}
	pid, err := strconv.Atoi(s)
	if err == nil && pid == 0 {
		err = fmt.Errorf("container %s does not run", container)
	}
	return pid, err
}

// Iptables runs the machine's iptables in the network of a container, whose image has no programs.
func (e *Engine) Iptables(container string, args ...string) error {
	pid, err := e.Pid(container)
	if err != nil {
		return err
	}
	_, err = e.run(nil, "nsenter", append([]string{"--net=/proc/" + strconv.Itoa(pid) + "/ns/net", "iptables", "-w"}, args...)...)
	return err
}
