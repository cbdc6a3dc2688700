package emulator

import "net/http"

// jsonType is the media type of every answer, including refusals.
const jsonType = "application/json"

// httpAnswer is an HTTP answer.
type httpAnswer struct {
	status int
	body   []byte
	// header holds additional headers.
	header map[string]string
}

// apiMessage is an item of errors or messages.
type apiMessage struct {
	// code is omitted if it is 0.
	code    int
	message string
	// pointer is a JSON pointer into the request body, omitted if empty.
	pointer string
	// chain holds the causes, omitted if empty.
	chain []apiMessage
}

func appendNotice(b []byte, n apiMessage) []byte {
	b = append(b, '{')
	if n.code != 0 {
		b = append(appendInt(append(b, `"code":`...), n.code), ',')
	}
	b = appendString(append(b, `"message":`...), n.message)
	if n.pointer != "" {
		b = append(appendString(append(b, `,"source":{"pointer":`...), n.pointer), '}')
	}
	if len(n.chain) > 0 {
		b = appendList(append(b, `,"error_chain":`...), n.chain, appendNotice)
	}
	return append(b, '}')
}

// succeed wraps a result that is already JSON.
func succeed(result []byte, messages ...apiMessage) httpAnswer {
	b := append([]byte(`{"result":`), result...)
	b = append(b, `,"success":true,"errors":[],"messages":`...)
	b = appendList(b, messages, appendNotice)
	return httpAnswer{status: http.StatusOK, body: append(b, '}')}
}

// deleted is the answer to a deletion. The result is null.
func deleted(status int) httpAnswer {
	a := succeed([]byte("null"))
	a.status = status
	return a
}

// succeedPage wraps a page of a list.
func succeedPage[T any](all []T, p page, one func([]byte, T) []byte) httpAnswer {
	shown := p.cut(len(all))
	items := all[shown.from:shown.to]
	a := succeed(appendList(nil, items, one))
	b := append(a.body[:len(a.body)-1], `,"result_info":{"count":`...)
	b = appendInt(b, len(items))
	b = appendInt(append(b, `,"page":`...), p.number)
	b = appendInt(append(b, `,"per_page":`...), p.size)
	b = appendInt(append(b, `,"total_count":`...), len(all))
	b = appendInt(append(b, `,"total_pages":`...), (len(all)+p.size-1)/p.size)
	a.body = append(b, "}}"...)
	return a
}

// failure returns the envelope of a failed call.
func failure(errors, messages []apiMessage) []byte {
	b := appendList([]byte(`{"result":null,"success":false,"errors":`), errors, appendNotice)
	b = appendList(append(b, `,"messages":`...), messages, appendNotice)
	return append(b, '}')
}

// refuse returns a failure with one error and no message.
func refuse(status, code int, message string) httpAnswer {
	return httpAnswer{status: status, body: failure([]apiMessage{{code: code, message: message}}, nil)}
}
