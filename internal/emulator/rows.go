package emulator

import "time"

// appendStore writes a store in Cloudflare's format.
func appendStore(b []byte, s storeRow) []byte {
	b = appendString(append(b, `{"id":`...), s.id)
	b = appendString(append(b, `,"name":`...), s.name)
	b = appendTime(append(b, `,"created":`...), s.created)
	b = appendTime(append(b, `,"modified":`...), s.modified)
	b = appendString(append(b, `,"account_id":`...), s.account)
	return append(b, '}')
}

// secretWriter returns a function that writes secrets as they are at a moment,
// without the value.
func (l *database) secretWriter(now time.Time) func([]byte, secretRow) []byte {
	return func(b []byte, s secretRow) []byte {
		b = appendString(append(b, `{"id":`...), s.id)
		b = appendString(append(b, `,"store_id":`...), s.storeID)
		b = appendString(append(b, `,"name":`...), s.name)
		b = appendComment(append(b, `,"comment":`...), s.comment)
		b = appendList(append(b, `,"scopes":`...), s.scopes, appendString)
		b = appendTime(append(b, `,"created":`...), s.created)
		b = appendTime(append(b, `,"modified":`...), s.modified)
		b = appendString(append(b, `,"status":`...), l.status(s, now))
		return append(b, '}')
	}
}

func appendComment(b []byte, comment *string) []byte {
	if comment == nil {
		return append(b, "null"...)
	}
	return appendString(b, *comment)
}
