package httpapi

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/url"
	"slices"
	"strconv"
	"strings"
	"unicode"

	"holt/httpapi/wire"
	"holt/raftfsm/command"
)

const (
	// MaxMemberBodyBytes bounds the JSON that names a member: a name, an address and a URL, escaped.
	MaxMemberBodyBytes = 16 << 10
	// MaxMemberNameBytes bounds the name of a member.
	MaxMemberNameBytes = 255
	// MaxMemberAddrBytes bounds its raft address: a host name of the longest, and a port.
	MaxMemberAddrBytes = 261
	// MaxMemberURLBytes bounds its URL.
	MaxMemberURLBytes = 1024
)

// postMember answers POST /v1/cluster/members once the change is committed: 201 where there was no member of that name, else 200.
func (a *API) postMember(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	var body wire.NewMember
	if err := x.decode(&body, MaxMemberBodyBytes); err != nil {
		return err
	}
	spec, err := memberSpec(&body)
	if err != nil {
		return err
	}
	status := http.StatusCreated
	if slices.ContainsFunc(a.cfg.Cluster.Status().Members, func(m Member) bool { return m.ID == spec.Name }) {
		status = http.StatusOK
	}
	err = x.change(func(ctx context.Context) error { return a.cfg.Cluster.AddMember(ctx, spec) })
	if err != nil {
		return err
	}
	return x.writeCluster(status)
}

// deleteMember answers DELETE /v1/cluster/members/{id} once the member is out.
func (a *API) deleteMember(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	name, err := url.PathUnescape(x.path)
	if err != nil {
		return badArguments("the name is escaped wrongly: " + err.Error())
	}
	if err := checkMemberName(name); err != nil {
		return err
	}
	err = x.change(func(ctx context.Context) error { return a.cfg.Cluster.RemoveMember(ctx, name) })
	if err != nil {
		return err
	}
	x.setOwnZxid()
	x.WriteHeader(http.StatusNoContent)
	return nil
}

// postLeader answers POST /v1/cluster/leader once another member leads. No body, or no id in it, leaves the choice to the cluster.
func (a *API) postLeader(x *exchange) error {
	if err := x.present(); err != nil {
		return err
	}
	var body wire.NewLeader
	if x.r.ContentLength != 0 {
		if err := x.decode(&body, MaxMemberBodyBytes); err != nil {
			return err
		}
	}
	if body.ID != "" {
		if err := checkMemberName(body.ID); err != nil {
			return err
		}
	}
	err := x.change(func(ctx context.Context) error { return a.cfg.Cluster.Transfer(ctx, body.ID) })
	if err != nil {
		return err
	}
	return x.writeCluster(http.StatusOK)
}

// change carries out a change of the members, for as long as a write may take.
func (x *exchange) change(f func(context.Context) error) error {
	ctx, cancel := context.WithTimeout(x.r.Context(), x.api.cfg.WriteWait)
	defer cancel()
	err := f(ctx)
	if errors.Is(err, command.ErrUnknown) {
		// These have no idempotency keys and need none.
		return refuse(wire.OutcomeUnknown, "the change may or may not have been made, or be made yet: GET /v1/cluster tells; to ask for the same again does no harm")
	}
	return err
}

// changeCodes says which code a refused change of the members has.
var changeCodes = map[command.ChangeReason]wire.Code{
	command.ChangeInvalid:    wire.BadArguments,
	command.ChangeNoMember:   wire.NoMember,
	command.ChangeInProgress: wire.ReconfigInProgress,
	command.ChangeUnsafe:     wire.ReconfigUnsafe,
}

// memberSpec is the member that a body describes; who does not say is to vote.
func memberSpec(m *wire.NewMember) (command.MemberSpec, error) {
	spec := command.MemberSpec{Name: m.ID, RaftAddr: m.RaftAddr, URL: m.URL, Voter: m.Voter == nil || *m.Voter}
	if err := checkMemberName(m.ID); err != nil {
		return spec, err
	}
	if err := checkMemberAddr(m.RaftAddr); err != nil {
		return spec, err
	}
	return spec, checkMemberURL(m.URL)
}

// checkMemberName refuses what cannot be a member's name: it must be fit for a URL's path, a table and a log.
func checkMemberName(name string) error {
	switch {
	case name == "":
		return badArguments("id is missing: the name of the member")
	case len(name) > MaxMemberNameBytes:
		return badArguments("a member's name has at most " + strconv.Itoa(MaxMemberNameBytes) + " bytes, not " + strconv.Itoa(len(name)))
	case name == "." || name == ".." || hasBlanks(name):
		return badArguments("a member cannot be called " + quoted(name))
	}
	return nil
}

func checkMemberAddr(addr string) error {
	host, port, err := net.SplitHostPort(addr)
	n, perr := strconv.ParseUint(port, 10, 16)
	switch {
	case addr == "":
		return badArguments("raft_addr is missing: where the other members reach this one, host:port")
	case len(addr) > MaxMemberAddrBytes:
		return badArguments("raft_addr has at most " + strconv.Itoa(MaxMemberAddrBytes) + " bytes, not " + strconv.Itoa(len(addr)))
	case err != nil || perr != nil || n == 0 || hasBlanks(addr):
		return badArguments("raft_addr is host:port, not " + quoted(addr))
	}
	if ip := net.ParseIP(host); host == "" || ip != nil && ip.IsUnspecified() {
		return badArguments("raft_addr needs a host that the other members can reach, not " + quoted(addr))
	}
	return nil
}

func checkMemberURL(s string) error {
	u, err := url.Parse(s)
	switch {
	case s == "":
		return badArguments("url is missing: where clients reach the member")
	case len(s) > MaxMemberURLBytes:
		return badArguments("url has at most " + strconv.Itoa(MaxMemberURLBytes) + " bytes, not " + strconv.Itoa(len(s)))
	case err != nil || u.Scheme != "http" && u.Scheme != "https" || u.Hostname() == "" || hasBlanks(s):
		return badArguments("url is http://host:port or https://host:port, not " + quoted(s))
	case u.User != nil || u.RawQuery != "" || u.Fragment != "":
		return badArguments("url has a scheme, a host and a port, and nothing behind them")
	}
	return nil
}

// hasBlanks says whether there is anything in s that is not seen.
func hasBlanks(s string) bool {
	return strings.ContainsFunc(s, func(r rune) bool { return !unicode.IsGraphic(r) || unicode.IsSpace(r) })
}
