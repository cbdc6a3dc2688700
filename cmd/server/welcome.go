package main

import (
	"io"

	"platform.internal/storekeeper/internal/config"
)

// places are the emulator and the audit file of dev mode.
type places struct {
	emulator, audit string
}

// welcome prints the addresses and the next commands.
func welcome(w io.Writer, a addresses, made places) {
	say(w, `Storekeeper runs with the emulator in place of Cloudflare.

  REST      %[7]s://%[1]s/client/v4     explorer %[7]s://%[1]s/docs
  gRPC      %[2]s
  admin     %[7]s://%[3]s/readyz        metrics, profiles
  emulator  %[4]s
  audit     %[8]s

Create a store over REST:

  curl -sS %[7]s://%[1]s/client/v4/accounts/%[5]s/secrets_store/stores \
    -H 'Authorization: Bearer %[6]s' -d '{"name":"default_secrets_store"}'

List the stores over gRPC:

  grpcurl -plaintext -H 'authorization: Bearer %[6]s' -d '{"account_id":"dev"}' \
    %[2]s secretsstore.v1.SecretsStoreService/ListStores

Ctrl-C stops it; nothing is kept.
`, a.rest, a.grpc, a.admin, made.emulator, config.DevAccount, config.DevKey, a.scheme, made.audit)
}
