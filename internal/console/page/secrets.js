// Secrets: list and search, put and delete by name. A value is only written.
import { call, path, query } from "./api.js";
import { busy, byId, element, failed, table, time } from "./dom.js";

const perPage = 50;
let page = 1;

// stores are the stores of the chosen account, by identifier.
let stores = new Map();

const place = () => byId("place").elements;

export function reset() {
  stores = new Map();
  for (const id of ["list", "put-result"]) byId(id).replaceChildren();
  for (const name of ["account", "store"]) place()[name].replaceChildren();
  byId("put").reset();
}
export function close() { byId("put").elements.value.value = ""; }

export async function open() {
  if (place().account.options.length > 0) return;
  const answer = await call("GET", "/client/v4/accounts?per_page=50");
  if (!answer.ok) {
    byId("list").replaceChildren(failed(answer));
    return;
  }
  place().account.replaceChildren(...answer.data.result.map((a) => element("option", { value: a.id }, a.name || a.id)));
  await listStores();
}

const root = () => `/client/v4${path("accounts", place().account.value, "secrets_store", "stores")}`;

// listStores fills in the stores of the account, all pages of them.
async function listStores() {
  stores = new Map();
  for (let n = 1; n <= 20; n++) {
    const answer = await call("GET", `${root()}?page=${n}&per_page=100`);
    if (!answer.ok) {
      byId("list").replaceChildren(failed(answer));
      return;
    }
    for (const store of answer.data.result) stores.set(store.id, store.name);
    if (answer.data.result.length < 100) break;
  }
  place().store.replaceChildren(...[...stores].map(([id, name]) => element("option", { value: id }, name)));
  await list(1);
}

// list shows one page of the secrets of the store.
async function list(n) {
  page = n;
  const output = byId("list");
  if (!place().store.value) {
    output.replaceChildren(element("p", { class: "faint" }, "You see no store in this account."));
    return;
  }
  const search = place().search.value.trim();
  const answer = await call("GET", root() + path(place().store.value, "secrets") + query({ page: n, per_page: perPage, search }));
  if (!answer.ok) {
    output.replaceChildren(failed(answer));
    return;
  }
  output.replaceChildren(
    table("Secrets", ["Name", "Scopes", "Comment", "Changed", ""], answer.data.result.map(row)),
    pages(answer.data.result.length === perPage));
}

const row = (secret) => [
  element("code", {}, secret.name), (secret.scopes ?? []).join(", "), secret.comment, time(secret.modified),
  button(`Delete ${secret.name}`, "Delete", () => remove(secret.name), "danger"),
];

function button(label, text, action, kind) {
  const made = element("button", { type: "button", "aria-label": label, class: kind }, text);
  made.addEventListener("click", action);
  return made;
}

// pages are the buttons to the pages beside this one.
function pages(more) {
  return element("p", {},
    page > 1 ? button("Previous page of secrets", "Previous", () => list(page - 1)) : null,
    more ? button("Next page of secrets", "Next", () => list(page + 1)) : null);
}

// byName is the address of a secret by its name.
const byName = (name) => `/storekeeper/v1${path("accounts", place().account.value, "stores", place().store.value, "secrets", name)}`;

async function remove(name) {
  byId("confirm-text").replaceChildren("Delete ", element("code", {}, name), " from ", stores.get(place().store.value), "? Workers that use it stop working. Nobody can bring its value back.");
  const dialog = byId("confirm");
  dialog.returnValue = "cancel";
  dialog.showModal();
  // The event of an earlier close may still come.
  while (dialog.open) await new Promise((done) => { dialog.addEventListener("close", done, { once: true }); });
  if (dialog.returnValue !== "delete") return;
  const answer = await call("DELETE", byName(name) + query({ allow_missing: true }));
  byId("put-result").replaceChildren(answer.ok ? element("p", { class: "good" }, `${name} is deleted.`) : failed(answer));
  await list(page);
}

const words = { CREATED: "was created", UPDATED: "was updated", UNCHANGED: "has this value already" };

async function put() {
  const fields = byId("put").elements;
  const name = fields.name.value;
  const body = { value: fields.value.value, scopes: fields.scopes.value.split(",").map((s) => s.trim()).filter(Boolean) };
  if (fields.comment.value) body.comment = fields.comment.value;
  fields.value.value = "";
  const answer = await call("PUT", byName(name), body);
  byId("put-result").replaceChildren(answer.ok
    ? element("p", { class: "good" }, `${name} ${words[answer.data.outcome] ?? answer.data.outcome}.`) : failed(answer));
  if (answer.ok) await list(page);
}

byId("place").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(event.target, () => list(1));
});
place().account.addEventListener("change", listStores);
place().store.addEventListener("change", () => list(1));
byId("put").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(event.target, put);
});
