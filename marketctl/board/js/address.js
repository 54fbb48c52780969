// Addresses ---------------------------------------------------------------------------------

const SECTIONS = { desk, prices: pricesSection, wallet: walletSection, providers: health, stats: statsSection };
const SHEETS = { pair: showPair, asset: showAsset };
// What an address holds beside the section: word -> field. "#prices?q=BTC&pair=BTC/USDT"
const FIELDS = {
  prices: { q: "p-search", provider: "p-provider", quote: "p-quote", which: "p-which", rows: "p-rows" },
  wallet: { q: "w-search", provider: "w-provider", which: "w-which", amount: "r-amount", route: "r-asset", from: "r-from", to: "r-to", into: "r-into", changes: "c-search" },
};
const NAMED = new Set(["provider", "from", "to"]); // by name in an address, by place in a field
let detail = null, sheet = null, shown = null, pushed = false;

const asked = () => new URLSearchParams(location.hash.split("?").slice(1).join("?"));
const readable = (text) => encodeURIComponent(text).replace(/%2F/g, "/").replace(/%3A/g, ":");

/** Put what the address says into a section's fields; an address without words leaves them as they are. */
function read(name) {
  const words = asked();
  if (![...words.keys()].some((word) => word in FIELDS[name])) return;
  for (const [word, id] of Object.entries(FIELDS[name])) {
    const value = words.get(word), place = NAMED.has(word) ? P.indexOf(value) : value;
    if (value !== null || (word !== "route" && $(id).value)) $(id).value = value === null || place === -1 ? "" : place;
    if ($(id).value === "" && $(id).tagName === "SELECT") $(id).selectedIndex = 0;
  }
}

/** Return the address of what is shown now, with a sheet or without. */
function addressNow(kind, name) {
  const section = here(), words = [];
  for (const [word, id] of Object.entries(FIELDS[section] || {})) {
    const value = $(id).value.trim();
    if (value && !(word === "route" && value === "USDT")) words.push([word, NAMED.has(word) ? P[Number(value)] : value]);
  }
  const grid = { prices: priceGrid, wallet: walletGrid }[section];
  if (grid && grid.sortWord) words.push(["sort", grid.sortWord]);
  if (kind) words.push([kind, name]);
  return "#" + section + (words.length ? "?" + words.map(([word, value]) => `${word}=${readable(value)}`).join("&") : "");
}

function address() {
  const wanted = addressNow(...(sheet || []));
  if (wanted !== location.hash) location.replace(wanted);
  shown = addressNow();
}

function openSheet(kind, name) {
  const before = location.hash;
  sheet = [kind, name];
  shown = addressNow();
  if ($("detail").open) location.replace(addressNow(kind, name)); // Back closes a sheet, whatever was looked at in it
  else {
    location.hash = addressNow(kind, name);
    pushed = location.hash !== before;
  }
  SHEETS[kind](name);
}

function sheetAsked() {
  const words = asked(), kind = Object.keys(SHEETS).find((one) => words.get(one));
  return kind ? [kind, words.get(kind)] : null;
}

function showDetail(title, again, body) {
  const dialog = $("detail");
  detail = again;
  $("d-title").textContent = title;
  const open = [...$("d-body").querySelectorAll("details")].map((one) => one.open), at = dialog.scrollTop;
  refill($("d-body"), body);
  if (!dialog.open) {
    dialog.showModal();
    dialog.scrollTop = 0;
  } else {
    $("d-body").querySelectorAll("details").forEach((one, i) => { if (open[i]) one.open = true; });
    dialog.scrollTop = at;
  }
  head();
}

function here() {
  const name = location.hash.slice(1).split("?")[0];
  return name in SECTIONS ? name : "desk";
}

/** Show what the address names. */
function show() {
  if (location.hash === "#main") return;
  const name = here(), before = shown;
  for (const id of Object.keys(SECTIONS)) $("sec-" + id).hidden = id !== name;
  document.querySelectorAll(".tabs a").forEach((link) => {
    if (link.hash === "#" + name) {
      link.setAttribute("aria-current", "page");
      link.parentElement.scrollLeft = link.offsetLeft - 40;
    } else link.removeAttribute("aria-current");
  });
  const bare = location.hash.replace(/([?&])(pair|asset)=[^&]*/, "").replace(/\?$/, "");
  if (before === null || before !== (bare || "#" + name)) SECTIONS[name]();
  if (before !== null && before.split("?")[0] !== "#" + name) scrollTo(0, 0);
  const wanted = sheetAsked();
  if (!wanted || String(wanted) !== String(sheet)) pushed = false;
  if (wanted && !(detail && before !== null && String(wanted) === String(sheet))) SHEETS[wanted[0]](wanted[1]);
  sheet = wanted;
  if (!sheet && $("detail").open) $("detail").close();
  address();
  head();
}

// The head: how old all of this is, and how the desk stands, also where only the tab is seen.
