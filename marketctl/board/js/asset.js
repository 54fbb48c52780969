// An asset's own view: where it is open, the lowest fee, what it costs, what changed ---------------

function showAsset(ticker) {
  wallets();
  const all = groupOf(ticker).slice().sort((a, b) => b.providers - a.providers || (networkName(a) < networkName(b) ? -1 : 1));
  const rows = all.filter((row) => !isDead(row)), dead = all.filter(isDead), twins = all.filter((row) => row.twins);
  const name = W.names[placeOf(ticker)], told = [...new Set(all.flatMap((row) => [...row.cells.keys()]))].sort((a, b) => a - b);
  const ways = waysOf(ticker, "", "").filter((way) => way.identity < 2);
  const priced = assetPairs(ticker), changed = assetMoves(ticker);
  const body = all.length || priced.length ? [
    twins.length ? el("ul", { class: "banner bad list" }, twins.map((row) => el("li", {}, badge("bad", t("twin")), " ", twinText(row)))) : null,
    assetSummary(ticker),
    ways.length ? el("p", { class: "lowest" }, lowestFee(ways)) : null,
    rows.length ? networksTable(ticker, rows) : null,
    dead.length ? el("details", { class: "dead" }, el("summary", {}, t("folded", { n: count(dead.length) }), " ", dead.map(networkName).join(", ")), networksTable(`${ticker}, ${t("dead_only")}`, dead)) : null,
    told.length ? el("p", { class: "hint" }, t("wallet_of"), ": ", told.flatMap((p, i) => [i ? ", " : "", P[p] + " ", age(W.at[p], W.max[p])])) : null,
    all.length ? [el("h3", {}, t("open_networks")), routesOf(ticker, "", "")] : null,
    priced.length ? [el("h3", {}, t("prices")), pricesTable(ticker, priced)] : null,
    changed.length ? [el("h3", {}, t("moves")), movesList(changed)] : null].flat() : el("p", { class: "hint" }, t("route_no_asset", { asset: ticker }));
  showDetail(name && name !== ticker ? `${ticker} · ${name}` : ticker, () => showAsset(ticker), body);
}

/** In one line a network: what of it is closed. */
function assetSummary(ticker) {
  const shut = groupOf(ticker).filter((row) => row.slug && !isDead(row)).map(shutOf).filter((one) => one.worst).sort((a, b) => b.worst - a.worst);
  return shut.length ? el("ul", { class: "attention panel" }, shut.map(closedItem)) : null;
}

function networksTable(label, rows) {
  const yes = ["unknown", "no", "yes"], value = (text) => text || none();
  const cells = rows.flatMap((row) => [...row.cells].sort(([a], [b]) => a - b).map(([p, one]) => [row, p, one]));
  const state = (one, door) => [badge(["calm", "bad", "plain"][one[door]], t(OPEN[one[door]])), one[door] === 1 && sinceOf(one, door) !== null ? [" ", sinceWords(sinceOf(one, door))] : null].flat();
  const head = [["network"], ["provider"], ["deposit"], ["withdraw"], ["fee", 1], ["withdraw_min_s", 1], ["deposit_min_s", 1], ["conf_s", 1], ["memo"], ["contract"], ["note"]];
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": label }, el("table", { class: "plain networks" },
    el("thead", {}, el("tr", {}, head.map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
    el("tbody", {}, cells.map(([row, p, one], i) => el("tr", { class: i && cells[i - 1][0] !== row ? "first" : null },
      el("th", { scope: "row" }, networkName(row), one.key && one.key !== row.slug ? el("span", { class: "code" }, one.key) : null),
      el("td", {}, P[p], one.code ? el("span", { class: "code" }, one.code) : null, walletOld(p) ? badge("warn", t("old_data")) : null),
      el("td", {}, state(one, "deposit")), el("td", {}, state(one, "withdraw")),
      el("td", { class: "num" }, value(feeText(one))), el("td", { class: "num" }, value(one.min)), el("td", { class: "num" }, value(one.dmin)),
      el("td", { class: "num" }, value(one.confirmations === null ? "" : String(one.confirmations))), el("td", {}, one.memo ? t(yes[one.memo]) : none()),
      el("td", { class: "contract" }, one.contract ? el("span", { title: one.contract }, one.contract) : muted("–")),
      el("td", { class: "note" }, one.note || ""))))));
}

/** The pairs an asset is the base of, and of one that is the base of none those it is the quote of. */
function assetPairs(ticker) {
  const based = [...pairs.values()].filter((one) => one.pair.startsWith(ticker + "/"));
  return (based.length ? based : [...pairs.values()].filter((one) => one.pair.endsWith("/" + ticker))).slice(0, 12);
}

function pricesTable(ticker, priced) {
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": `${ticker}, ${t("prices")}` }, el("table", { class: "plain" },
    el("thead", {}, el("tr", {}, [["pair"], ["best_bid", 1], ["best_ask", 1], ["gap", 1], ["venues", 1], ["age", 1], ["notes"]].map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
    el("tbody", {}, priced.map((pair) => el("tr", { class: pair.sum.counted.length ? null : "dim" }, el("th", { scope: "row" }, pairLink(pair.pair)),
      el("td", { class: "num" }, bestCell(pair.sum.bids, "bid")), el("td", { class: "num" }, bestCell(pair.sum.asks, "ask")), el("td", { class: "num" }, gapCell(pair)),
      el("td", { class: "num" }, String(pair.sources)), el("td", { class: "num" }, age(pair.oldest, pair.limit)), el("td", {}, pairMarks(pair)))))));
}

const assetMoves = (ticker) => D.changes.moves.filter(([, asset]) => asset === ticker).slice(0, 20);

const moveBadge = (door, opened) => badge(opened ? "info" : "bad", t((opened ? "opened_" : "closed_now_") + door));
const movesList = (changed) => el("ul", { class: "list" }, changed.map(([at, , network, door, opened, who]) => el("li", {}, el("span", { class: "digits muted", title: clock(at) + " UTC" }, clock(at).slice(5, 16)), " ",
  network || "", " ", moveBadge(door, opened), " ", who.map((p) => P[p]).join(", "))));
