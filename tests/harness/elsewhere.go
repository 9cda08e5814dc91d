package harness

import "testing"

// Elsewhere is a member that something else runs, in a container say: it can be asked, and nothing more.
func Elsewhere(t testing.TB, name, url string) *Member { return &Member{Name: name, URL: url, t: t} }

// Together are members that something else runs, as the cluster they are.
func Together(t testing.TB, members ...*Member) *Cluster { return &Cluster{Members: members, t: t} }
