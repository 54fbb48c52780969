// Prices -----------------------------------------------------------------------------------

function marks(row) {
  const found = [];
  if (row.f & HELD) found.push(badge("bad", t("badge_held"), verdict(row)));
  else if (row.f & MARKED) found.push(badge("warn", t("v_" + row.note[0]), verdict(row)));
  if (row.f & TWIN) found.push(badge("bad", t("twin"), t("twin_quote")));
  if (row.stale) found.push(badge("warn", t("badge_stale")));
  if (row.one) found.push(badge("warn", t("badge_one")));
  if (row.f & HALTED) found.push(badge("bad", t("badge_halted")));
  if (row.f & RATE) found.push(badge("calm", t(row.f & DERIVED ? "badge_derived" : "badge_rate")));
  return found;
}

/** What the sentinel says of a quote: its verdict, from what and how far it is off, since when. */
function verdict(row) {
  const [name, since, reference, deviation] = row.note;
  return [t("v_" + name), reference ? t("held_from", { reference }) : "", deviation ? `${deviation} %` : "", since ? t("held_since", { at: clock(since) + " UTC" }) : ""].filter(Boolean).join(", ");
}

const dimmed = (row) => row.stale || row.one || row.f & (HALTED | HELD | TWIN);
const price = (text, row) => (text ? (text.length > 13 ? el("span", { class: text.length > 16 ? "long longer" : "long", title: text }, text) : text) : row.f & RATE ? muted("–") : muted(t("none")));
let priceGrid = null, priceRows = "";

const number = (text) => (text ? Number(text) : null);
const oldness = (at) => (at === null ? null : -at);
const ageS = (at) => (at === null ? null : Math.max(0, Math.round((now() - at) / 1000)));
const isBest = (row, side) => { const top = pairOf(row.pair); return Boolean(top) && top.sum[side + "s"].includes(row); };
const priceCell = (row, side) => (isBest(row, side) ? el("span", { class: "best" }, price(row[side], row)) : price(row[side], row));
const nameCell = (row, name, under) => [el("button", { type: "button", class: "row-name", "data-row": `${row.pair} ${row.p ?? ""}`, on: { click: () => openSheet("pair", row.pair) } }, name), el("span", { class: "under" }, under)];

/** Every quote a row of its own. */
const quoteColumns = () => [
  { id: "pair", stays: true, title: () => t("pair"), value: (r) => r.pair, cell: (r) => nameCell(r, r.pair, P[r.p]) },
  { id: "provider", title: () => t("provider"), value: (r) => P[r.p], cell: (r) => P[r.p] },
  { id: "bid", number: true, title: () => t("bid"), narrow: () => "ask", csv: [["bid", (r) => r.bid]], value: (r) => number(r.bid), cell: (r) => [priceCell(r, "bid"), el("span", { class: "stacked", "aria-hidden": "true" }, priceCell(r, "ask"))] },
  { id: "ask", number: true, title: () => t("ask"), csv: [["ask", (r) => r.ask]], value: (r) => number(r.ask), cell: (r) => priceCell(r, "ask") },
  { id: "spread", number: true, title: () => t("spread"), csv: [["spread_percent", (r) => r.spread]], value: (r) => r.spread, cell: (r) => percent(r.spread) || muted("–") },
  { id: "last", number: true, title: () => t("last"), csv: [["last", (r) => r.last]], value: (r) => number(r.last), cell: (r) => (r.last ? price(r.last, r) : muted("–")) },
  { id: "volume", number: true, title: () => t("volume"), csv: [["turnover_24h", (r) => r.volume]], value: (r) => number(r.volume), cell: (r) => amount(r.volume) },
  { id: "sources", number: true, title: () => t("sources"), csv: [["providers", (r) => r.sources]], value: (r) => r.sources, cell: (r) => String(r.sources) },
  { id: "marks", title: () => t("notes"), csv: [["notes", (r) => marks(r).map((one) => one.textContent).join(" ")]], cell: (r) => marks(r) },
  { id: "age", number: true, title: () => t("age"), csv: [["age_s", (r) => ageS(timeOf(r))], ["collected_at", (r) => (timeOf(r) === null ? null : iso(timeOf(r)))]], value: (r) => oldness(timeOf(r)), cell: (r) => age(timeOf(r), columns[r.p].max) },
];

const foldButton = (r) => el("button", { type: "button", class: "fold", "data-row": r.pair, "aria-expanded": String(priceGrid.unfolded.has(r.pair)), "aria-label": t("venues_of", { pair: r.pair }),
  on: { click: () => priceGrid.fold(r, !priceGrid.unfolded.has(r.pair)) } }, el("span", { "aria-hidden": "true" }, priceGrid.unfolded.has(r.pair) ? "▾" : "▸"));
const bestCsv = (side) => [["best_" + side, (r) => (r.rows ? r.sum[side] && r.sum[side][side] : r[side])], [`best_${side}_at`, (r) => (r.rows ? r.sum[side + "s"].map((one) => P[one.p]).join(" ") : P[r.p])]];

/** Of a pair that only sources of rates tell: the middle, and whose. */
function rateOf(pair) {
  const [row] = pair.rows;
  return pair.rows.every((one) => one.f & RATE) && row.last ? el("span", { title: t("last") }, price(row.last, row), " ", el("span", { class: "at" }, P[row.p])) : null;
}

/** A pair a row, its venues inside: a cell is of the pair, or of one venue where it is unfolded. */
const pairColumns = () => [
  { id: "pair", stays: true, title: () => t("pair"), value: (r) => r.pair, cell: (r) => (r.rows ? [foldButton(r), ...nameCell(r, r.pair, t("n_venues", { n: r.sources }))] : el("span", { class: "inner" }, P[r.p])) },
  { id: "bid", number: true, title: () => t("best_bid"), narrow: () => "ask", csv: bestCsv("bid"), value: (r) => number(r.sum.bid && r.sum.bid.bid),
    cell: (r) => (r.rows && rateOf(r) ? rateOf(r) : r.rows ? [bestCell(r.sum.bids, "bid"), el("span", { class: "stacked", "aria-hidden": "true" }, bestCell(r.sum.asks, "ask"))] : [priceCell(r, "bid"), el("span", { class: "stacked", "aria-hidden": "true" }, priceCell(r, "ask"))]) },
  { id: "ask", number: true, title: () => t("best_ask"), csv: bestCsv("ask"), value: (r) => number(r.sum.ask && r.sum.ask.ask), cell: (r) => (r.rows ? bestCell(r.sum.asks, "ask") : priceCell(r, "ask")) },
  { id: "spread", number: true, title: () => t("gap"), csv: [["gap_percent", (r) => (r.rows ? r.sum.gap : gapOf(r.bid, r.ask))]], value: (r) => r.sum.gap, cell: (r) => (r.rows ? gapCell(r) : r.spread === null ? muted("–") : gapText(gapOf(r.bid, r.ask))) },
  { id: "spark", title: () => t("day"), cell: (r) => (r.rows ? spark(r.pair) : "") },
  { id: "volume", number: true, title: () => t("volume"), csv: [["turnover_24h", (r) => (r.rows ? r.sum.volume : r.volume)]], value: (r) => r.sum.volume, cell: (r) => (r.rows ? (r.sum.volume === null ? muted("–") : amount(String(r.sum.volume))) : amount(r.volume)) },
  { id: "sources", number: true, title: () => t("sources"), csv: [["providers", (r) => (r.rows ? r.sources : 1)]], value: (r) => r.sources, cell: (r) => (r.rows ? String(r.sources) : "") },
  { id: "marks", title: () => t("notes"), csv: [["notes", (r) => (r.rows ? pairMarks(r) : marks(r)).map((one) => one.textContent).join(" ")]], cell: (r) => (r.rows ? pairMarks(r) : marks(r)) },
  { id: "age", number: true, title: () => t("worst_age"), csv: [["age_s", (r) => ageS(r.rows ? r.oldest : timeOf(r))]], value: (r) => oldness(r.oldest), cell: (r) => (r.rows ? age(r.oldest, r.limit) : age(timeOf(r), columns[r.p].max)) },
];

function makePriceGrid(rows) {
  const sort = priceGrid ? priceGrid.sortWord : "", byPair = rows !== "quotes";
  priceRows = rows;
  priceGrid = new Grid($("p-grid"), {
    name: byPair ? "pairs" : "quotes", label: () => t(byPair ? "table_pairs" : "table_prices"), sort: { id: "sources", down: true }, open: (row) => openSheet("pair", row.pair), sorted: () => address(),
    key: (row) => (row.rows ? (row.sum.counted.length ? null : "dim") : [byPair ? "inside" : "", dimmed(row) ? "dim" : ""].join(" ").trim() || null),
    empty: () => (quotes.length ? t("no_rows") : el("span", {}, t("no_quotes"), " ", command("marketctl prices collect"))),
    columns: byPair ? pairColumns() : quoteColumns(), inside: byPair ? (pair) => pair.rows.slice().sort((a, b) => a.p - b.p) : null,
  });
  $("p-grid").dataset.rows = byPair ? "pairs" : "quotes";
  priceGrid.sortAs(sort);
  tableTools($("p-tools"), priceGrid, byPair ? "pairs" : "quotes");
}

function pricesSection() {
  if (!priceGrid) {
    P.forEach((name, p) => $("p-provider").append(el("option", { value: p }, name)));
    [...common].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).forEach(([name]) => $("p-quote").append(el("option", { value: name }, name)));
    for (const id of ["p-search", "p-provider", "p-quote", "p-which", "p-rows"]) $(id).addEventListener("input", () => { pricesFilter(); address(); });
  }
  read("prices");
  if (!priceGrid || priceRows !== $("p-rows").value) makePriceGrid($("p-rows").value);
  else {
    priceGrid.heads();
    tableTools($("p-tools"), priceGrid, $("p-grid").dataset.rows);
  }
  priceGrid.sortAs(asked().get("sort"));
  pricesFilter();
}

const WHICH = { fresh: (r) => !r.stale && !(r.f & (HALTED | HELD | TWIN)) && r.bid && r.ask, stale: (r) => r.stale, one: (r) => r.one,
  held: (r) => r.f & (HELD | MARKED), halted: (r) => r.f & HALTED, twin: (r) => r.f & TWIN, rate: (r) => r.f & RATE };

function pricesFilter(keep) {
  if (priceRows !== $("p-rows").value) makePriceGrid($("p-rows").value);
  const words = $("p-search").value.trim().toUpperCase().split(/\s+/).filter(Boolean);
  const provider = $("p-provider").value, quote = $("p-quote").value, which = WHICH[$("p-which").value];
  const fits = (row) => (provider === "" || row.p === Number(provider)) && (!which || which(row));
  const among = (row) => (!quote || row.pair.endsWith("/" + quote));
  let found;
  if (priceRows === "quotes") found = quotes.filter((row) => fits(row) && among(row) && words.every((word) => row.pair.toUpperCase().includes(word) || P[row.p].toUpperCase().includes(word)));
  else {
    const all = provider === "" && !which;
    found = [...pairs.values()].filter((pair) => among(pair) && words.every((word) => pair.find.includes(word)) && (all || pair.rows.some(fits)));
  }
  priceGrid.set(found, keep === true);
  $("p-count").textContent = priceRows === "quotes" ? t("count_rows", { n: count(found.length), m: count(quotes.length) })
    : t("count_pairs", { n: count(found.length), m: count(pairs.size), k: count(quotes.length) });
}
