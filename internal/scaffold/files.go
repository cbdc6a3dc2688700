package scaffold

import (
	"fmt"
	"strconv"

	"platform.internal/storekeeper/internal/config"
)

// emulatorToken is the token in place of Cloudflare's. The emulator accepts any.
const emulatorToken = "emulator-accepts-any-token"

// files lists the files of a configuration.
func files(o Options, r *Written) []WrittenFile {
	token, base, all := o.TokenFile, config.DefaultBaseURL, []WrittenFile{}
	if token == "" {
		token, base = "cloudflare-token", "http://"+r.Emulator+"/client/v4"
		all = append(all, WrittenFile{token, "a token that the emulator accepts", emulatorToken + "\n"})
	}
	return append([]WrittenFile{
		{"config.yaml", "the configuration; docs/configuration.md has every key", configText(o, r, base, token)},
		{"callers.yaml", "who may call; read again when it changes", callersText(o, r)},
		{"policy.yaml", "who may do what; read again when it changes", policyText},
		{"audit.key", "the key of the audit trail's hash chain; keep a copy elsewhere", random(32) + "\n"},
	}, all...)
}

func configText(o Options, r *Written, base, token string) string {
	return fmt.Sprintf(`# Configuration of Storekeeper. Check it: server config check --config FILE
# Relative file names start at the folder of this file.

listen:
  rest: %s
  grpc: %s
  admin: %s

accounts:
  - id: %s
    name: %s
    base_url: %s
    credential:
      api_token_file: %s

callers:
  file: callers.yaml

policy:
  file: policy.yaml

audit:
  sink: file
  file: audit.log
  key_file: audit.key

store:
  kind: file
  folder: state

# Limits of tenants are read again when this file changes.
# quotas:
#   - {tenant: payments, secrets: 40}

telemetry:
  log: {level: info, format: console}
`, quoted(r.REST), quoted(r.GRPC), quoted(r.Admin), quoted(o.Account), quoted(o.AccountName), quoted(base), quoted(token))
}

func callersText(o Options, r *Written) string {
	return fmt.Sprintf(`# Who may call. A change takes effect within two seconds; a file with a mistake
# changes nothing, and the log says what is wrong.
# server apikey --name CALLER --tenant TENANT makes a key and its entry. A key is
# revoked by taking its entry out.

api_keys:
  - name: %s
    sha256: %s
    groups: [platform]
`, quoted(o.Caller), digestOf(r.Key))
}

const policyText = `# Who may do what. What no rule allows is denied. A change takes effect within
# two seconds, if the tests at the end pass. docs/rights.md has all that a rule
# can say.

rules:
  - {id: everybody-sees-stores, actions: [account.get, store.get, quota.get], when: "true"}
  - {id: platform-does-everything, actions: ["*", "operator.*"], when: '"platform" in principal.groups'}

tests:
  - {name: anybody sees a store, as: {name: somebody}, do: store.get, on: {store: default_secrets_store}, allow: everybody-sees-stores}
  - {name: and no secret, as: {name: somebody}, do: secret.get, on: {store: default_secrets_store, secret: API_KEY}, deny: true}
  - {name: the platform makes stores, as: {groups: [platform]}, do: store.create, on: {store: default_secrets_store}, allow: platform-does-everything}
  - {name: and sees how Storekeeper is, as: {groups: [platform]}, do: operator.status, on: {}, allow: platform-does-everything}
`

// quoted formats any text as a YAML string.
func quoted(text string) string { return strconv.Quote(text) }
