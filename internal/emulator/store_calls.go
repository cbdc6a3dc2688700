package emulator

import "net/http"

// storeColumns lists the columns that stores can be ordered by.
func storeColumns() []string { return []string{"name", "created", "modified"} }

func (e *Emulator) listStores(c *apiCall) httpAnswer {
	var found problems
	wanted := readListQuery(c.query, storeColumns(), &found)
	if a, bad := found.refusal(); bad {
		return a
	}
	rows := e.database.stores(c.account, c.asOf)
	sortRows(rows, compareStores(wanted.order), wanted.ascending)
	return succeedPage(rows, wanted.page, appendStore)
}

func (e *Emulator) createStore(c *apiCall) httpAnswer {
	read := readStore
	if c.eraA {
		read = readStoreArray
	}
	var found problems
	name := read(c.body, &found)
	if a, bad := found.refusal(); bad {
		return a
	}
	made, refused := e.database.createStore(c.account, name)
	if refused != nil {
		return *refused
	}
	if c.eraA {
		return succeed(appendList(nil, []storeRow{made}, appendStore))
	}
	return succeed(appendStore(nil, made))
}

func (e *Emulator) showStore(c *apiCall) httpAnswer {
	s, ok := e.database.store(c.account, c.store(), c.asOf)
	if !ok {
		return storeNotFound()
	}
	return succeed(appendStore(nil, s))
}

func (e *Emulator) deleteStore(c *apiCall) httpAnswer {
	var found problems
	force := flag(c.query, "force", &found)
	if a, bad := found.refusal(); bad {
		return a
	}
	if refused := e.database.deleteStore(c.account, c.store(), force); refused != nil {
		return *refused
	}
	return deleted(http.StatusOK)
}

func (e *Emulator) quota(c *apiCall) httpAnswer {
	b := appendInt([]byte(`{"secrets":{"quota":`), c.account.settings.SecretLimit)
	b = appendInt(append(b, `,"usage":`...), e.database.usage(c.account, c.asOf))
	return succeed(append(b, "}}"...))
}
