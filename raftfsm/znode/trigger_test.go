package znode

import (
	"slices"
	"strings"
	"testing"
)

// What the letters of the table below stand for. X is /g/p/x, P is /g/p.
var triggerEvents = map[byte]string{
	'c': "NodeCreated /g/p/x", 's': "NodeDataChanged /g/p/x", 'd': "NodeDeleted /g/p/x", 'e': "NodeDeleted /g/p/x killed",
	'p': "NodeChildrenChanged /g/p",
}

// triggers is ZooKeeper's trigger table (reference 1.8), once for each place a watch can be at. A letter is what is told;
// "-" is nothing; "!" says that such a watch cannot be set, because there is no znode.
const triggers = `
change     watch at    data  exists  children  persistent  persistent_recursive

create     /g/p/x      !     c       !         c           c
create     /g/p        -     -       p         p           c
create     /g          -     -       -         -           c
create     /           -     -       -         -           c
create     /g/p/x/c    !     -       !         -           -
create     /g/p/xx     -     -       -         -           -
create     /g/p/w      -     -       -         -           -
create     /g/q        !     -       !         -           -

put-new    /g/p/x      !     c       !         c           c
put-new    /g/p        -     -       p         p           c

set        /g/p/x      s     s       -         s           s
set        /g/p        -     -       -         -           s
set        /g          -     -       -         -           s
set        /           -     -       -         -           s
set        /g/p/x/c    !     -       !         -           -
set        /g/p/xx     -     -       -         -           -

same       /g/p/x      s     s       -         s           s
put-old    /g/p/x      s     s       -         s           s
put-old    /g/p        -     -       -         -           s

delete     /g/p/x      d     d       d         d           d
delete     /g/p        -     -       p         p           d
delete     /g          -     -       -         -           d
delete     /           -     -       -         -           d
delete     /g/p/x/c    !     -       !         -           -
delete     /g/p/xx     -     -       -         -           -

end        /g/p/x      e     e       e         e           e
end        /g/p        -     -       p         p           e
end        /g          -     -       -         -           e
end        /           -     -       -         -           e

check      /g/p/x      -     -       -         -           -
check      /g/p        -     -       -         -           -
refused    /g/p/x      -     -       -         -           -
refused    /g/p        -     -       -         -           -
refused    /           -     -       -         -           -
open       /           -     -       -         -           -
`

// change makes the change of a row.
func (r *rig) change(what string) {
	r.Helper()
	switch what {
	case "create":
		r.do(create("/g/p/x"))
	case "put-new":
		r.do(put("/g/p/x", "x"))
	case "set":
		r.do(set("/g/p/x", "x"))
	case "same":
		r.do(set("/g/p/x", "old"))
	case "put-old":
		r.do(put("/g/p/x", "x"))
	case "delete":
		r.do(remove("/g/p/x"))
	case "end":
		r.do(KillSessionOp(r.owner("owner")))
	case "check":
		r.do(check("/g/p/x"), absent("/no"))
	case "refused":
		r.refuses(NodeExists, "/", set("/g/p/x", "x"), remove("/g/p/x"), create("/g/p/x"), create("/g/p/x/c"), create("/"))
	case "open":
		r.open("another")
	default:
		r.Fatalf("the table says %s", what)
	}
}

func TestTriggers(t *testing.T) {
	var modes []WatchMode
	rows := 0
	for line := range strings.Lines(triggers) {
		f := strings.Fields(line)
		switch {
		case len(f) == 0:
		case f[0] == "change":
			for _, name := range f[3:] {
				m, ok := ParseWatchMode(name)
				if !ok {
					t.Fatalf("the table has a mode %s", name)
				}
				modes = append(modes, m)
			}
		default:
			rows++
			for i, want := range f[2:] {
				t.Run(f[0]+f[1]+" "+modes[i].String(), func(t *testing.T) { trigger(t, f[0], f[1], modes[i], want) })
			}
		}
	}
	if rows < 30 || len(modes) != 5 {
		t.Errorf("the table has %d rows of %d modes", rows, len(modes))
	}
}

func trigger(t *testing.T, what, at string, mode WatchMode, want string) {
	r := newRig(t)
	r.open("ann", "owner")
	r.do(create("/g"), create("/g/p"), create("/g/p/xx"), create("/g/p/w"))
	switch what {
	case "end":
		r.by("owner", fleeting("/g/p/x"))
	case "create", "put-new":
	default:
		r.do(createWith("/g/p/x", "old"))
	}
	if want == "!" {
		r.refusesTo(NoNode, 0, of("ann", watch(at, mode)))
		return
	}
	r.by("ann", watch(at, mode))
	z := r.Zxid()
	r.change(what)
	ann := r.owner("ann")
	if want == "-" {
		if r.Zxid() > z {
			r.wantTold(ann)
		}
		r.wantWatches("ann", mode.String()+" "+at)
		return
	}
	r.wantTold(ann, triggerEvents[want[0]])
	if mode == DataWatch || mode == ExistsWatch || mode == ChildrenWatch {
		r.wantWatches("ann")
	} else {
		r.wantWatches("ann", mode.String()+" "+at)
	}
	r.wantCounts()
}

func (r *rig) wantWatches(name string, want ...string) {
	r.Helper()
	if got := watchesOf(r.State().Sessions, r.owner(name)); !slices.Equal(got, want) {
		r.Errorf("session %s watches %q, want %q", name, got, want)
	}
	at := 0
	for n := range r.tree.All() {
		at += len(slices.Collect(r.sessions.WatchesAt(n.Path())))
	}
	if r.sessions.byPath.Len() != r.sessions.NumWatches() || at > r.sessions.NumWatches() {
		r.Errorf("%d watches by path, %d by session", r.sessions.byPath.Len(), r.sessions.NumWatches())
	}
}
