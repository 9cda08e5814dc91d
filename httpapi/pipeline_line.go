package httpapi

import (
	"encoding/json"
	"reflect"
	"strconv"
	"strings"
	"unicode/utf8"

	"holt/httpapi/wire"
	"holt/raftfsm/znode"
)

// parseLine makes l of a line: a transaction, or why it is none.
func (x *exchange) parseLine(l *pipeLine, text string) {
	l.bytes = len(text)
	var line wire.PipelineLine
	if !scanLine(text, &line) {
		line = wire.PipelineLine{}
		if err := wire.Decode(text, &line); err != nil {
			l.id = findID(text)
			l.refused = badArguments("the line is not the JSON that belongs here: " + err.Error())
			return
		}
	}
	l.many = line.Txn != nil
	if err := x.parseLineTxn(l, &line); err != nil {
		l.refused, _ = problemOf(err)
		l.txn = znode.Txn{}
	}
}

func (x *exchange) parseLineTxn(l *pipeLine, line *wire.PipelineLine) error {
	if len(line.ID) > 0 {
		if why := checkID(line.ID); why != "" {
			return badArguments(why)
		}
		l.id = string(line.ID)
	}
	switch {
	case !l.many:
		op, err := x.parseOp(&line.Op)
		if err == nil {
			err = x.api.checkOpSize(&op, &l.data)
		}
		if err != nil {
			return err
		}
		l.txn.Ops = []znode.Op{op}
	case !reflect.ValueOf(line.Op).IsZero():
		return badArguments("a line has an op, or with txn a list of them, and not both")
	default:
		txn, err := x.parseTxn(line.Txn)
		if err != nil {
			return err
		}
		l.txn = *txn
		for i := range txn.Ops {
			l.data += len(txn.Ops[i].Data)
		}
	}
	l.txn.Session = x.holder
	if line.Key != nil {
		key, err := parseKey(*line.Key)
		if err != nil {
			return err
		}
		l.txn.Once = znode.NewOnce(key, &l.txn)
	}
	return nil
}

// checkID says what is wrong with an id, "" if nothing is.
func checkID(id []byte) string {
	switch {
	case id[0] == '{' || id[0] == '[':
		return "id is a string, a number, true or false"
	case len(id) > MaxPipelineIDBytes:
		return "id has more than " + strconv.Itoa(MaxPipelineIDBytes) + " bytes"
	}
	return ""
}

// findID is the id of a line that is refused, as far as it can be read; "" if it cannot.
func findID(text string) string {
	d := json.NewDecoder(strings.NewReader(text))
	if t, err := d.Token(); err != nil || t != json.Delim('{') {
		return ""
	}
	for d.More() {
		name, err := d.Token()
		if err != nil {
			return ""
		}
		var value json.RawMessage
		if err := d.Decode(&value); err != nil {
			return ""
		}
		if name != "id" {
			continue
		}
		next := strings.TrimLeft(text[d.InputOffset():], " \t\r\n")
		if next == "" || next[0] != ',' && next[0] != '}' {
			return "" // it may be half of what was meant
		}
		if checkID(value) != "" || string(value) == "null" || !utf8.Valid(value) || wire.CheckSurrogates(string(value)) != nil {
			return ""
		}
		return string(value)
	}
	return ""
}
