package main

import (
	"io"

	"platform.internal/storekeeper/internal/config"
)

// welcome tells a newcomer what runs and what to type next.
func welcome(w io.Writer, a addresses, emulator string) {
	say(w, `Storekeeper runs with the emulator in place of Cloudflare.

  REST      http://%[1]s/client/v4     explorer http://%[1]s/docs
  gRPC      %[2]s
  admin     http://%[3]s/readyz        metrics, profiles
  emulator  %[4]s

Create a store over REST:

  curl -sS http://%[1]s/client/v4/accounts/%[5]s/secrets_store/stores \
    -H 'Authorization: Bearer %[6]s' -d '{"name":"default_secrets_store"}'

List the stores over gRPC:

  grpcurl -plaintext -H 'authorization: Bearer %[6]s' -d '{"account_id":"dev"}' \
    %[2]s secretsstore.v1.SecretsStoreService/ListStores

Ctrl-C stops it; nothing is kept.
`, a.rest, a.grpc, a.admin, emulator, config.DevAccount, config.DevKey)
}
