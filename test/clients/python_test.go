package clients_test

import (
	"path/filepath"
	"testing"

	"platform.internal/storekeeper/test/clients/outside"
	"platform.internal/storekeeper/test/clients/script"
	"platform.internal/storekeeper/test/clients/side"
)

func TestPythonSDKLivesAWholeLife(t *testing.T) {
	t.Parallel()
	python, err := outside.Python(t.Context(), "python")
	skipOrFail(t, err)
	parity{steps: script.Life(), limits: roomy, through: program.Serve, client: newPython(python)}.check(t)
}

func newPython(python string) func(testing.TB, side.Side) script.Client {
	return func(t testing.TB, s side.Side) script.Client {
		return outside.Start(t, environment(t), python, filepath.Join("python", "driver.py"), s.Root+"/client/v4", s.Token)
	}
}
