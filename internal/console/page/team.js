// My team: who I am, what I may do, what is left of quota and share, and the
// last changes.
import { call, query } from "./api.js";
import { bar, busy, byId, element, facts, failed, number, table, time } from "./dom.js";

const self = "/storekeeper/v1/me";

// actions are those that a person can try, with the fields that they need.
const actions = [
  "account.get", "quota.get", "store.get", "store.create", "store.delete",
  "secret.get", "secret.create", "secret.update", "secret.delete", "secret.duplicate",
];

byId("try").elements.action.append(...actions.map((name) => element("option", { value: name }, name)));

export function reset() {
  for (const id of ["me", "usage", "permissions", "tried", "changes"]) byId(id).replaceChildren();
  byId("try").reset();
  byId("filter").reset();
}
export function close() {}

// welcome shows the answer of WhoAmI.
export function welcome(me) {
  const credential = me.credential ?? {};
  byId("me").replaceChildren(...facts([
    ["Caller", me.caller], ["Tenant", me.tenant], ["Groups", (me.groups ?? []).join(", ")], ["Credential", credential.kind],
    ["Issuer", credential.issuerName || credential.issuer], ["Subject", credential.subject], ["Identifier", credential.id],
    ["Valid from", time(credential.notBefore)], ["Valid until", time(credential.expires)],
  ]));
}

export async function open() {
  await Promise.all([showUsage(), showPermissions(), showChanges("")]);
}

async function showUsage() {
  const answer = await call("GET", `${self}/usage`);
  const output = byId("usage");
  if (!answer.ok) {
    output.replaceChildren(failed(answer));
    return;
  }
  const accounts = answer.data.accounts ?? [];
  output.replaceChildren(...accounts.flatMap((a) => [
    element("h3", {}, `Account ${a.account}`), element("dl", { class: "facts" }, facts(usage(a)))]));
  if (accounts.length === 0) output.replaceChildren(element("p", { class: "faint" }, "You may use no account."));
}

// usage describes what a tenant has used of an account. It is the same for the
// operators' list of tenants.
export function usage(a) {
  const share = a.budget ?? {};
  const rows = [];
  if (a.stores) rows.push(bar("Stores", a.stores.used ?? 0, a.stores.limit ?? 0));
  if (a.secrets) rows.push(bar("Secrets", a.secrets.used ?? 0, a.secrets.limit ?? 0));
  const calls = share.calls ?? 0;
  rows.push(bar("Share of calls", calls - (share.remaining ?? 0), calls));
  if (share.window) rows.push(["Window of the share", share.window]);
  rows.push(["Calls that wait", number(share.waiting)]);
  if (share.nextTurn) rows.push(["Next turn in", share.nextTurn]);
  return rows;
}

async function showPermissions() {
  const rows = [];
  let token = "";
  do {
    const answer = await call("GET", `${self}/permissions${query({ page_token: token })}`);
    if (!answer.ok) {
      byId("permissions").replaceChildren(failed(answer));
      return;
    }
    for (const p of answer.data.permissions ?? []) {
      rows.push([
        element("code", {}, p.rule ?? ""), (p.actions ?? []).join(", "), p.account || "any", p.store || "any",
        p.secret || (p.secretPrefix ? `${p.secretPrefix}…` : "any"),
        p.condition ? element("code", {}, p.condition) : p.hidden ? element("span", { class: "faint" }, "not shown") : "",
      ]);
    }
    token = answer.data.nextPageToken ?? "";
  } while (token);
  byId("permissions").replaceChildren(table("Permissions", ["Rule", "Actions", "Account", "Store", "Secret", "Condition"], rows));
}

byId("try").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(event.target, tryPermission);
});

async function tryPermission() {
  const check = {};
  for (const name of ["action", "account", "store", "secret"]) {
    const value = byId("try").elements[name].value.trim();
    if (value) check[name] = value;
  }
  const answer = await call("POST", `${self}/permissions:test`, { checks: [check] });
  const output = byId("tried");
  if (!answer.ok) {
    output.replaceChildren(failed(answer));
    return;
  }
  const result = answer.data.results?.[0] ?? {};
  output.replaceChildren(element("p", { class: result.allowed ? "good" : "bad" },
    result.allowed ? "Allowed" : "Not allowed", result.rule ? ` by the rule ${result.rule}` : "", result.reason ? `: ${result.reason}` : "", "."));
}

byId("filter").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(event.target, () => showChanges(""));
});

// showChanges shows a page of changes, the newest first.
async function showChanges(token) {
  const fields = Object.fromEntries(["secret", "store", "caller", "since"].map((n) => [n, byId("filter").elements[n].value.trim()]));
  const answer = await call("GET", `/storekeeper/v1/changes${query({ ...fields, page_size: 20, page_token: token })}`);
  const output = byId("changes");
  if (!answer.ok) {
    output.replaceChildren(failed(answer));
    return;
  }
  const older = answer.data.nextPageToken;
  const next = older ? element("button", { type: "button" }, "Older changes") : null;
  next?.addEventListener("click", () => showChanges(older));
  output.replaceChildren(
    table("Changes", ["Time", "Who", "What", "Where", "Fields", "Outcome"], (answer.data.changes ?? []).map(change)), element("p", {}, next));
}

const named = (o) => o?.name || o?.id || "";

function change(c) {
  const secrets = (c.secrets ?? []).map(named).filter(Boolean);
  const more = (c.secretCount ?? 0) - secrets.length;
  const where = [named(c.store), secrets.join(", ") + (more > 0 ? ` and ${more} more` : "")].filter(Boolean).join(" / ");
  const good = c.outcome === "succeeded";
  return [
    time(c.beginTime), c.by?.caller, c.action, where, (c.changed ?? []).join(", "),
    element("span", { class: good ? "good" : "bad", title: c.requestId ? `request ${c.requestId}` : undefined }, c.outcome, c.reason ? ` (${c.reason})` : ""),
  ];
}
