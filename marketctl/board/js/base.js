const D = JSON.parse(document.getElementById("data").textContent);
const WORDS = JSON.parse(document.getElementById("words").textContent);
const TRADING = 1, HALTED = 2, DERIVED = 4, IS_MID = 8, TWIN = 16, RATE = 32, HELD = 64, MARKED = 128;
const JOBS = ["wallet", "prices", "stats"];
const PRINT_ROWS = 300, CHANGES_STEP = 50;
const P = D.providers.map((one) => one.name), VENUE = D.providers.map((one) => one.venue);
/** How many venues these are of: two accounts of one exchange are one. */
const venuesOf = (rows) => new Set(rows.map((row) => VENUE[row.p])).size;
const $ = (id) => document.getElementById(id);

// Time: everything is judged at the moment it is looked at -----------------------------------

const FUTURE = 5000; // clocks that disagree by no more than this agree
let shift = Math.max(0, D.made - Date.now()); // a clock behind the page's own making is set right
let made = D.made; // when all of this was last known to be so: the server goes on saying it
const now = () => Date.now() + shift;
const tooOld = (at, limit) => at === null || at > now() + FUTURE || now() - at > limit;

// Words ------------------------------------------------------------------------------------

let lang = recall("lang") === "ru" ? "ru" : "en";

function t(key, values) {
  const text = (WORDS[key] || [key, key])[lang === "ru" ? 1 : 0];
  return values ? text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all)) : text;
}

function recall(name) {
  try { return localStorage.getItem("marketctl-" + name); } catch { return null; }
}

function remember(name, value) {
  try { localStorage.setItem("marketctl-" + name, value); } catch { /* a file may have no storage */ }
}

// Elements ---------------------------------------------------------------------------------

function el(tag, given, ...children) {
  const made = document.createElement(tag);
  for (const [name, value] of Object.entries(given || {})) {
    if (value === null || value === undefined || value === false) continue;
    if (name === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
    else if (name === "class") made.className = value;
    else made.setAttribute(name, value === true ? "" : value);
  }
  made.append(...children.flat(3).filter((child) => child !== null && child !== undefined && child !== false));
  return made;
}

function svg(tag, given, ...children) {
  const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
  for (const [name, value] of Object.entries(given || {})) made.setAttribute(name, value);
  made.append(...children);
  return made;
}

const fill = (where, ...children) => where.replaceChildren(...children.flat(3).filter(Boolean));

/** Fill anew what may stand there already: what is the same stays, and focus stays where it was. */
function refill(where, ...children) {
  const fresh = el("div", {}, children);
  if (fresh.innerHTML === where.innerHTML) return;
  const stops = () => [...where.querySelectorAll("button, a, summary, [tabindex]")], place = stops().indexOf(document.activeElement);
  where.replaceChildren(...fresh.childNodes);
  if (place >= 0 && stops()[place]) stops()[place].focus({ preventScroll: true });
}

const badge = (kind, text, title) => el("span", { class: "badge " + kind, title }, text);
const muted = (text) => el("span", { class: "muted" }, text);

function command(text) {
  const button = el("button", { type: "button", class: "copy quiet", "aria-label": t("copy_what", { what: text }) }, t("copy"));
  button.addEventListener("click", async () => {
    let done = false;
    try {
      await navigator.clipboard.writeText(text);
      done = true;
    } catch {
      const range = document.createRange();
      range.selectNodeContents(button.previousSibling);
      getSelection().removeAllRanges();
      getSelection().addRange(range);
      try { done = document.execCommand("copy"); } catch { done = false; }
    }
    if (!done) return;
    button.textContent = t("copied");
    setTimeout(() => { button.textContent = t("copy"); }, 1500);
  });
  return el("span", { class: "command" }, el("code", {}, text), button);
}
