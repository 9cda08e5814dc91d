package wire

import (
	"encoding/json"
	"errors"
	"io"
	"slices"
	"strconv"
	"strings"
	"unicode/utf8"
)

// Decode reads one JSON value, all of body, into v. Unlike encoding/json it lets nothing pass in silence: not a field
// that v does not have, one that is there twice or in other letters, nor null, which would turn a version that a client
// failed to fill in into none, nor text that is no Unicode, of which encoding/json would store something else than was
// sent. Errors are for whoever wrote the JSON.
func Decode(body string, v any) error {
	if !utf8.ValidString(body) {
		return errors.New("it is not valid UTF-8")
	}
	d := json.NewDecoder(strings.NewReader(body))
	d.DisallowUnknownFields()
	if err := d.Decode(v); err != nil {
		if errors.Is(err, io.EOF) {
			return errors.New("it is empty")
		}
		if wrong := new(json.UnmarshalTypeError); errors.As(err, &wrong) {
			return errors.New(strings.TrimSpace(fieldOf(wrong) + " cannot be " + wrong.Value))
		}
		return errors.New(short(strings.TrimPrefix(err.Error(), "json: ")))
	}
	if strings.TrimLeft(body[d.InputOffset():], " \t\r\n") != "" {
		return errors.New("something follows it")
	}
	if err := CheckSurrogates(body); err != nil {
		return err
	}
	return checkNames(json.NewDecoder(strings.NewReader(body)))
}

// fieldOf is where in the JSON something is of a wrong type. encoding/json names structs that are embedded, too.
func fieldOf(wrong *json.UnmarshalTypeError) string {
	names := strings.Split(wrong.Field, ".")
	return strings.Join(slices.DeleteFunc(names, func(name string) bool { return name != strings.ToLower(name) }), ".")
}

// short is text fit for a message, whatever is quoted in it.
func short(s string) string {
	const enough = 200
	if len(s) > enough {
		s = strings.ToValidUTF8(s[:enough], "") + "…"
	}
	return s
}

// CheckSurrogates refuses halves of surrogate pairs. In valid JSON a backslash always begins an escape.
func CheckSurrogates(s string) error {
	for i := strings.IndexByte(s, '\\'); i >= 0 && i < len(s); {
		high, ok := escapedUnit(s[i:])
		switch {
		case !ok:
			i += 2
		case high < 0xd800 || high > 0xdfff:
			i += 6
		default:
			low, ok := escapedUnit(s[i+6:])
			if high >= 0xdc00 || !ok || low < 0xdc00 || low > 0xdfff {
				return errors.New(s[i:i+6] + " is half a character")
			}
			i += 12
		}
		next := strings.IndexByte(s[i:], '\\')
		if next < 0 {
			return nil
		}
		i += next
	}
	return nil
}

// escapedUnit is the UTF-16 unit that s begins with as an escape.
func escapedUnit(s string) (unit uint64, ok bool) {
	if len(s) < 6 || s[0] != '\\' || s[1] != 'u' {
		return 0, false
	}
	unit, err := strconv.ParseUint(s[2:6], 16, 16)
	return unit, err == nil
}

// checkNames refuses null and names of fields that are there twice, or not in lower case, which encoding/json does not
// mind. The JSON is valid.
func checkNames(d *json.Decoder) error {
	var objects []map[string]bool // the names seen in each object or, nil, array around the token
	isName := false
	for {
		token, err := d.Token()
		if err == io.EOF {
			return nil
		}
		if err != nil {
			return err
		}
		switch t := token.(type) {
		case nil:
			return errors.New("null means nothing here: leave the field out")
		case json.Delim:
			switch t {
			case '{':
				objects = append(objects, map[string]bool{})
			case '[':
				objects = append(objects, nil)
			default:
				objects = objects[:len(objects)-1]
			}
		case string:
			if isName {
				seen := objects[len(objects)-1]
				if t != strings.ToLower(t) {
					return errors.New(short("unknown field " + strconv.Quote(t)))
				}
				if seen[t] {
					return errors.New(short("field "+strconv.Quote(t)) + " is there twice")
				}
				seen[t] = true
				isName = false
				continue
			}
		}
		isName = len(objects) > 0 && objects[len(objects)-1] != nil
	}
}
