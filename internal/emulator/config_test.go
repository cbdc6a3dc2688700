package emulator_test

import (
	"strings"
	"testing"
	"time"

	"platform.internal/storekeeper/internal/emulator"
)

func TestConfigMistakesAreReportedTogether(t *testing.T) {
	err := emulator.Config{
		Accounts:        []emulator.Account{{ID: "me"}, {ID: accountID, StoreLimit: -1}, {ID: accountID}},
		Keys:            []emulator.Key{{Email: "a@b"}},
		RequestLogLimit: -1,
		RateLimit:       &emulator.RateLimit{Window: -time.Second},
	}.Validate()
	want := []string{
		`accounts[0]: id "me" must be 32 lower-case hexadecimal digits`,
		"accounts[1]: limits must be at least 0",
		`accounts[2]: id "` + accountID + `" is listed twice`,
		"keys[0]: email and key must not be empty",
		"journal limit must be at least 0",
		"budget must be at least 0",
	}
	if err == nil || err.Error() != strings.Join(want, "\n") {
		t.Errorf("got\n%v\nwant\n%s", err, strings.Join(want, "\n"))
	}
	if err := (emulator.Config{}).Validate(); err != nil {
		t.Errorf("the zero value: %v", err)
	}
}

func TestAnEmulatorOfABadConfigurationStillServes(t *testing.T) {
	e := emulator.New(emulator.Config{Accounts: []emulator.Account{{}, {ID: "me"}}, RequestLogLimit: -1})
	if w := serve(e, "GET", "/client/v4/accounts", token); w.Code != 200 {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
}

func TestTheEmulatorRunsOnTheRealClock(t *testing.T) {
	e := emulator.New(emulator.Config{})
	if w := serve(e, "GET", "quota", token); w.Code != 200 {
		t.Errorf("status %d, %s", w.Code, w.Body)
	}
	if w := serve(e, "HEAD", "stores", token); w.Code != 405 {
		t.Errorf("status %d", w.Code)
	}
}
