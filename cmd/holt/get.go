package main

import "context"

type getCmd struct {
	clientFlags
	readFlags
	sessionFlags
	Path string `arg:"" help:"The znode, such as /app/config."`
}

// Run prints the data.
func (cmd *getCmd) Run(ctx context.Context, con *console) error {
	if err := checkPath(cmd.Path); err != nil {
		return err
	}
	c, err := cmd.connect()
	if err != nil {
		return err
	}
	defer c.Close()
	if cmd.JSON {
		z, err := cmd.as(c).GetJSON(ctx, cmd.Path, cmd.Consistency)
		if err != nil {
			return err
		}
		return writeJSON(con.out, z)
	}
	z, err := cmd.as(c).Get(ctx, cmd.Path, cmd.Consistency)
	if err != nil {
		return err
	}
	_, err = con.out.Write(z.Data)
	return err
}
