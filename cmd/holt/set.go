package main

import (
	"context"
	"regexp"

	"holt/httpapi/client"
	"holt/httpapi/wire"
)

type setCmd struct {
	clientFlags
	sessionFlags
	keyFlags
	Path     string `arg:"" help:"The znode."`
	Data     string `arg:"" help:"The data: the argument itself, - for standard input, @file for a file, @@x for @x."`
	Version  *int64 `xor:"when" placeholder:"N" help:"Only if the znode exists with this version."`
	Tag      string `xor:"when" placeholder:"T" help:"Only if the znode has this tag, as stat prints it: a znode deleted and made again has another."`
	Create   bool   `xor:"when" help:"Only if the znode does not exist."`
	Existing bool   `xor:"when" help:"Only if the znode exists."`
	Parents  bool   `help:"Make missing parents, too, where the znode is made."`
}

// Run writes the data. It is quiet: the version that was made is in --json.
func (cmd *setCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	only, err := cmd.precondition()
	if err != nil {
		return err
	}
	data, err := dataOf(cmd.Data, con)
	if err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	writer, err := cmd.keyed(cmd.as(c))
	if err != nil {
		return err
	}
	w, err := writer.PutAs(ctx, cmd.Path, data, only, client.Making{Parents: cmd.Parents})
	if err != nil || !cmd.JSON {
		return cmd.advise(err)
	}
	return writeJSON(con.out, wire.Written{Path: w.Path, Stat: w.Stat})
}

func (cmd *setCmd) precondition() (client.Precondition, error) {
	switch {
	case cmd.Parents && (cmd.Existing || cmd.Version != nil || cmd.Tag != ""):
		return client.Any(), usagef("--parents is for a znode that is made, not for one that must exist")
	case cmd.Create:
		return client.CreateOnly(), nil
	case cmd.Existing:
		return client.Exists(), nil
	}
	return versionOrTag(cmd.Version, cmd.Tag)
}

// tagForm is what stat prints, or a version alone; quotes optional.
var tagForm = regexp.MustCompile(`^("[0-9]+(\.[0-9]+)?"|[0-9]+(\.[0-9]+)?)$`)

// versionOrTag is the precondition of --version and --tag. What can fit no znode is a mistake on the command line, not a
// precondition that does not hold: a script that reads again and tries again would never end.
func versionOrTag(version *int64, tag string) (client.Precondition, error) {
	switch {
	case version != nil && *version < 0:
		return client.Any(), usagef("--version is a number from 0; leave it out for any version")
	case version != nil:
		return client.Version(*version), nil
	case tag != "" && !tagForm.MatchString(tag):
		return client.Any(), usagef("--tag %q is not a tag as stat prints it", tag)
	case tag != "":
		return client.Tag(tag), nil
	}
	return client.Any(), nil
}
