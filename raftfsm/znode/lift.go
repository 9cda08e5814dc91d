package znode

// Lift is s at a later zxid, without a history: whoever followed it is told to read again, and no zxid up to z is given to a transaction
// any more. z must not be before s.Zxid.
func (s *State) Lift(z Zxid) *State {
	lifted := *s
	lifted.Zxid = z
	lifted.History.skip(z)
	return &lifted
}
