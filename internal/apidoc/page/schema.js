// Shows JSON schemas. It only makes text and elements, never markup from text.

// element makes an element with attributes and children; null children are
// left out.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.filter((child) => child !== null && child !== undefined));
  return made;
}

// prose makes text and code elements of a text with `code` between backticks.
export function prose(text) {
  return (text ?? "").split("`").map((part, i) => (i % 2 === 1 ? element("code", {}, part) : part));
}

// resolve follows a $ref within the document. What stands beside the $ref
// wins over what it refers to.
export function resolve(doc, part) {
  if (!part || !part.$ref) return part;
  const steps = part.$ref.replace(/^#\//, "").split("/");
  const target = steps.reduce((at, step) => at?.[step.replaceAll("~1", "/").replaceAll("~0", "~")], doc);
  const { $ref, ...beside } = part;
  return { ...resolve(doc, target), ...beside };
}

// rules names the limits of a schema in words.
export function rules(schema) {
  const words = [];
  const say = (key, text) => { if (schema[key] !== undefined) words.push(text(schema[key])); };
  say("format", (v) => v);
  say("const", (v) => `always ${JSON.stringify(v)}`);
  say("enum", (v) => `one of ${v.join(", ")}`);
  say("minimum", (v) => `at least ${v}`);
  say("minLength", (v) => `at least ${v} character${v === 1 ? "" : "s"}`);
  say("maxLength", (v) => `at most ${v} characters`);
  say("minItems", (v) => `at least ${v} item${v === 1 ? "" : "s"}`);
  say("maxItems", (v) => (v === 0 ? "always empty" : `at most ${v} items`));
  say("pattern", (v) => `matches ${v}`);
  if (schema.writeOnly) words.push("never sent back");
  return words.join(" \u00b7 ");
}

// kind names the type of a schema.
export function kind(doc, schema) {
  const whole = resolve(doc, schema) ?? {};
  if (whole.oneOf) return whole.oneOf.map((choice) => kind(doc, choice)).join(" or ");
  if (whole.type === "array" && whole.items) return `array of ${kind(doc, whole.items)}`;
  return [whole.type ?? "any"].flat().join(" or ");
}

// showSchema lists the fields of a schema, with those of inner objects.
export function showSchema(doc, schema) {
  const whole = resolve(doc, schema) ?? {};
  if (whole.oneOf) return element("div", {}, ...whole.oneOf.map((choice) => showSchema(doc, choice)));
  if (whole.type === "array" && whole.items) return showSchema(doc, whole.items);
  if (!whole.properties) return null;
  const list = element("ul", { class: "schema" });
  for (const [name, property] of Object.entries(whole.properties)) {
    list.append(showProperty(doc, name, property, whole.required?.includes(name)));
  }
  return list;
}

function showProperty(doc, name, property, required) {
  const whole = resolve(doc, property);
  return element("li", {},
    element("code", {}, name), ` ${kind(doc, whole)}${required ? ", required" : ""} `,
    element("span", { class: "faint" }, rules(whole)),
    whole.description ? element("div", { class: "paragraphs" }, ...prose(whole.description)) : null,
    showSchema(doc, whole));
}
