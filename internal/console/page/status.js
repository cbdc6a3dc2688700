// Status, for operators: the state of the service and its tenants.
import { call, query } from "./api.js";
import { bar, byId, element, facts, failed, number, table, time } from "./dom.js";
import { usage } from "./team.js";

const statusPath = "/storekeeper/v1/status";

// every is the time between two looks while the page is open, in milliseconds.
const every = 5000;

// kept is how many looks the picture of a budget shows.
const kept = 120;

let timer = 0;

// series are the used calls of each credential, the newest last.
let series = new Map();

// allowed asks whether the caller may see this page, without a refused call.
export async function allowed() {
  const answer = await call("POST", "/storekeeper/v1/me/permissions:test", { checks: [{ action: "operator.status" }] });
  return answer.ok && Boolean(answer.data.results?.[0]?.allowed);
}

export function reset() {
  series = new Map();
  for (const id of ["service", "budget", "tenants"]) byId(id).replaceChildren();
}

export function close() {
  clearInterval(timer);
  timer = 0;
}

export async function open() {
  close();
  timer = setInterval(look, every);
  await Promise.all([look(), showTenants("")]);
}

async function look() {
  const answer = await call("GET", statusPath);
  if (!answer.ok) {
    byId("service").replaceChildren(failed(answer));
    return;
  }
  const s = answer.data;
  byId("service").replaceChildren(
    element("dl", { class: "facts" }, facts(service(s))),
    table("Checks", ["Check", "State"], (s.checks ?? []).map((c) => [c.name, state(c.ok, c.error ?? (c.advisory ? "advisory" : ""))])),
    element("h3", {}, "Files of the configuration"),
    table("Files", ["File", "State", "In force since", "Digest", "Needs a restart"], (s.files ?? []).map((f) => [
      f.file, state(!f.lastError, f.lastError), time(f.loaded), f.digest, (f.restartKeys ?? []).join(", ")])),
    element("h3", {}, "Issuers"),
    table("Issuers", ["Issuer", "State", "Keys", "Read", "Used until"],
      (s.issuers ?? []).map((i) => [i.name, state(i.healthy, i.error), number(i.keys), time(i.keysRead), time(i.keysEnd)])),
    element("h3", {}, "Replicas"),
    table("Replicas", ["Replica", "Heard"], (s.replicas ?? []).map((r) => [`${r.number}${r.self ? " (this one)" : ""}`, r.heard ? `${r.heard} ago` : ""])));
  showBudgets(s.budgets ?? []);
}

// service are the facts of one replica.
const service = (s) => [
  ["Version", s.version], ["Replica", s.replica], ["Since", time(s.started)], ["Open changes", number(s.openChanges)],
  ["Store", state(s.store?.healthy, s.store?.error, s.store?.kind)], ["Store identity", s.store?.id], ["Commits", s.store?.commit],
  ["Trail", state(s.trail?.healthy, s.trail?.error)], ["Last record", s.trail?.lastRecord],
  ["Alarms that wait", number(s.trail?.backlog)], ["Denials left out", number(s.trail?.suppressed)],
  ["Policy", s.policy?.file], ["Policy digest", s.policy?.digest], ["Rules", number(s.policy?.rules)], ["Loaded", time(s.policy?.loaded)],
  ["Last error of the policy", s.policy?.lastError ? element("span", { class: "bad" }, s.policy.lastError, " ", time(s.policy.failed)) : ""],
];

// state is a word for good or bad, with what is to be said about it.
function state(good, said, kind) {
  return element("span", { class: good ? "good" : "bad" }, [kind, good ? "works" : "does not work", said].filter(Boolean).join(": "));
}

function showBudgets(budgets) {
  byId("budget").replaceChildren(...budgets.flatMap((b) => {
    const seen = [...(series.get(b.credential) ?? []), b.used ?? 0].slice(-kept);
    series.set(b.credential, seen);
    return [
      element("h3", {}, `Credential ${b.credential}`),
      element("dl", { class: "facts" }, facts([
        bar("Calls in the window", b.used ?? 0, b.limit ?? 0), ["Window", b.window], ["Calls that wait", number(b.waiting)],
        ["Calls outside Storekeeper", number(b.outside)], ["Blocked for", b.blocked],
      ])),
      drawing(b.credential, seen, b.limit ?? 0),
    ];
  }));
}

// drawing is a line of the used calls, from the bottom at 0 to the top at the
// limit.
function drawing(name, seen, limit) {
  const svg = (tag, attributes) => {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [key, value] of Object.entries(attributes)) made.setAttribute(key, value);
    return made;
  };
  const made = svg("svg", {
    class: "series", viewBox: `0 0 ${kept} 100`, preserveAspectRatio: "none", role: "img",
    "aria-label": `Used calls of ${name}, the last ${seen.length} looks, now ${number(seen.at(-1))} of ${number(limit)}`,
  });
  const height = Math.max(limit, 1);
  made.append(svg("polyline", { points: seen.map((used, i) => `${kept - seen.length + i},${100 - (100 * used) / height}`).join(" ") }));
  return made;
}

// showTenants shows a page of tenants.
async function showTenants(token) {
  const answer = await call("GET", `/storekeeper/v1/tenants${query({ page_size: 50, page_token: token })}`);
  const output = byId("tenants");
  if (!answer.ok) {
    output.replaceChildren(failed(answer));
    return;
  }
  const following = answer.data.nextPageToken;
  const next = following ? element("button", { type: "button" }, "More tenants") : null;
  next?.addEventListener("click", () => showTenants(following));
  output.replaceChildren(
    ...(answer.data.tenants ?? []).flatMap((t) => [
      element("h3", {}, t.name, element("span", { class: "faint" }, ` weight ${number(t.weight)}`)),
      ...(t.accounts ?? []).map((a) => element("dl", { class: "facts" }, facts([["Account", a.account], ...usage(a)]))),
    ]),
    element("p", {}, next));
}
