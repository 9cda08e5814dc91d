package tests

import "encoding/json"

// problemCode is the code of a problem's body; "" if it is none.
func problemCode(body string) string {
	var p struct{ Code string }
	if json.Unmarshal([]byte(body), &p) != nil {
		return ""
	}
	return p.Code
}
