package zookeeper

import "strings"

// openACL is the ACL that lets everyone do everything.
const openACL = "world:anyone:cdrwa"

// acl is one that is not openACL.
type acl struct {
	text    string // in zkCli's form, with the hashes of passwords left out
	missing bool   // the snapshot names it by a number it does not explain
}

// identity is one line of an ACL.
type identity struct {
	perms      int32
	scheme, id string
}

// permLetters are the letters of permissions in the order zkCli prints them, with their bits.
var permLetters = []struct {
	bit    int32
	letter byte
}{{4, 'c'}, {8, 'd'}, {1, 'r'}, {2, 'w'}, {16, 'a'}}

// newACL is nil for an ACL that keeps nobody out: openACL, and an empty one.
func newACL(ids []identity) *acl {
	texts := make([]string, len(ids))
	for i, id := range ids {
		texts[i] = id.String()
	}
	if text := strings.Join(texts, ","); text != "" && text != openACL {
		return &acl{text: text}
	}
	return nil
}

func (i identity) String() string {
	id := i.id
	if user, _, ok := strings.Cut(id, ":"); ok && i.scheme == "digest" {
		id = user + ":x"
	}
	var perms []byte
	for _, p := range permLetters {
		if i.perms&p.bit != 0 {
			perms = append(perms, p.letter)
		}
	}
	return i.scheme + ":" + id + ":" + string(perms)
}
