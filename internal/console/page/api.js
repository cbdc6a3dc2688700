// Calls the REST API of the server that served the page.

// The credential is kept here alone: not in storage, not in the address, not in
// the history.
let credential = "";

export function signIn(given) { credential = given; }
export function signOut() { credential = ""; }

// call sends one call. It never throws: a failure has ok false and a message
// for people.
export async function call(method, path, body) {
  const headers = { Authorization: `Bearer ${credential}` };
  if (body !== undefined) headers["Content-Type"] = "application/json";
  try {
    const answer = await fetch(path, {
      method, headers, body: body === undefined ? undefined : JSON.stringify(body), credentials: "omit", cache: "no-store",
    });
    const data = await answer.json().catch(() => ({}));
    return {
      ok: answer.ok, status: answer.status, data, requestId: answer.headers.get("X-Request-Id") ?? "",
      message: answer.ok ? "" : messageOf(answer, data),
    };
  } catch (problem) {
    return { ok: false, status: 0, data: {}, requestId: "", message: `No answer: ${problem.message}` };
  }
}

// messageOf takes the message of a google.rpc.Status or of Cloudflare's
// envelope.
function messageOf(answer, data) {
  const said = data.message ?? data.errors?.map((e) => e.message).join("; ") ?? answer.statusText;
  const after = answer.headers.get("Retry-After");
  return `${answer.status}: ${said}` + (after ? ` Try again in ${after} s.` : "");
}

// query makes the query of an address from the fields that are not empty.
export function query(fields) {
  const given = Object.entries(fields).filter(([, value]) => value !== "" && value !== undefined);
  return given.length === 0 ? "" : `?${new URLSearchParams(given)}`;
}

// path joins segments, each escaped.
export const path = (...segments) => segments.map((s) => `/${encodeURIComponent(s)}`).join("");
