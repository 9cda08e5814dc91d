package httpapi

import (
	"net/url"
	"strings"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// znodePath is the path of the znode a request is about. It is parsed from the escaped path, so that no router cleans
// or decodes it first: "%2F" means "/", which no name can hold, and "//", "." and ".." are refused and not resolved.
func (x *exchange) znodePath() (znode.Path, error) {
	s, err := unescapePath(x.path)
	if err != nil {
		return znode.Path{}, err
	}
	p, perr := znode.ParsePath(s)
	if perr != nil {
		return znode.Path{}, badPath(s, perr)
	}
	return p, nil
}

// znodePrefix is the path of a sequential create: it may end with "/".
func (x *exchange) znodePrefix() (znode.Prefix, error) {
	s, err := unescapePath(x.path)
	if err != nil {
		return znode.Prefix{}, err
	}
	p, perr := znode.ParsePrefix(s)
	if perr != nil {
		return znode.Prefix{}, badPath(s, perr)
	}
	return p, nil
}

// unescapePath is what follows the prefix of a resource as a path; nothing is the root.
func unescapePath(escaped string) (string, error) {
	if escaped == "" {
		return "/", nil
	}
	if strings.IndexByte(escaped, '%') < 0 {
		return escaped, nil
	}
	s, err := url.PathUnescape(escaped)
	if err != nil {
		return "", badArguments("the path is escaped wrongly: " + err.Error())
	}
	return s, nil
}

func badPath(s string, err error) *problem {
	p := refuse(wire.BadArguments, err.Error())
	const enough = znode.MaxPathBytes
	p.Path = strings.ToValidUTF8(s[:min(len(s), enough)], "\uFFFD")
	return p
}

// escapePath is the path as it is written in a URL.
func escapePath(path string) string {
	plain := 0
	for plain < len(path) && inPath(path[plain]) {
		plain++
	}
	if plain == len(path) {
		return path
	}
	const hex = "0123456789ABCDEF"
	b := append(make([]byte, 0, len(path)+16), path[:plain]...)
	for i := plain; i < len(path); i++ {
		if c := path[i]; inPath(c) {
			b = append(b, c)
		} else {
			b = append(b, '%', hex[c>>4], hex[c&15])
		}
	}
	return string(b)
}

// inPath says whether a byte may stand for itself in the path of a URL: "/" and RFC 3986's unreserved characters.
func inPath(c byte) bool {
	return c >= 'a' && c <= 'z' || c >= 'A' && c <= 'Z' || c >= '0' && c <= '9' || strings.IndexByte("/-._~", c) >= 0
}
