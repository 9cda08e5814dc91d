package ui

import (
	"strings"
	"testing"

	"holt/tests/harness"
)

// Who the members are, what this one does, and what a loss means.
func TestTheClusterIsSeen(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	leader, followers := c.Leader(), c.Followers()
	p := chromium.Open(t, followers[0].URL+"/ui/#/cluster", Options{})
	p.See("leads in term", "3 voters: the cluster survives the loss of 1.", "(this one)", "follower", "ready")
	p.Find("table", "Members")
	p.See("Yes: it takes requests.", "Requests", "Time to answer", "Transactions")
	p.Click("Summary DisclosureTriangle button", "Limits")
	p.See("txn_ops", "1,024")
	p.AxeInBoth("the cluster")
	p.See("curl '" + followers[0].URL + "/v1/cluster?verbose=true'")

	followers[1].Kill()
	p.See("cannot be reached", "1 cannot be reached now")
	leader.Kill()
	p.See("There is no leader.", "Nothing can be written")
	p.AxeInBoth("a cluster without a leader")
	followers[1].Start()
	p.See("leads in term")
}

// From one member to another.
func TestAnotherMemberIsALink(t *testing.T) {
	c := bin.NewCluster(t, 3, nil).Start()
	p := chromium.Open(t, c.Members[0].URL+"/ui/#/cluster", Options{})
	p.Within("table", "Members").Click("link", c.Members[1].URL)
	p.Until("it is the page of b", `location.host == `+quote(strings.TrimPrefix(c.Members[1].URL, "http://")))
	p.See("holt b", "leads in term")
}

// The log of what happens: followed, chosen from, paused, exported.
func TestTheEventLog(t *testing.T) {
	m := serve(t, nil)
	p := chromium.Open(t, m.URL+"/ui/#/events", Options{})
	p.See("Following / and what is below it")
	put(t, m, "/app/one", "1")
	put(t, m, "/app/one", "2")
	put(t, m, "/other", "3")
	table := p.Within("table", "Events")
	table.See("NodeCreated /app/one", "NodeDataChanged /app/one", "NodeCreated /other")
	p.AxeInBoth("events")
	p.Choose("Only events of this type", "NodeDataChanged")
	p.NotSee("NodeCreated /other")
	p.Choose("Only events of this type", "All types")
	p.Fill("Only paths with this text", "oth")
	p.NotSee("/app/one")
	p.Click("button", "Export")
	if got := string(p.Downloaded(".ndjson")); strings.Count(got, "\n") != 1 || !strings.Contains(got, `"path":"/other"`) {
		t.Errorf("exported %s", got)
	}
	p.Fill("Only paths with this text", "")

	p.Click("button", "Pause")
	put(t, m, "/later", "")
	p.See("Paused; 1 change waits.")
	p.NotSee("/later")
	p.Click("button", "Resume")
	table.See("NodeCreated /later")

	p.Fill("Follow what is below this path", "/app")
	p.Click("button", "Follow")
	p.See("Following /app and what is below it")
	put(t, m, "/elsewhere", "")
	put(t, m, "/app/two", "")
	table.See("NodeCreated /app/two")
	p.NotSee("/elsewhere")

	// It goes on while one looks elsewhere.
	p.Click("link", "Cluster")
	put(t, m, "/app/three", "")
	p.Click("link", "Events")
	table.See("NodeCreated /app/three")
	p.Click("button", "Stop")
	p.See("Nothing is followed.")
	p.Click("button", "Clear")
	p.See("0 lines")
}

// On a page without a leader reads go on, and what is written says why not.
func TestWithoutALeaderThePageReads(t *testing.T) {
	c := bin.NewCluster(t, 3, harness.Env{}).Start()
	at := c.Followers()[0]
	put(t, at, "/one", "still here")
	p := chromium.Open(t, at.URL+"/ui/#/tree/one", Options{})
	p.See("still here")
	for _, m := range c.Members {
		if m != at {
			m.Kill()
		}
	}
	p.See("No leader")
	p.AxeInBoth("no leader")
	p.Reload()
	p.See("still here", "No leader")
	for _, m := range c.Members {
		if m != at {
			m.Start()
		}
	}
	p.NotSee("No leader")
}
