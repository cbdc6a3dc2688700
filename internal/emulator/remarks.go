package emulator

import (
	"bytes"
	"encoding/json"
)

// addItems adds items to messages and errors of an answer, and a result_info if
// the answer has none.
func (f Fault) addItems(a httpAnswer) httpAnswer {
	a.body = appendItems(a.body, "messages", f.Messages)
	a.body = appendItems(a.body, "errors", f.Errors)
	if f.ResultInfo != "" && !bytes.Contains(a.body, []byte(`,"result_info":{`)) {
		a.body = append(a.body[:len(a.body)-1], `,"result_info":`+f.ResultInfo+`}`...)
	}
	return a
}

// appendItems adds the items of a JSON array to the array of a key. The keys of
// an envelope are after its result, so the last occurrence is the right one.
func appendItems(body []byte, key, array string) []byte {
	at := bytes.LastIndex(body, []byte(`,"`+key+`":[`))
	if array == "" || at < 0 {
		return body
	}
	from := at + len(`,"":[`) + len(key)
	more := bytes.TrimSpace([]byte(array))
	more = more[1 : len(more)-1]
	if len(more) > 0 && body[from] != ']' {
		more = append(bytes.Clone(more), ',')
	}
	return append(bytes.Clone(body[:from]), append(bytes.Clone(more), body[from:]...)...)
}

// isArray and isObject report whether a text is empty or JSON of that type.
func isArray(text string) bool {
	var items []map[string]any
	return text == "" || json.Unmarshal([]byte(text), &items) == nil && items != nil
}

func isObject(text string) bool {
	var members map[string]any
	return text == "" || json.Unmarshal([]byte(text), &members) == nil && members != nil
}
