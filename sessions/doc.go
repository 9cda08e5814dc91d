// Package sessions keeps the leases of sessions: who must be heard of by when, and what happens to those who are not.
//
// Which sessions exist is replicated state and none of this package's business. When each was last heard of is in the
// memory of the member that leads, and nowhere else: a renewal writes no log entry. Every member takes renewals, gathers
// them and hands them to the leader in batches; the leader ends a session that was not heard of by proposing that, and it
// has ended when that is committed.
//
// What is promised:
//
//   - A renewal that was acknowledged counts. Before Keepalive says that a session is alive, the leader had recorded the
//     renewal, and after that a quorum confirmed that it still leads. A leader that comes later has therefore come into
//     office after the renewal, and it begins by granting every session its timeout once more.
//
//   - A session does not end before its timeout has passed since its last acknowledged renewal.
//
//   - A session that is silent ends at most one second after its timeout; later by one timeout for each change of leader,
//     and by one more if a leader noticed that it was stalled, however often. A stall is that its clock was not looked at
//     for stallLimit, or that a quorum could not be asked or took so long to answer; whoever was alive could not say so
//     meanwhile. The second holds as long as the store does what is proposed to it: at most MaxProposals ends are under way
//     at a time, so that thousands at once neither block the store nor are done in one step.
//
//   - Once the end of a session is proposed, no renewal of it is acknowledged: it waits for what becomes of that. If it
//     becomes nothing for certain, the session can be renewed again, and has retryPause for it at least. If that is not known, it is proposed again, and
//     the session can not come back while this leader is in office.
//
//   - The end is bound to the term it was judged in, and refused under the next leader (znode.ExpireSessionOp).
//
//   - Nor does it act on a session that was used after it was judged: a transaction that changed something renews the
//     session when it is carried out, also when it overtakes the proposal that ends it. One that changed nothing, or was
//     refused, renews it as a keepalive does that is not acknowledged: most likely.
//
// Deadlines are judged by the monotonic clock. There is no goroutine and no timer a session: one loop looks at a heap of
// deadlines ten times a second. A renewal only notes the time; the heap is put right when the session's turn comes.
package sessions
