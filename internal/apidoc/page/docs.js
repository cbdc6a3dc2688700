// Shows /openapi.json and tries its calls from this page.
import { element, kind, prose, resolve, rules, showSchema } from "./schema.js";

const json = "application/json";
const byId = (id) => document.getElementById(id);

// credential gives the headers of the scheme that is chosen, with the key or,
// for a line that others see, with the name of a shell variable in its place.
function credential(key) {
  if (byId("scheme").value === "key") return { "X-Auth-Email": byId("email").value.trim(), "X-Auth-Key": key };
  return { Authorization: `Bearer ${key}` };
}

// answerHeaders are the headers that the document describes, in its order.
let answerHeaders = [];

function showHeaders(answer) {
  const given = answerHeaders.filter((name) => answer.headers.has(name));
  return element("dl", { class: "headers" },
    ...given.flatMap((name) => [element("dt", {}, name), element("dd", {}, answer.headers.get(name))]));
}

// ask sends one call and describes the answer in output.
async function ask(call, output) {
  const key = byId("token").value.trim();
  const headers = { ...(key ? credential(key) : {}), ...call.headers };
  if (call.body !== undefined) headers["Content-Type"] = json;
  output.replaceChildren(element("p", {}, "Waiting for the answer ..."));
  try {
    const started = performance.now();
    const answer = await fetch(call.url, { method: call.verb, headers, body: call.body, credentials: "omit" });
    const text = await answer.text();
    const took = Math.round(performance.now() - started);
    output.replaceChildren(
      element("p", { class: answer.ok ? "good" : "bad" }, `${answer.status} ${answer.statusText} in ${took} ms`),
      showHeaders(answer),
      element("pre", { tabindex: "0" }, pretty(text)));
  } catch (problem) {
    output.replaceChildren(element("p", { class: "bad" }, `No answer: ${problem.message}`));
  }
}

function pretty(text) {
  try {
    return JSON.stringify(JSON.parse(text), null, 2);
  } catch {
    return text;
  }
}

// asCurl is the same call for a terminal. The key is left to the reader.
function asCurl(call) {
  const quote = (text) => `'${text.replaceAll("'", "'\\''")}'`;
  const parts = ["curl", "-X", call.verb, quote(new URL(call.url, location.href).href)];
  // The shell puts the key in; everything else stands as it is.
  for (const [name, value] of Object.entries(credential("$API_KEY"))) {
    parts.push("-H", value.endsWith("$API_KEY") ? `"${name}: ${value}"` : quote(`${name}: ${value}`));
  }
  for (const [name, value] of Object.entries(call.headers)) parts.push("-H", quote(`${name}: ${value}`));
  if (call.body !== undefined) parts.push("--json", quote(call.body));
  return parts.join(" ");
}

// readCall makes the call from what stands in the form.
function readCall(operation, form) {
  const query = new URLSearchParams();
  const headers = {};
  let path = operation.path;
  for (const parameter of operation.parameters) {
    const value = form.elements[parameter.name].value.trim();
    if (parameter.in === "path") {
      path = path.replace(`{${parameter.name}}`, encodeURIComponent(value));
    } else if (parameter.in === "header") {
      if (value) headers[parameter.name] = value;
    } else if (parameter.schema.type === "array") {
      for (const item of value.split(",").filter(Boolean)) query.append(parameter.name, item.trim());
    } else if (value) {
      query.append(parameter.name, value);
    }
  }
  const search = query.size > 0 ? `?${query}` : "";
  return { verb: operation.verb.toUpperCase(), url: path + search, headers, body: form.elements.body?.value };
}

function showParameter(doc, parameter, id) {
  const schema = resolve(doc, parameter.schema);
  const example = parameter.example ?? "";
  return element("div", { class: "field" },
    element("label", { for: id }, `${parameter.name}${parameter.required ? "" : " (optional)"}`),
    element("input", {
      id, name: parameter.name, value: example, required: parameter.required, spellcheck: "false",
      "aria-describedby": `${id}-note`,
    }),
    element("span", { class: "faint", id: `${id}-note` },
      ...prose([parameter.in === "header" ? "header" : "", `${kind(doc, schema)}${schema.type === "array" ? ", separated by commas" : ""}`,
        rules(schema), parameter.description].filter(Boolean).join(" \u00b7 "))));
}

function showBody(doc, content, id) {
  return element("div", {},
    element("h3", {}, element("label", { for: id }, "Body")),
    element("p", { class: "faint" }, kind(doc, content.schema)),
    element("textarea", { id, name: "body", spellcheck: "false" }, JSON.stringify(content.example, null, 2)),
    showSchema(doc, content.schema));
}

function showTry(doc, operation) {
  const output = element("div", { "aria-live": "polite" });
  const curl = element("pre", { tabindex: "0" });
  const content = operation.requestBody?.content[json];
  const form = element("form", { autocomplete: "off" },
    operation.parameters.length > 0 ? element("h3", {}, "Parameters") : null,
    ...operation.parameters.map((p) => showParameter(doc, p, `${operation.operationId}-${p.name}`)),
    content ? showBody(doc, content, `${operation.operationId}-body`) : null,
    element("h3", {}, "In a terminal"), curl,
    element("button", { type: "submit" }, `Send this ${operation.verb.toUpperCase()}`), output);
  const refresh = () => { curl.textContent = asCurl(readCall(operation, form)); };
  form.addEventListener("input", refresh);
  byId("credential").addEventListener("input", refresh);
  form.addEventListener("submit", (event) => {
    event.preventDefault();
    ask(readCall(operation, form), output);
  });
  refresh();
  return form;
}

function showResponses(doc, responses) {
  return element("div", {}, element("h3", {}, "Answers"),
    ...Object.entries(responses).map(([status, response]) => {
      const whole = resolve(doc, response);
      const content = whole.content?.[json];
      return element("details", {},
        element("summary", {}, element("code", {}, status), " ", ...prose(whole.description)),
        content ? showSchema(doc, content.schema) : null,
        content?.example ? element("pre", { tabindex: "0" }, JSON.stringify(content.example, null, 2)) : null);
    }));
}

function showOperation(doc, operation) {
  const inside = element("div");
  const shown = element("details", { class: "operation", id: operation.operationId },
    element("summary", {},
      element("span", { class: `verb ${operation.verb}` }, operation.verb.toUpperCase()),
      element("span", { class: "path" }, operation.path), element("span", { class: "faint" }, ...prose(operation.summary))),
    inside);
  // Filled when it is first opened, so that the page is quick to load.
  shown.addEventListener("toggle", () => {
    if (!shown.open || inside.childElementCount > 0) return;
    inside.append(element("p", { class: "paragraphs" }, ...prose(operation.description)),
      showTry(doc, operation), showResponses(doc, operation.responses));
  });
  return shown;
}

function operationsOf(doc) {
  return Object.entries(doc.paths).flatMap(([path, verbs]) =>
    Object.entries(verbs).map(([verb, operation]) => ({ parameters: [], ...operation, path, verb })));
}

function show(doc) {
  byId("title").textContent = `${doc.info.title} API`;
  byId("introduction").replaceChildren(...prose(doc.info.description));
  answerHeaders = Object.keys(doc.components.headers);
  const operations = operationsOf(doc);
  const main = byId("operations");
  main.replaceChildren(...doc.tags.map((tag) => element("section", { "aria-label": tag.name },
    element("h2", {}, tag.name), element("p", { class: "faint" }, ...prose(tag.description)),
    ...operations.filter((o) => o.tags.includes(tag.name)).map((o) => showOperation(doc, o)))));
  main.setAttribute("aria-busy", "false");
  const linked = location.hash && byId(location.hash.slice(1));
  if (linked instanceof HTMLDetailsElement) {
    linked.open = true;
    linked.scrollIntoView();
  }
}

async function load() {
  try {
    const answer = await fetch("/openapi.json");
    if (!answer.ok) throw new Error(`the server answered ${answer.status}`);
    show(await answer.json());
  } catch (problem) {
    byId("state").textContent = `The API could not be loaded: ${problem.message}`;
  }
}

byId("credential").addEventListener("submit", (event) => event.preventDefault());
byId("scheme").addEventListener("input", () => { byId("older").hidden = byId("scheme").value !== "key"; });
load();
