// Wallet -----------------------------------------------------------------------------------

const OPEN = ["unknown", "closed", "open"], SIGN = ["?", "✕", "✓"];

function flag(letter, key, state) {
  return el("span", { class: "flag " + OPEN[state] }, el("span", { "aria-hidden": "true" }, letter + SIGN[state]),
    el("span", { class: "sr" }, `${t(key)}: ${t(OPEN[state])}. `));
}

const feeText = (one) => [Number(one.percent) && Number(one.fee) === 0 ? "" : one.fee, Number(one.percent) ? one.percent + " %" : ""].filter(Boolean).join(" + ");

/** A provider's cell of a network: what is closed carries the colour, and tells since when in place of the fee. */
function cell(one, row) {
  if (!one) return el("span", { class: "muted" }, el("span", { "aria-hidden": "true" }, "·"), el("span", { class: "sr" }, t("not_listed")));
  return [el("span", { class: "flags" }, flag("D", "deposit", one.deposit), flag("W", "withdraw", one.withdraw),
    one.note ? el("span", { class: "noted", title: one.note }, "!") : null, changedLately(one) ? el("span", { class: "lately", title: t("changed_day") }, el("span", { "aria-hidden": "true" }, "•"), el("span", { class: "sr" }, t("changed_day"))) : null),
  closedLine(one) || el("span", { class: "fee" + (row.cheapest === one ? " cheap" : ""), title: row.cheapest === one ? t("cheapest_here") : feeText(one).length > 14 ? feeText(one) : null }, el("span", { class: "sr" }, t("fee") + ": "), feeText(one) || (one.fiat || !one.key ? "" : t("unknown")))];
}

function closedLine(one) {
  const times = DOORS.filter((door) => one[door] === 1).map((door) => sinceOf(one, door)).filter((at) => at !== null);
  return times.length ? el("span", { class: "fee since", title: clock(Math.min(...times)) + " UTC" }, sinceText(Math.min(...times))) : null;
}

let lately = null; // doors that moved in the last day: "provider,asset,network"
function changedLately(one) {
  if (!lately) lately = new Set(D.changes.rows.filter(([, , , , field]) => DOORS.includes(field)).map(([, p, asset, network]) => [p, asset, network].join()));
  return lately.has([one.p, one.code || one.ticker, one.key].join());
}

/** Mark, in a row, the venue that asks least for a withdrawal now. */
function markCheapest(rows) {
  for (const row of rows) {
    const open = [...row.cells.values()].filter((one) => one.withdraw === 2 && one.fee && !Number(one.percent) && !walletOld(one.p));
    row.cheapest = open.length > 1 ? open.reduce((least, one) => (compare(one.fee, least.fee) < 0 ? one : least)) : null;
  }
}

const networkName = (row) => row.slug || row.key || (row.fiat ? t("fiat") : t("no_networks"));
let walletGrid = null;
const walletCsv = (p) => [...DOORS.map((door) => [`${P[p]} ${door}`, (r) => (r.cells.has(p) ? OPEN[r.cells.get(p)[door]] : null)]), [`${P[p]} withdraw_fee`, (r) => (r.cells.has(p) ? feeText(r.cells.get(p)) : null)]];
const walletProviders = () => P.map((_, p) => p).filter((p) => moves.has(p));

function walletSection() {
  const rows = wallets(), shown = walletProviders();
  if (!walletGrid) {
    shown.forEach((p) => { for (const id of ["w-provider", "r-from", "r-to"]) $(id).append(el("option", { value: p }, P[p])); });
    fill($("r-assets"), [...groups.keys()].slice(0, 300).map((ticker) => el("option", { value: ticker })));
    $("w-grid").style.setProperty("--matrix", `${290 + shown.length * 104}px`);
    if (groups.has("USDT")) $("r-asset").value = "USDT";
    walletGrid = new Grid($("w-grid"), {
      label: () => t("table_wallet"), sort: { id: "providers", down: true }, open: (row) => openSheet("asset", row.ticker), sorted: () => address(),
      name: "wallet", key: (row) => (row.twins ? "twin" : null),
      empty: () => (rows.length ? t("no_rows") : el("span", {}, t("no_wallet"), " ", command("marketctl wallet sync"))),
      columns: [
        { id: "asset", stays: true, title: () => t("asset"), value: (r) => r.ticker, cell: (r) => [el("button", { type: "button", class: "row-name", on: { click: () => openSheet("asset", r.ticker) } }, r.ticker), el("span", { class: "under" }, networkName(r))] },
        { id: "network", title: () => t("network"), csv: [["network", (r) => r.slug || r.key]], value: (r) => r.slug || r.key, cell: (r) => [networkName(r), " ", r.twins ? badge("bad", t("twin")) : null] },
        { id: "providers", number: true, title: () => t("sources"), value: (r) => r.width, cell: (r) => String(r.providers) },
        ...shown.map((p) => ({ id: "cell", name: "at-" + P[p], title: () => P[p], csv: walletCsv(p), cell: (r) => cell(r.cells.get(p), r) })),
      ],
    });
    for (const id of ["w-search", "w-provider", "w-which"]) $(id).addEventListener("input", () => { walletFilter(); address(); });
    for (const id of ["r-amount", "r-asset", "r-from", "r-to", "r-into"]) $(id).addEventListener("input", () => { showRoutes(); address(); });
    $("c-search").addEventListener("input", () => { changesShown = CHANGES_STEP; showChanges(); address(); });
    markCheapest(rows);
  } else walletGrid.heads();
  tableTools($("w-tools"), walletGrid, "wallet");
  read("wallet");
  walletGrid.sortAs(asked().get("sort"));
  walletFilter();
  walletOthers();
  showRoutes();
  showChanges();
}

/** Sources of rates list currencies and no networks: they have no column. */
function walletOthers() {
  const others = P.map((name, p) => [name, p]).filter(([, p]) => W.at[p] !== null && !moves.has(p)).map(([name]) => name);
  $("w-others").textContent = others.length ? t("list_only", { names: others.join(", ") }) : "";
}

function walletFilter(keep) {
  const words = $("w-search").value.trim().toUpperCase().split(/\s+/).filter(Boolean);
  const provider = $("w-provider").value, which = $("w-which").value;
  const has = (row, state) => [...row.cells].some(([p, one]) => (provider === "" || p === Number(provider)) && (one.deposit === state || one.withdraw === state));
  const test = { "": (row) => !isDead(row), all: null, open: (row) => !has(row, 0) && !has(row, 1), closed: (row) => has(row, 1) && !isDead(row), dead: isDead, unknown: (row) => has(row, 0), twin: (row) => row.twins }[which];
  const found = wallets().filter((row) => (provider === "" || row.cells.has(Number(provider))) && (!test || test(row)) && words.every((word) => row.find.includes(word)));
  walletGrid.set(found, keep === true);
  $("w-count").textContent = t("count_networks", { n: count(found.length), m: count(wallets().length) });
  const folded = which === "" ? wallets().filter(isDead).length : 0;
  fill($("w-folded"), folded ? [t("folded", { n: count(folded) }), " ", el("button", { type: "button", class: "quiet", on: { click: () => { $("w-which").value = "all"; walletFilter(); address(); $("w-which").focus(); } } }, t("show"))] : null);
}

function twinText(row) {
  const parts = row.twins.map((group) => [...new Set(group.map((i) => P[R.p[i]]))].join(", "));
  return t("twin_words", { network: networkName(row), groups: parts.join(" ≠ ") });
}
