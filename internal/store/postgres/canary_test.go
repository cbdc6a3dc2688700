package postgres_test

import (
	"encoding/hex"
	"fmt"
	"strings"
	"testing"
	"time"

	"go.uber.org/zap"
	"go.uber.org/zap/zaptest/observer"

	"platform.internal/storekeeper/internal/store/postgrestest"
)

// TestValuesAreInNoErrorAndNoLog makes the server refuse a row. The server's report contains the
// whole row.
func TestValuesAreInNoErrorAndNoLog(t *testing.T) {
	t.Parallel()
	const value = "canary-that-must-not-sing"
	server := postgrestest.Start(t, "fsync=off", "log_min_error_statement=panic")
	core, logs := observer.New(zap.DebugLevel)
	for name, statement := range map[string]string{
		"a row that a constraint refuses": "alter table storekeeper.records add constraint short check (octet_length(value) < 5)",
		"a row that a trigger refuses": `create function storekeeper.refuse() returns trigger language plpgsql as $$
			begin raise exception using errcode = '22000', message = convert_from(new.value, 'UTF8'), detail = convert_from(new.value, 'UTF8'); end $$;
			create trigger refuse before insert on storekeeper.records for each row execute function storekeeper.refuse()`,
	} {
		c := config(server, server.Database(strings.ReplaceAll(name, " ", "_")))
		c.Logger, c.Timeout = zap.New(core), time.Second
		s := open(t, c)
		server.Exec(c.Database, statement)
		err := put(s, "a", value)
		if err == nil {
			t.Fatalf("%s: it was taken", name)
		}
		for _, text := range []string{value, hex.EncodeToString([]byte(value))} {
			if strings.Contains(fmt.Sprintf("%v %+v", err, err), text) {
				t.Errorf("%s: the error holds the value: %v", name, err)
			}
			for _, entry := range logs.All() {
				if line := fmt.Sprint(entry.Message, entry.ContextMap()); strings.Contains(line, text) {
					t.Errorf("%s: the log holds the value: %s", name, line)
				}
			}
		}
	}
	if logs.Len() == 0 {
		t.Error("nothing was logged")
	}
}
