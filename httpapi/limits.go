package httpapi

import (
	"net/http"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
	"holt/raftfsm/watch"
	"holt/raftfsm/znode"
)

// getLimits answers GET /v1/limits.
func (a *API) getLimits(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	x.setOwnZxid()
	return x.writeValue(http.StatusOK, &wire.Limits{
		PathBytes:          znode.MaxPathBytes,
		PathDepth:          znode.MaxPathDepth,
		DataBytes:          int64(a.cfg.MaxDataBytes),
		TxnOps:             znode.MaxTxnOps,
		TxnBytes:           znode.MaxTxnBytes,
		TxnBodyBytes:       MaxTxnBodyBytes,
		PreconditionTags:   znode.MaxTags,
		HeaderBytes:        MaxHeaderBytes,
		Requests:           int64(a.cfg.MaxRequests),
		ConcurrentStreams:  MaxConcurrentStreams,
		DrainBytes:         MaxDrainBytes,
		WaitingWrites:      a.cfg.Core.WaitingWrites,
		WaitingWriteBytes:  a.cfg.Core.WaitingWriteBytes,
		DiskReserveBytes:   a.cfg.Core.DiskReserveBytes,
		HeaderTimeoutMs:    ReadHeaderTimeout.Milliseconds(),
		IdleTimeoutMs:      IdleTimeout.Milliseconds(),
		BodyTimeoutMs:      a.cfg.BodyTimeout.Milliseconds(),
		AnswerTimeoutMs:    a.cfg.AnswerTimeout.Milliseconds(),
		WriteWaitMs:        a.cfg.WriteWait.Milliseconds(),
		ZxidWaitMs:         a.cfg.ZxidWait.Milliseconds(),
		LinearizableWaitMs: a.cfg.LinearWait.Milliseconds(),

		Sessions:                znode.MaxSessions,
		SessionEphemerals:       znode.MaxSessionEphemerals,
		SessionWatches:          znode.MaxSessionWatches,
		Watches:                 znode.MaxWatches,
		Keepalives:              MaxKeepalives,
		PageRows:                maxRows,
		Streams:                 int64(a.cfg.MaxStreams),
		StreamPaths:             watch.MaxPaths,
		AllStreamPaths:          watch.MaxAllPaths,
		InitialStreams:          MaxDumps,
		StreamBytes:             MaxStreamBytes,
		HistoryRecords:          znode.MaxHistoryRecords,
		HistoryBytes:            znode.MaxHistoryBytes,
		SessionTimeoutMinMs:     a.cfg.MinSessionTimeout.Milliseconds(),
		SessionTimeoutMaxMs:     a.cfg.MaxSessionTimeout.Milliseconds(),
		SessionTimeoutDefaultMs: a.cfg.SessionTimeout.Milliseconds(),
		EndedSessionMs:          znode.TombstoneTime,
		PollWaitMs:              MaxPollWait.Milliseconds(),
		StreamBookmarkMs:        a.cfg.Heartbeat.Milliseconds(),
		StreamLifeMs:            a.cfg.StreamLife.Milliseconds(),
		StreamWriteTimeoutMs:    a.cfg.StreamWriteTimeout.Milliseconds(),

		IdempotencyKeyBytes: MaxIdempotencyKeyBytes,
		Outcomes:            znode.MaxOutcomes,
		OutcomeBytes:        znode.MaxOutcomeBytes,
		OutcomeMs:           znode.OutcomeTime,
		TreeDelete:          znode.MaxTreeDelete,
		MissingParents:      znode.MaxParents,
		TxnReadBytes:        znode.MaxReadBytes,
		KeptReadBytes:       znode.MaxKeptReadBytes,
		TTLMs:               znode.MaxTTL,
		ContainerGraceMs:    znode.ContainerGrace,
		ContainerLingerMs:   znode.ContainerLinger,
		Pipelines:           MaxPipelines,
		PipelineLineBytes:   MaxPipelineLineBytes,
		PipelineIDBytes:     MaxPipelineIDBytes,
		PipelineIdleMs:      a.cfg.PipelineIdle.Milliseconds(),
		TreeReads:           MaxTreeReads,
		TreeRate:            MinTreeRate,
		TreeLineBytes:       MaxTreeLineBytes,
		TreeLoadOps:         MaxLoadOps,
		TreeLoadBytes:       MaxLoadBytes,
		TreeLoadMinBytes:    MinLoadBytes,
		TreeLoadWaitMs:      MaxLoadWait.Milliseconds(),
		BatchTxns:           command.MaxBatchTxns,
		BatchOps:            command.MaxBatchOps,
		Members:             a.cfg.Core.Members,
		Voters:              a.cfg.Core.Voters,
		RestoreBytes:        MaxRestoreBytes,
		RestoreWaitMs:       MaxRestoreWait.Milliseconds(),
	})
}
