// Command scaling measures how reads grow, and writes fall, when observers join: members in containers that may each use
// a part of a processor, with load from connections that cost less than the members do.
//
//	go run ./tests/docker/scaling
//
// It builds the project's image on an engine of its own, as the container stories do, and prints a table. The exit code is 1
// if reads grow by less than minGrowth of what as many members should serve, or if writes fall by more than maxFall for each
// observer. What else runs on the machine is in the numbers: all members and the load together must find room on it.
package main

import (
	"errors"
	"fmt"
	"net/http"
	"os"
	"strconv"
	"text/tabwriter"
	"time"

	"holt/tests/docker/engine"
)

const (
	// cpus is what each member may use of a processor.
	cpus = "0.25"
	// minGrowth is how much of n times the reads of one member n members must serve.
	minGrowth = 0.9
	// maxFall is how much of its writes the cluster may lose with each observer.
	maxFall = 0.15
	// warmTime and loadTime are how long each load runs before it counts, and while it does; rounds is how often. The best counts:
	// whatever else runs makes it less.
	warmTime, loadTime, rounds = time.Second, 5 * time.Second, 3
	// joinTime bounds how long an observer may take until it is ready.
	joinTime = 2 * time.Minute

	network = "scaling"
	secret  = "public-and-only-for-this-measurement"
)

// sizes of the cluster: the leader and so many observers.
var sizes = []int{0, 2, 4}

func main() { os.Exit(engine.Main(run)) }

func run(e *engine.Engine) int {
	rows, err := measure(e)
	if err == nil {
		err = errors.Join(show(rows), judge(rows))
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		return 1
	}
	return 0
}

// row is what was measured with so many observers.
type row struct {
	observers     int
	reads, writes float64 // a second
}

// measure builds the image and makes the cluster larger step by step.
func measure(e *engine.Engine) ([]row, error) {
	if _, err := e.Docker("build", "--tag", "holt", "."); err != nil {
		return nil, err
	}
	if _, err := e.Docker("network", "create", network); err != nil {
		return nil, err
	}
	leader, err := start(e, "holt-0", "HOLT_CLUSTER=holt-0=holt-0:7071=http://holt-0:7070")
	if err != nil {
		return nil, err
	}
	members := []string{leader}
	if err := fill(leader); err != nil {
		return nil, err
	}
	var rows []row
	for _, observers := range sizes {
		for len(members) < 1+observers {
			name := "holt-" + strconv.Itoa(len(members))
			at, err := start(e, name, "HOLT_JOIN=http://holt-0:7070", "HOLT_VOTER=false", "HOLT_URL=http://"+name+":7070",
				"HOLT_RAFT_ADVERTISE="+name+":7071")
			if err != nil {
				return nil, err
			}
			members = append(members, at)
		}
		r := row{observers: observers}
		for range rounds {
			reads, err := load(members, reading())
			if err != nil {
				return nil, fmt.Errorf("reading from %d members: %w", len(members), err)
			}
			writes, err := load(members[:1], writing())
			if err != nil {
				return nil, fmt.Errorf("writing with %d observers: %w", observers, err)
			}
			r.reads, r.writes = max(r.reads, reads), max(r.writes, writes)
		}
		rows = append(rows, r)
	}
	return rows, nil
}

// start starts a member with the image's own means and waits until it is ready. It gives where it listens: the container itself, as
// the engine's proxy of published ports would cost as much as the member.
func start(e *engine.Engine, name string, variables ...string) (string, error) {
	args := []string{"run", "--detach", "--name=" + name, "--hostname=" + name, "--network=" + network, "--cpus=" + cpus, "--read-only",
		"--env=HOLT_NAME=" + name, "--env=HOLT_RAFT_ADDR=0.0.0.0:7071", "--env=HOLT_PEER_SECRET=" + secret}
	for _, v := range variables {
		args = append(args, "--env="+v)
	}
	if _, err := e.Docker(append(args, "--no-healthcheck", "holt")...); err != nil {
		return "", err
	}
	ip, err := e.Docker("inspect", "--format", "{{range .NetworkSettings.Networks}}{{.IPAddress}}{{end}}", name)
	if err != nil {
		return "", err
	}
	at := ip + ":7070"
	tick := time.NewTicker(100 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(joinTime); ; <-tick.C {
		if isReady(at) {
			return at, nil
		}
		if time.Now().After(deadline) {
			log, err := e.Docker("logs", name)
			return "", fmt.Errorf("%s is not ready after %v: %v\n%s", name, joinTime, err, log)
		}
	}
}

func isReady(at string) bool {
	req, err := http.NewRequest(http.MethodGet, "http://"+at+"/readyz", nil)
	if err != nil {
		return false
	}
	req.Host = "localhost"
	res, err := (&http.Client{Timeout: 5 * time.Second, Transport: &http.Transport{DisableKeepAlives: true}}).Do(req)
	if err != nil {
		return false
	}
	defer res.Body.Close()
	return res.StatusCode == http.StatusOK
}

// show prints the table.
func show(rows []row) error {
	w := tabwriter.NewWriter(os.Stdout, 0, 0, 2, ' ', tabwriter.AlignRight)
	fmt.Fprintf(w, "members of %s processors\tobservers\treads/s\tof proportion\twrites/s\tlost an observer\t\n", cpus)
	for _, r := range rows {
		fmt.Fprintf(w, "%d\t%d\t%.0f\t%.2f\t%.0f\t%.1f %%\t\n", 1+r.observers, r.observers, r.reads, growth(rows[0], r), r.writes, 100*fall(rows[0], r))
	}
	return w.Flush()
}

// growth is what part of the reads that would be in proportion is served.
func growth(first, r row) float64 { return r.reads / first.reads / float64(1+r.observers) }

// fall is what part of the writes each observer costs.
func fall(first, r row) float64 {
	if r.observers == 0 {
		return 0
	}
	return (1 - r.writes/first.writes) / float64(r.observers)
}

// judge says what is not as it should be.
func judge(rows []row) error {
	var errs []error
	for _, r := range rows {
		if g := growth(rows[0], r); g < minGrowth {
			errs = append(errs, fmt.Errorf("%d members serve %.2f of what is in proportion, want %.2f", 1+r.observers, g, minGrowth))
		}
		if f := fall(rows[0], r); f > maxFall {
			errs = append(errs, fmt.Errorf("with %d observers each costs %.0f %% of the writes, the limit is %.0f %%", r.observers, 100*f, 100*maxFall))
		}
	}
	return errors.Join(errs...)
}
