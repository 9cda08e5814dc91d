package httpapi

import (
	"math"
	"net/textproto"
	"slices"
	"strconv"
	"strings"

	"holt/raftfsm/znode"
)

// precondition is what If-Match and If-None-Match of a write ask for. The zero value asks for nothing.
type precondition struct {
	exists bool        // If-Match: the znode must be there
	tags   []znode.Tag // If-Match: at one of these; none for "*"
	absent bool        // If-None-Match: *
}

func (p *precondition) asks() bool { return p.exists || p.absent }

// never is a tag that fits no znode: no version is so large.
var never = znode.Tag{Version: math.MaxInt64}

// precondition reads the preconditions of a PUT or DELETE of path.
func (x *exchange) precondition(path znode.Path) (precondition, error) {
	var p precondition
	match, none := x.r.Header["If-Match"], x.r.Header["If-None-Match"]
	if len(match) == 0 && len(none) == 0 {
		return p, nil
	}
	if len(none) > 0 {
		if len(none) > 1 || textproto.TrimString(none[0]) != "*" {
			return p, badArguments("If-None-Match of a write is *, not " + quoted(strings.Join(none, ", ")))
		}
		p.absent = true
	}
	if len(match) > 0 {
		if p.absent {
			return p, badArguments("If-Match and If-None-Match: * contradict each other")
		}
		p.exists = true
		var err error
		p.tags, err = matchTags(match, path)
		return p, err
	}
	return p, nil
}

// matchTags is If-Match as tags that a transaction compares: none for "*".
func matchTags(values []string, path znode.Path) ([]znode.Tag, error) {
	if len(values) == 1 && textproto.TrimString(values[0]) == "*" {
		return nil, nil
	}
	tags := make([]znode.Tag, 0, 1)
	seen := 0
	err := eachTag(values, func(t etag) error {
		if seen++; seen > znode.MaxTags {
			return badArguments("If-Match has more than " + strconv.Itoa(znode.MaxTags) + " tags")
		}
		tag, ok := t.tag(path)
		switch {
		case ok:
			tags = append(tags, tag)
		case !t.quoted:
			return badArguments("If-Match has " + quoted(t.opaque) + " where a tag belongs: \"<version>.<czxid>\" or a version")
		}
		return nil // what is a tag and not one of ours, or weak, never matches
	})
	if err == nil && len(tags) == 0 {
		tags = append(tags, never)
	}
	return tags, err
}

// preconditions are the headers that a request can make itself depend on.
var preconditions = []string{"If-Match", "If-None-Match"}

// checkPreconditions refuses those that mean nothing to the endpoint: to overlook one would be to carry out what was not
// to be.
func (x *exchange) checkPreconditions() error {
	for _, name := range preconditions {
		if _, ok := x.r.Header[name]; ok && !slices.Contains(x.at.heeds, name) {
			return badArguments(name + " has no meaning for " + x.r.Method + " here")
		}
	}
	return nil
}

// noneMatch says whether If-None-Match names the tag current, by weak comparison. bare is the version alone, accepted
// like the whole tag; "" for none.
func noneMatch(values []string, current, bare string) (named bool, err error) {
	if len(values) == 1 && textproto.TrimString(values[0]) == "*" {
		return true, nil
	}
	err = eachTag(values, func(t etag) error {
		named = named || t.opaque == current || bare != "" && t.opaque == bare
		return nil
	})
	return named, err
}

// etag is one tag of a list, without its quotes.
type etag struct {
	opaque string
	weak   bool
	quoted bool
}

// tag is the version of data it stands for; ok is false when it can stand for none. It is compared strongly.
func (t etag) tag(path znode.Path) (tag znode.Tag, ok bool) {
	version, czxid, whole := strings.Cut(t.opaque, ".")
	v, ok := canonical(version)
	if !ok || t.weak {
		return znode.Tag{}, false
	}
	tag.Version = v
	if whole {
		z, ok := canonical(czxid)
		if !ok || z == 0 && !path.IsRoot() {
			return znode.Tag{}, false // only the root is of zxid 0, and a Tag with 0 compares the version alone
		}
		tag.Czxid = znode.Zxid(z)
	}
	return tag, true
}

// canonical is a number written as we write it.
func canonical(s string) (int64, bool) {
	if s == "" || len(s) > 1 && s[0] == '0' || s[0] == '+' || s[0] == '-' {
		return 0, false
	}
	n, err := strconv.ParseInt(s, 10, 64)
	return n, err == nil
}

// eachTag takes apart a header that is a list of tags. Quotes may be left out, which RFC 9110 does not know, because
// a shell takes them away so easily.
func eachTag(values []string, f func(etag) error) error {
	for _, list := range values {
		rest := list
		for {
			rest = strings.TrimLeft(rest, " \t,")
			if rest == "" {
				break
			}
			t, tail, err := cutTag(rest)
			if err != nil {
				return err
			}
			if err := f(t); err != nil {
				return err
			}
			tail = strings.TrimLeft(tail, " \t")
			if tail != "" && tail[0] != ',' {
				return badArguments("a list of tags has no comma before " + quoted(tail))
			}
			rest = tail
		}
	}
	return nil
}

// cutTag takes the first tag off a list that does not begin with space or comma.
func cutTag(s string) (t etag, rest string, err error) {
	if s, t.weak = strings.CutPrefix(s, "W/"); s == "" || s[0] != '"' {
		end := strings.IndexAny(s, " \t,")
		if end < 0 {
			end = len(s)
		}
		t.opaque = s[:end]
		if t.opaque == "" || t.opaque == "*" || strings.Contains(t.opaque, `"`) {
			return t, "", badArguments("a list of tags has " + quoted(t.opaque) + " where a tag belongs")
		}
		return t, s[end:], nil
	}
	end := strings.IndexByte(s[1:], '"')
	if end < 0 {
		return t, "", badArguments("a list of tags has a quote that does not end")
	}
	t.quoted, t.opaque = true, s[1:1+end]
	return t, s[end+2:], nil
}
