package emulator

// createRequest is the request to create a secret.
type createRequest struct {
	name    string
	value   string
	scopes  []string
	comment *string
}

// secretPatch is the request to change a secret. A comment is kept if
// keepComment is true. Otherwise it is set, or removed if the pointer is nil.
type secretPatch struct {
	value       *string
	scopes      []string
	comment     *string
	keepComment bool
}

// readStore reads the body of a store creation. Only the name counts.
func readStore(body []byte, found *problems) (name string) {
	o, ok := decodeObject(body, found)
	if !ok {
		return ""
	}
	return checkName(o["name"], fieldPath{}.field("name"), storeNoun, found)
}

// readStoreArray reads a store creation in the earlier form of Cloudflare's contract: an array of one object.
func readStoreArray(body []byte, found *problems) (name string) {
	items, ok := decodeArray(body, found)
	if !ok {
		return ""
	}
	at := fieldPath{}.item(0)
	o, ok := itemObject(items[0], at, found)
	if !ok {
		return ""
	}
	return checkName(o["name"], at.field("name"), storeNoun, found)
}

func readNewSecrets(body []byte, found *problems) []createRequest {
	items, ok := decodeArray(body, found)
	if !ok {
		return nil
	}
	wanted := make([]createRequest, 0, len(items))
	for i, item := range items {
		at := fieldPath{}.item(i)
		o, ok := itemObject(item, at, found)
		if !ok {
			continue
		}
		wanted = append(wanted, createRequest{
			name:    checkName(o["name"], at.field("name"), secretNoun, found),
			value:   checkValue(o["value"], at.field("value"), found),
			scopes:  checkScopes(o["scopes"], at.field("scopes"), found),
			comment: checkComment(o["comment"], at.field("comment"), found),
		})
	}
	return wanted
}

// readDuplicate reads the body of a duplication, which cannot set a value.
func readDuplicate(body []byte, found *problems) createRequest {
	o, ok := decodeObject(body, found)
	if !ok {
		return createRequest{}
	}
	top := fieldPath{}
	return createRequest{
		name:    checkName(o["name"], top.field("name"), secretNoun, found),
		scopes:  checkScopes(o["scopes"], top.field("scopes"), found),
		comment: checkComment(o["comment"], top.field("comment"), found),
	}
}

// readPatch reads a change. Absent keys change nothing.
func readPatch(body []byte, found *problems) secretPatch {
	o, ok := decodeObject(body, found)
	if !ok {
		return secretPatch{}
	}
	top := fieldPath{}
	patch := secretPatch{keepComment: true}
	value, hasValue := o["value"]
	if hasValue {
		checked := checkValue(value, top.field("value"), found)
		patch.value = &checked
	}
	scopes, hasScopes := o["scopes"]
	if hasScopes {
		patch.scopes = checkScopes(scopes, top.field("scopes"), found)
	}
	if comment, hasComment := o["comment"]; hasComment {
		patch.keepComment = false
		patch.comment = checkComment(comment, top.field("comment"), found)
	}
	if !hasValue && !hasScopes && patch.keepComment {
		found.add(badJSON, wholeBody(), "must set at least one of value, scopes, comment")
	}
	return patch
}

// itemObject reads an array item that must be an object.
func itemObject(v any, at fieldPath, found *problems) (jsonObject, bool) {
	o, ok := v.(jsonObject)
	if !ok {
		found.add(badJSON, at, "must be an object")
	}
	return o, ok
}
