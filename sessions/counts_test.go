package sessions

import (
	"testing"
	"time"
)

// Renewals count on the leader, each of them, and questions where they are asked.
func TestLeasesAreCounted(t *testing.T) {
	story(t, func(t *testing.T) {
		f := led(t, 2)
		defer f.close()
		f.open(1, 10*time.Second)
		f.open(2, 10*time.Second)
		for range 3 {
			f.mustKeep(1, 1)
			f.mustKeep(1, 2)
		}
		f.members[1].leases.Touch(key(2))
		time.Sleep(time.Second)
		leader, other := f.members[0].leases.Counts(), f.members[1].leases.Counts()
		if leader.Kept != 2 || leader.Renewals != 6 || leader.Touches != 1 || leader.Questions != 0 || leader.Stalls != 0 {
			t.Errorf("the leader counted %+v", leader)
		}
		if other.Kept != 0 || other.Renewals != 0 || other.Questions != 7 {
			t.Errorf("the other counted %+v", other)
		}
		f.members[0].set(func(m *member) { m.latency = 2 * stallLimit })
		f.mustKeep(0, 1)
		if n := f.members[0].leases.Counts().Stalls; n != 1 {
			t.Errorf("%d stalls", n)
		}
	})
}
