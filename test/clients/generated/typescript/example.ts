// Makes a store and a secret with types that openapi-typescript generated.
//
// Usage: node example.js BASE-URL KEY
import createClient from "openapi-fetch";
import type { paths } from "./api.js";

const [base, key] = process.argv.slice(2);
const client = createClient<paths>({ baseUrl: base, headers: { Authorization: `Bearer ${key}` } });

const store = await client.POST("/client/v4/accounts/{account_id}/secrets_store/stores", {
  params: { path: { account_id: "dev" } },
  body: { name: "default_secrets_store" },
});
if (!store.data) throw new Error(JSON.stringify(store.error));
const made = await client.POST("/client/v4/accounts/{account_id}/secrets_store/stores/{store_id}/secrets", {
  params: { path: { account_id: "dev", store_id: store.data.result.id } },
  body: [{ name: "API_KEY", value: "a value", scopes: ["workers"] }],
});
if (!made.data) throw new Error(JSON.stringify(made.error));
console.log(made.data.result[0]?.name, made.data.success);
