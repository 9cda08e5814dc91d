package raftfsm_test

import (
	"context"
	"errors"
	"slices"
	"time"

	"holt/raftfsm"
	"holt/raftfsm/command"
)

// happening is what a day may bring. It waits for what it needs, and may leave something broken.
type happening struct {
	name string
	do   func(*day)
}

// happenings are all of them; what is there twice happens twice as often.
func happenings() []happening {
	return []happening{
		{"all is well", (*day).mend},
		{"a rolling restart", (*day).roll},
		{"a transfer", (*day).handOver},
		{"a crash", (*day).fall},
		{"a crash", (*day).fall},
		{"all members restart", (*day).powerCut},
		{"a member is cut off", func(d *day) { d.Isolate(d.anybody()) }},
		{"a partition", func(d *day) { d.Partition(d.rng.Perm(d.Len())[:2+d.rng.IntN(2)]) }},
		{"a link is cut", func(d *day) { d.Cut(d.two()) }},
		{"connections end", func(d *day) { d.HangUp(d.two()) }},
		{"a slow disk", func(d *day) { d.Disk(d.anybody()).Slow(time.Duration(d.rng.IntN(400)) * time.Millisecond) }},
		{"a disk hangs", func(d *day) { d.Disk(d.anybody()).Slow(2 * time.Second) }},
		{"a clock jumps", (*day).jump},
		{"a join", (*day).grow},
		{"a join", (*day).grow},
		{"a removal", (*day).shrink},
		{"a removal", (*day).shrink},
		{"another kind", (*day).change},
	}
}

// happen lets one thing happen.
func (d *day) happen() {
	if d.unmended++; d.unmended > dayUnmended {
		d.mend()
	}
	if d.leads() && len(d.voters()) < dayMembers {
		d.refill()
		return
	}
	all := happenings()
	h := all[d.rng.IntN(len(all))]
	d.told[h.name]++
	h.do(d)
}

// running are the members that are, or are to be, up or down.
func (d *day) running() (out []int) {
	for i := range d.Len() {
		if d.runs[i] {
			out = append(out, i)
		}
	}
	return out
}

// anybody is one of them, every other time the one that leads.
func (d *day) anybody() int {
	if l := d.Leader(); l >= 0 && d.rng.IntN(2) == 0 {
		return l
	}
	all := d.running()
	return all[d.rng.IntN(len(all))]
}

func (d *day) two() (i, j int) {
	all := d.running()
	p := d.rng.Perm(len(all))
	return all[p[0]], all[p[1]]
}

// roster are the members as the leader has them; nil if nobody leads.
func (d *day) roster() []raftfsm.MemberStatus {
	l := d.Leader()
	if l < 0 {
		return nil
	}
	n := d.Node(l)
	if n == nil {
		return nil
	}
	return n.Status().Members
}

// leads says whether somebody does.
func (d *day) leads() bool { return d.roster() != nil }

// voters are the names of those who vote.
func (d *day) voters() (out []string) {
	for _, m := range d.roster() {
		if m.Voter {
			out = append(out, m.Name)
		}
	}
	return out
}

// mend ends all that is broken.
func (d *day) mend() {
	d.unmended = 0
	d.Heal()
	for _, i := range d.running() {
		d.Disk(i).Slow(0)
		if d.Node(i) == nil {
			d.start(i)
		}
	}
}

// start is Start of a member that did not stop by itself.
func (d *day) start(i int) {
	if err := d.Fatal(i); err != nil {
		d.t.Errorf("%s has stopped: %v", d.Name(i), err)
	}
	d.Start(i)
}

func (d *day) roll() {
	d.mend()
	for _, i := range d.running() {
		d.WaitReady()
		d.Stop(i)
		time.Sleep(time.Duration(d.rng.IntN(2000)) * time.Millisecond)
		d.start(i)
	}
	d.WaitReady()
}

func (d *day) fall() {
	i := d.anybody()
	d.Crash(i)
	if d.rng.IntN(2) == 0 {
		time.Sleep(time.Duration(d.rng.IntN(10_000)) * time.Millisecond)
		d.start(i)
	}
}

func (d *day) powerCut() {
	for _, i := range d.running() {
		d.Crash(i)
	}
	time.Sleep(time.Duration(d.rng.IntN(60_000)) * time.Millisecond)
	d.mend()
}

func (d *day) jump() {
	d.drift[d.anybody()].Store(d.rng.Int64N(int64(2*dayDrift)) - int64(dayDrift))
}

// asked has some member asked for a change of the members, and says whether it was made. What it may be told is known.
func (d *day) asked(what string, ask func(ctx context.Context, n *raftfsm.Node) error) bool {
	d.t.Helper()
	all := d.running()
	n := d.Node(all[d.rng.IntN(len(all))])
	if n == nil {
		return false
	}
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	err := ask(ctx, n)
	var refused *command.ChangeError
	switch {
	case err == nil:
		d.told[what]++
		return true
	case errors.As(err, &refused):
		d.told[what+", refused"]++
	case slices.ContainsFunc(known, func(k error) bool { return errors.Is(err, k) }):
		d.told[what+", "+err.Error()]++
	default:
		d.t.Errorf("%s: %v", what, err)
	}
	return false
}

func (d *day) handOver() {
	to := ""
	if v := d.voters(); len(v) > 0 && d.rng.IntN(2) == 0 {
		to = v[d.rng.IntN(len(v))]
	}
	d.asked("transferred", func(ctx context.Context, n *raftfsm.Node) error { return n.Transfer(ctx, to) })
}

// grow makes the cluster larger. Who joins may fall and come back.
func (d *day) grow() {
	if d.rng.IntN(2) == 0 {
		d.mend()
	}
	if i := d.join(d.rng.IntN(3) > 0); i >= 0 && d.rng.IntN(3) == 0 {
		time.Sleep(time.Duration(d.rng.IntN(3000)) * time.Millisecond)
		d.Crash(i)
		d.start(i)
	}
}

// join starts a machine that is free, with an empty disk, and has it added. It gives its number, -1 if none is free.
func (d *day) join(voter bool) int {
	i := slices.Index(d.runs[:d.Len()], false)
	if i < 0 {
		return -1
	}
	d.Wipe(i)
	d.Disk(i).Slow(0)
	d.start(i)
	added := d.asked("joined", func(ctx context.Context, n *raftfsm.Node) error { return n.AddMember(ctx, d.Spec(i, voter)) })
	d.runs[i] = true
	if added && d.rng.IntN(2) == 0 {
		d.until(d.Name(i)+" is what it is to be", func() bool {
			m, there := listed(d.Cluster, i)
			if there && m.Voter == voter {
				return true
			}
			d.mend() // it may be what else is broken that keeps it
			return false
		})
	}
	return i
}

// shrink takes a member out, alive or dead, the leader too, as long as three vote. One that is dead may be one of three: it is replaced.
func (d *day) shrink() {
	i := d.anybody()
	if v := d.voters(); len(v) <= dayMembers && slices.Contains(v, d.Name(i)) {
		d.mend()
		d.WaitReady()
		d.Crash(i)
		d.WaitLeader(i)
	}
	d.remove(i)
}

// refill has three vote again, if it can be had soon.
func (d *day) refill() {
	d.mend()
	d.WaitReady()
	all := d.roster()
	if !slices.ContainsFunc(all, func(m raftfsm.MemberStatus) bool { return !m.Voter && !m.Observer }) && d.join(true) < 0 {
		i := slices.IndexFunc(all, func(m raftfsm.MemberStatus) bool { return m.Observer })
		for k := range d.Len() {
			if i >= 0 && d.Name(k) == all[i].Name {
				d.asked("became a voter", func(ctx context.Context, n *raftfsm.Node) error { return n.AddMember(ctx, d.Spec(k, true)) })
			}
		}
	}
	for limit := time.Now().Add(dayBetween); len(d.voters()) < dayMembers && time.Now().Before(limit); {
		time.Sleep(100 * time.Millisecond)
	}
}

func (d *day) remove(i int) {
	if d.asked("removed", func(ctx context.Context, n *raftfsm.Node) error { return n.RemoveMember(ctx, d.Name(i)) }) {
		if d.rng.IntN(2) == 0 {
			time.Sleep(10 * time.Second) // it runs on, and must disturb nobody
		}
		d.Crash(i)
		d.runs[i] = false
	}
}

// change makes an observer of a voter, and the reverse.
func (d *day) change() {
	i := d.anybody()
	m, there := listed(d.Cluster, i)
	if !there || m.Voter && len(d.voters()) <= dayMembers {
		return
	}
	what := "became a voter"
	if m.Voter {
		what = "became an observer"
	}
	d.asked(what, func(ctx context.Context, n *raftfsm.Node) error { return n.AddMember(ctx, d.Spec(i, !m.Voter)) })
}

// reconcile finds out what became of changes of which nobody was told: who runs and is no member has its machine freed, and who is a
// member runs.
func (d *day) reconcile() {
	for i := range d.Len() {
		_, there := listed(d.Cluster, i)
		switch {
		case d.runs[i] && !there:
			d.Crash(i)
			d.runs[i] = false
		case !d.runs[i] && there:
			d.t.Errorf("%s was removed and is a member", d.Name(i))
		}
	}
}
