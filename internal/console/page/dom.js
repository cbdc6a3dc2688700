// Makes elements. It only makes text and elements, never markup from text, so
// that no answer of the API can become part of the page's code.

export const byId = (id) => document.getElementById(id);

// element makes an element with attributes and children; null children are left
// out, and a false or undefined attribute too.
export function element(tag, attributes = {}, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) {
    if (value !== false && value !== undefined) made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat().filter((child) => child !== null && child !== undefined));
  return made;
}

// facts makes the rows of a description list, without those that have no value.
export function facts(pairs) {
  return pairs
    .filter(([, value]) => value !== undefined && value !== null && value !== "")
    .flatMap(([name, value]) => [element("dt", {}, name), element("dd", {}, value)]);
}

// table makes a table. A row is a list of texts or elements.
export function table(caption, head, rows) {
  if (rows.length === 0) return element("p", { class: "faint" }, `${caption}: none.`);
  return element("div", { class: "scroll", tabindex: "0", role: "region", "aria-label": caption }, element("table", {},
    element("thead", {}, element("tr", {}, head.map((name) => element("th", { scope: "col" }, name)))),
    element("tbody", {}, rows.map((row) => element("tr", {}, row.map((cell) => element("td", {}, cell ?? "")))))));
}

// bar shows a part of a whole as a meter with its numbers in words.
export function bar(label, used, limit) {
  const known = limit > 0;
  const words = known ? `${number(used)} of ${number(limit)}` : `${number(used)}, no limit`;
  return [label, element("span", {},
    known ? element("meter", { min: 0, max: limit, high: limit * 0.9, value: Math.min(used, limit), "aria-label": `${label}: ${words}` }) : null,
    ` ${words}`)];
}

// number writes a number for people, two digits behind the point at most.
export const number = (n) => Number(n ?? 0).toLocaleString("en", { maximumFractionDigits: 2 });

// time writes a moment for people, and keeps the exact one.
export function time(text) {
  if (!text) return "";
  return element("time", { datetime: text, title: text }, new Date(text).toLocaleString());
}

// failed describes a failed call.
export function failed(answer) {
  return element("p", { class: "bad" }, answer.message, answer.requestId ? element("span", { class: "faint" }, ` Request ${answer.requestId}.`) : null);
}

// busy disables the buttons of a form while work runs.
export async function busy(form, work) {
  const buttons = form.querySelectorAll("button");
  buttons.forEach((button) => { button.disabled = true; });
  try {
    await work();
  } finally {
    buttons.forEach((button) => { button.disabled = false; });
  }
}
