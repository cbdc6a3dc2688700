package clients_test

import (
	"testing"

	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/side"
	"platform.internal/storekeeper/test/clients/wire"
)

func newWire(_ testing.TB, s side.Side) script.Client {
	return wire.New(s.Root+"/client/v4", s.Token)
}

func TestTerraformsWireLivesAWholeLife(t *testing.T) {
	t.Parallel()
	parity{steps: script.Terraform(), limits: roomy, through: program.Serve, client: newWire}.check(t)
}

func TestRequestsWrittenByHandAreAnsweredAlike(t *testing.T) {
	t.Parallel()
	parity{steps: script.Written(), limits: roomy, through: program.Dev, client: newWire}.check(t)
}
