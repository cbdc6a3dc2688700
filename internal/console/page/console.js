// Signs in and shows one page at a time.
import * as api from "./api.js";
import { busy, byId, element } from "./dom.js";
import * as team from "./team.js";
import * as secrets from "./secrets.js";
import * as status from "./status.js";

const pages = { team, secrets, status };
const tabs = Object.keys(pages).map((name) => byId(`tab-${name}`));

// show opens one page and closes the others.
function show(name) {
  for (const [other, page] of Object.entries(pages)) {
    const open = other === name;
    byId(other).hidden = !open;
    byId(`tab-${other}`).setAttribute("aria-selected", String(open));
    byId(`tab-${other}`).tabIndex = open ? 0 : -1;
    if (!open) page.close();
  }
  pages[name].open();
}

// The arrow keys move between tabs, as the tab pattern of ARIA asks.
byId("tabs").addEventListener("keydown", (event) => {
  const step = { ArrowLeft: -1, ArrowRight: 1 }[event.key];
  if (!step) return;
  const usable = tabs.filter((tab) => !tab.hidden);
  const next = usable[(usable.indexOf(event.target) + step + usable.length) % usable.length];
  next.focus();
  next.click();
});
for (const tab of tabs) tab.addEventListener("click", () => show(tab.getAttribute("aria-controls")));

byId("sign-in").addEventListener("submit", (event) => {
  event.preventDefault();
  busy(event.target, signIn);
});

async function signIn() {
  api.signIn(byId("credential").value.trim());
  byId("credential").value = "";
  const me = await api.call("GET", "/storekeeper/v1/me");
  if (!me.ok) {
    signOut(me.message);
    return;
  }
  const { caller, tenant } = me.data;
  byId("who").replaceChildren(`You are ${caller}`, tenant ? ` of the tenant ${tenant}.` : ".");
  signedIn(true);
  for (const page of Object.values(pages)) page.reset();
  byId("tab-status").hidden = !(await status.allowed());
  team.welcome(me.data);
  show("team");
}

// signedIn shows what needs a credential, or hides it.
function signedIn(yes) {
  byId("tabs").hidden = !yes;
  byId("sign-out").hidden = !yes;
}

// signOut forgets the credential and all that was shown with it.
function signOut(why) {
  api.signOut();
  signedIn(false);
  for (const [name, page] of Object.entries(pages)) {
    page.close();
    page.reset();
    byId(name).hidden = true;
  }
  byId("who").replaceChildren(why ? element("span", { class: "bad" }, why) : "");
}
byId("sign-out").addEventListener("click", () => signOut(""));
