// The desk: what the market does to us, before what the collector does ----------------------------

const DESK_PAIRS = 14, MOVES_SHOWN = 12;
let movesShown = MOVES_SHOWN;

function desk() {
  if (nothingYet()) {
    fill($("attention"), el("p", { class: "panel calm-line" }, t("first_run"), " ", command("marketctl run --once")));
    for (const id of ["d-pairs", "d-providers", "d-moves"]) $(id).parentElement.hidden = true;
    return;
  }
  for (const id of ["d-pairs", "d-providers", "d-moves"]) $(id).parentElement.hidden = false;
  attention();
  deskPairs();
  deskProviders();
  deskMoves();
}

// What needs somebody

function attention() {
  const jobs = jobsNow(), trouble = jobs.filter(({ state }) => BAD.has(state) && state !== "held");
  const skipped = jobs.filter(({ job, state }) => state === "skipped" && job.reason === "no-credentials");
  const shut = closedNow(true), held = heldNow(), blind = unknownNow(), quiet = quietPairs();
  const items = [...shut.map(closedItem), ...held.map(heldItem), ...quiet.map(quietItem), ...causes(trouble).map(cause), ...D.problems.map(problem)];
  if (blind.length && D.watch.given) items.push(note("warn", t("unknown"), blind.join(", "), t("blind_words")));
  const calm = [...causes(skipped).map(cause)];
  const good = items.length ? null : el("li", { class: "good-line" }, el("div", { class: "what" }, badge("good", t("state_ok")), " ", el("strong", {}, t("all_good"))),
    el("div", { class: "say" }, blind.length < D.watch.assets.length ? t("all_good_why", { assets: D.watch.assets.filter((one) => !blind.includes(one)).join(", ") }) : t("all_good_jobs")));
  refill($("attention"), el("ul", { class: "attention panel" }, good, items, calm), elsewhere());
}

function note(kind, word, name, words, type) {
  return el("li", {}, el("div", { class: "what" }, badge(kind, word), " ", el("strong", {}, name)), el("div", { class: "say" }, words), type || null);
}

const assetLink = (ticker, words) => el("button", { type: "button", class: "row-name", on: { click: () => openSheet("asset", ticker) } }, words || ticker);
const pairLink = (pair) => el("button", { type: "button", class: "row-name", on: { click: () => openSheet("pair", pair) } }, pair);
const venues = (list) => list.map((one) => P[one.p]).join(", ");

/** "USDT · tron: withdrawals closed at 6 of 6: BYBIT, …, since 23 min; open elsewhere: ton 0.249 KUCOIN". */
function closedItem({ row, withdraw, deposit }) {
  const all = [withdraw, deposit].some((one) => one.shut.length && !one.open.length), lines = [];
  for (const [door, told] of [["withdraw", withdraw], ["deposit", deposit]]) {
    if (!told.shut.length) continue;
    const other = told.open.length ? null : instead(row.ticker, door);
    lines.push(el("div", {}, t("closed_" + door, { n: told.shut.length, m: told.shut.length + told.open.length }), ": ", venues(told.shut),
      told.since === null ? null : [" · ", sinceWords(told.since)],
      other && door === "withdraw" ? el("span", { class: "muted" }, " · ", t("open_elsewhere", { network: other[0], fee: other[1], provider: other[2] })) : null));
  }
  return el("li", {}, el("div", { class: "what" }, badge(all ? "bad" : "warn", t("closed")), " ", assetLink(row.ticker, `${row.ticker} · ${row.slug}`)), el("div", { class: "say" }, lines));
}

/** One line a provider for what the sentinel holds. */
function heldNow() {
  const found = new Map();
  for (const row of quotes) {
    if (!(row.f & HELD)) continue;
    if (!found.has(row.p)) found.set(row.p, []);
    found.get(row.p).push(row);
  }
  return [...found].sort((a, b) => b[1].length - a[1].length);
}

function heldItem([p, rows]) {
  const told = rows.slice(0, 4).flatMap((row, i) => [i ? ", " : "", pairLink(row.pair), ` (${t("v_" + row.note[0])}${row.note[3] ? `, ${row.note[3]} %` : ""})`]);
  return el("li", {}, el("div", { class: "what" }, badge("warn", t("badge_held")), " ", el("strong", {}, P[p]), " ", t("n_held_quotes", { n: count(rows.length) })),
    el("div", { class: "say" }, told, rows.length > 4 ? " " + t("and_more", { n: count(rows.length - 4) }) : null), command(`marketctl prices held ${P[p]}`));
}

/** Watched pairs that nobody quotes freshly now. */
const quietPairs = () => D.watch.pairs.filter((name) => !pairOf(name) || !pairOf(name).sum.counted.length && !pairOf(name).rows.every((row) => row.f & RATE && !row.stale));
const quietItem = (name) => note("warn", t("badge_stale"), name, t(pairOf(name) ? "quiet_pair" : "no_pair", { pair: name }));

let others = { key: null };

/** Closed beyond what is watched: how much, and where to see it. Counted anew when a wallet grew too old, and each minute. */
function elsewhere() {
  const key = [Math.floor(now() / 60000), ...W.at.map((_, p) => walletOld(p))].join();
  if (others.key !== key) {
    const list = closedNow(false);
    others = { key, found: list.length, assets: new Set(list.map((one) => one.row.ticker)).size, dead: wallets().filter((row) => row.slug && isDead(row)).length };
  }
  const { found, assets, dead } = others;
  if (!found && !dead && D.watch.given) return null;
  return el("p", { class: "hint elsewhere" },
    found ? el("a", { href: "#wallet?which=closed" }, t("closed_others", { n: count(found), m: count(assets) })) : null,
    dead ? [found ? " · " : "", el("a", { href: "#wallet?which=dead" }, t("closed_dead", { n: count(dead) }))] : null,
    D.watch.given ? null : el("span", {}, found || dead ? " · " : "", t("watch_hint", { assets: D.watch.assets.join(", ") })));
}

// Gaps of what is watched

/** The watched pairs; where none is named the most widely quoted, those of the watched assets first. */
function deskList() {
  if (D.watch.pairs.length) return D.watch.pairs.filter(pairOf);
  const traded = [...pairs.values()].filter((one) => one.rows.some((row) => !(row.f & RATE)));
  const ours = traded.filter((one) => D.watch.assets.some((ticker) => one.pair.startsWith(ticker + "/")));
  return [...ours.slice(0, DESK_PAIRS / 2), ...traded.filter((one) => !ours.includes(one))].slice(0, DESK_PAIRS).map((one) => one.pair);
}

function deskPairs() {
  const rows = deskList().map(pairOf);
  $("d-pairs-title").textContent = t(D.watch.pairs.length ? "watched_pairs" : "wide_pairs");
  $("d-pairs-note").textContent = t("gap_note");
  const head = [["pair"], ["best_bid", 1], ["best_ask", 1], ["gap", 1], ["way", 0, "wider"], ["venues", 1, "wide"], ["day", 0, "wide"], ["age", 1]];
  refill($("d-pairs"), rows.length ? el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("watched_pairs") }, el("table", { class: "plain desk" },
    el("thead", {}, el("tr", {}, head.map(([key, n, wide]) => el("th", { scope: "col", class: [n ? "num" : "", wide || ""].join(" ").trim() || null }, t(key))))),
    el("tbody", {}, rows.map(deskPair)))) : el("p", { class: "hint" }, t("no_quotes"), " ", command("marketctl prices collect")));
}

function deskPair(pair) {
  const { bids, asks, counted } = pair.sum;
  return el("tr", { class: counted.length ? null : "dim" }, el("th", { scope: "row" }, pairLink(pair.pair)),
    el("td", { class: "num" }, bestCell(bids, "bid")), el("td", { class: "num" }, bestCell(asks, "ask")), el("td", { class: "num" }, gapCell(pair)),
    el("td", { class: "wider" }, wayCell(pair)), el("td", { class: "num wide" }, String(venuesOf(counted)), venuesOf(counted) < pair.sources ? muted(` / ${pair.sources}`) : null), el("td", { class: "wide" }, spark(pair.pair)),
    el("td", { class: "num" }, age(pair.oldest, pair.limit)));
}

// Providers by job

const DOT = { ok: "●", late: "▲", failing: "✕", held: "■", skipped: "–", never: "○" };

function dot(state, words) {
  return el("span", { class: "dot " + KIND[state], title: t("state_" + state) }, el("span", { "aria-hidden": "true" }, DOT[state]), el("span", { class: "sr" }, `${words || t("state_" + state)} `));
}

function deskProviders() {
  const told = D.providers.map((one) => [one, quotaLeft(one.quota)]), metered = told.some(([, left]) => left !== null);
  refill($("d-providers"), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("providers") }, el("table", { class: "plain desk" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("provider")), ["prices", "wallet", "stats"].map((name) => el("th", { scope: "col" }, t("job_" + name))),
      el("th", { scope: "col", class: "num wider" }, t("latency")), metered ? el("th", { scope: "col", class: "num" }, t("quota")) : null)),
    el("tbody", {}, told.map(([one, left]) => el("tr", {}, el("th", { scope: "row" }, el("a", { href: "#providers", class: "row-name" }, one.name)),
      ["prices", "wallet", "stats"].map((name) => {
        const job = one.jobs[name], state = stateOf(job);
        return el("td", {}, dot(state), " ", job.at === null ? muted(state === "skipped" ? "" : "–") : age(job.at, job.limit));
      }),
      el("td", { class: "num wider" }, one.latency === null || one.latency === undefined ? none() : `${numeral(one.latency, "plain")} ${t("unit_ms")}`),
      metered ? el("td", { class: "num" + (left !== null && left < 0.1 ? " warn-text" : "") }, left === null ? muted("–") : `${Math.round(left * 100)} %`) : null))))));
}

/** What is left of a plan, 0 to 1; null where there is none, or it began anew since. */
function quotaLeft(told) {
  if (!told || !told.limit || (told.resets_at && Date.parse(told.resets_at) < now())) return null;
  const left = told.remaining ?? (told.used === null || told.used === undefined ? null : told.limit - told.used);
  return left === null ? null : Math.max(0, Math.min(1, left / told.limit));
}

// Opened and closed

function deskMoves() {
  const all = D.changes.moves, watched = new Set(D.watch.assets);
  const rows = [...all.filter((one) => watched.has(one[1])), ...all.filter((one) => !watched.has(one[1]))].slice(0, movesShown).sort((a, b) => b[0] - a[0]);
  const table = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("moves") }, el("table", { class: "plain desk" },
    el("thead", {}, el("tr", {}, ["time", "asset", "network", "change", "where"].map((key) => el("th", { scope: "col" }, t(key))))),
    el("tbody", {}, rows.map(([at, asset, network, door, opened, who]) => el("tr", {},
      el("td", { class: "digits", title: clock(at) + " UTC" }, now() - at < 86400000 ? clock(at).slice(11, 16) : clock(at).slice(5, 16)), el("th", { scope: "row" }, assetLink(asset)), el("td", {}, network || muted("–")),
      el("td", {}, moveBadge(door, opened)),
      el("td", { title: who.map((p) => P[p]).join(", ") }, who.length > 2 ? t("n_venues", { n: who.length }) : who.map((p) => P[p]).join(", ")))))));
  refill($("d-moves"), rows.length ? table : el("p", { class: "hint" }, t("moves_none")),
    all.length > rows.length ? el("button", { type: "button", class: "quiet more", on: { click: () => { movesShown += 40; deskMoves(); } } }, t("show_more", { n: Math.min(40, all.length - rows.length) })) : null);
}

/** Draw what a publish changed: the pairs it touched, and the rest where jobs moved. */
function deskChanged(touched, jobs) {
  if (jobs) return desk();
  return deskList().some((name) => touched.has(name)) ? deskPairs() : null;
}
