// Drives the official TypeScript SDK: one call a line on standard input, what
// the SDK made of the answer a line on standard output.
import { createInterface } from "node:readline";
import Cloudflare from "cloudflare";

const [baseURL, apiToken] = process.argv.slice(2);
// No call is repeated: the two sides give different hints about that, on purpose.
const ours = new Cloudflare({ baseURL, apiToken, maxRetries: 0, timeout: 30_000 });

// pages returns one page, or every item where the SDK's own pager is wanted.
async function pages(call, page) {
  if (call.list?.all) {
    return Array.fromAsync ? Array.fromAsync(page) : collect(page);
  }
  const one = await page;
  return { items: one.result, info: one.result_info };
}

async function collect(iterable) {
  const all = [];
  for await (const item of iterable) all.push(item);
  return all;
}

// fields are the parameters of a store or secret, absent where they are not set.
function fields({ null_comment, ...set } = {}) {
  return null_comment ? { ...set, comment: null } : set;
}

function query({ all, ...set } = {}) {
  return set;
}

const operations = {
  "verify user token": (c) => c.user.tokens.verify(),
  "verify account token": (c, { account }) => c.accounts.tokens.verify({ account_id: account }),
  user: (c) => c.user.get(),
  "list accounts": (c, call) => pages(call, c.accounts.list(query(call.list))),
  "list memberships": (c, call) => pages(call, c.memberships.list(query(call.list))),
  quota: (c, { account }) => c.secretsStore.quota.get({ account_id: account }),
  "create store": (c, call) => c.secretsStore.stores.create({ account_id: call.account, ...fields(call.fields) }),
  "list stores": (c, call) => pages(call, c.secretsStore.stores.list({ account_id: call.account, ...query(call.list) })),
  "show store": (c, { account, store }) => c.secretsStore.stores.get(store ?? "", { account_id: account }),
  "delete store": (c, { account, store, force }) => c.secretsStore.stores.delete(store ?? "", { account_id: account, ...(force && { force }) }),
  "create secrets": async (c, { account, store, items }) =>
    (await c.secretsStore.stores.secrets.create(store ?? "", { account_id: account, body: items.map(fields) })).result,
  "list secrets": (c, call) =>
    pages(call, c.secretsStore.stores.secrets.list(call.store ?? "", { account_id: call.account, ...query(call.list) })),
  "show secret": (c, { account, store, secret }) => c.secretsStore.stores.secrets.get(secret ?? "", { account_id: account, store_id: store }),
  "edit secret": (c, call) =>
    c.secretsStore.stores.secrets.edit(call.secret ?? "", { account_id: call.account, store_id: call.store, ...fields(call.fields) }),
  "duplicate secret": (c, call) =>
    c.secretsStore.stores.secrets.duplicate(call.secret ?? "", { account_id: call.account, store_id: call.store, ...fields(call.fields) }),
  "delete secret": (c, { account, store, secret }) =>
    c.secretsStore.stores.secrets.delete(secret ?? "", { account_id: account, store_id: store }),
  // The SDK sends no body by itself.
  "delete secrets": (c, { account, store, ids }) =>
    c.secretsStore.stores.secrets.bulkDelete(store ?? "", { account_id: account }, ids && { body: { ids } }),
};

async function answer(call) {
  const operation = operations[call.op];
  if (!operation) return { not_offered: true };
  const client = call.token ? ours.withOptions({ apiToken: call.token }) : ours;
  try {
    return { result: (await operation(client, call)) ?? null };
  } catch (e) {
    return { error: { class: e.constructor.name, status: e.status ?? 0, errors: e.errors ?? null, text: String(e.message) } };
  }
}

for await (const line of createInterface({ input: process.stdin, crlfDelay: Infinity })) {
  process.stdout.write(JSON.stringify(await answer(JSON.parse(line))) + "\n");
}
