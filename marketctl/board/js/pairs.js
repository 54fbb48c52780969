// Pairs: what the venues quote of one, put together ------------------------------------------

/** A pair and its quotes; what they come to is made anew when one of them changed. */
class Pair {
  constructor(pair, rows) {
    Object.assign(this, { pair, rows, sources: venuesOf(rows), made: null, known: -1 });
    this.find = `${pair} ${rows.map((row) => P[row.p]).join(" ")}`.toUpperCase();
  }

  get version() {
    return this.rows.reduce((sum, row) => sum + row.version, 0);
  }

  get sum() {
    const version = this.version;
    if (this.known !== version) {
      this.made = summed(this.rows);
      this.known = version;
    }
    return this.made;
  }

  /** How old the oldest of what counts is; of all where none does. */
  get oldest() {
    const rows = this.sum.counted.length ? this.sum.counted : this.rows, times = rows.map(timeOf);
    return times.includes(null) ? null : Math.min(...times);
  }

  /** By how long it may be that old: the shortest limit of those that count. */
  get limit() {
    const rows = this.sum.counted.length ? this.sum.counted : this.rows;
    return Math.min(...rows.map((row) => columns[row.p].max));
  }
}

function summed(rows) {
  const counted = rows.filter(counts);
  const best = (side, sign) => counted.reduce((top, row) => (row[side] && (!top || compare(row[side], top[side]) * sign > 0) ? row : top), null);
  const bid = best("bid", 1), ask = best("ask", -1);
  const at = (side, top) => (top ? counted.filter((row) => row[side] && compare(row[side], top[side]) === 0) : []);
  const volumes = rows.map((row) => row.volume).filter(Boolean);
  return { counted, bid, ask, bids: at("bid", bid), asks: at("ask", ask), gap: bid && ask ? gapOf(bid.bid, ask.ask) : null,
    volume: volumes.length ? volumes.reduce((sum, one) => sum + Number(one), 0) : null };
}

/** What is over when one buys at the ask and sells at the bid, in percent: more than nothing where it is money. */
const gapOf = (bid, ask) => (Number(ask) ? ((Number(bid) - Number(ask)) * 100) / Number(ask) : null);
const gapText = (gap) => (gap > 0 ? "+" : "") + percent(gap);

function arrangePairs() {
  pairs = new Map();
  for (const row of quotes) if (!pairs.has(row.pair)) pairs.set(row.pair, new Pair(row.pair, quoted.get(row.pair)));
}
arrangePairs();

const pairOf = (name) => pairs.get(name) || null;

/** Best price with where it stands: "91306.87 HTX", more venues by number. */
function bestCell(rows, side) {
  if (!rows.length) return muted("–");
  const names = rows.map((row) => P[row.p]);
  return [price(rows[0][side], rows[0]), " ", el("span", { class: "at", title: names.join(", ") }, names[0], names.length > 1 ? ` +${names.length - 1}` : "")];
}

function gapCell(pair) {
  const { gap } = pair.sum;
  return gap === null ? muted("–") : el("span", { class: gap > 0 ? "gain" : null }, gapText(gap));
}

/** What is wrong with some of a pair's quotes, counted. */
function pairMarks(pair) {
  const found = [], { rows } = pair, many = (test) => rows.filter(test).length;
  const stale = many((row) => row.stale && !(row.f & HELD)), held = many((row) => row.f & HELD), twins = many((row) => row.f & TWIN), halted = many((row) => row.f & HALTED);
  const say = (kind, n, key) => { if (n) found.push(badge(kind, n === rows.length ? t(key) : t("n_of_them", { n, what: t(key) }))); };
  say("bad", held, "badge_held");
  say("bad", twins, "twin");
  say("warn", stale, "badge_stale");
  say("bad", halted, "badge_halted");
  if (rows.every((row) => row.f & RATE)) found.push(badge("calm", t("badge_rate")));
  return found;
}

// The open network of a coin from where it is bought to where it is sold: the first of those the page holds.

function wayOf(pair) {
  const { asks, bids } = pair.sum, ticker = pair.pair.slice(0, pair.pair.lastIndexOf("/"));
  if (!asks.length || !bids.length || asks[0].p === bids[0].p) return null;
  const flat = W.routes[placeOf(ticker)] || [];
  for (let i = 0; i < flat.length; i += 3) {
    if (flat[i + 2] < 2 && R.p[flat[i]] === asks[0].p && R.p[flat[i + 1]] === bids[0].p && !walletOld(R.p[flat[i]]) && !walletOld(R.p[flat[i + 1]])) {
      return { leave: entry(flat[i]), proven: flat[i + 2] === 0 };
    }
  }
  return { leave: null };
}

function wayCell(pair) {
  if (!(pair.sum.gap > 0)) return muted("–");
  const way = wayOf(pair);
  if (!way) return muted("–");
  if (!way.leave) return el("span", { class: "muted" }, t(moves.has(pair.sum.asks[0].p) && moves.has(pair.sum.bids[0].p) ? "no_way" : "unknown"));
  return el("span", { title: t(way.proven ? "id_proven_why" : "id_unproven_why") }, `${way.leave.slug} ${feeText(way.leave) || t("unknown")}`, way.proven ? "" : " ?");
}

// A line of the last day, as small as a word.

let linesOf = null; // pair -> its longest line
const sparks = new Map(); // pair and language -> its drawing: history comes with the page and stays
const SPARK = { wide: 92, tall: 22 };

function spark(name) {
  const key = lang + name;
  if (!sparks.has(key)) sparks.set(key, drawSpark(name));
  return sparks.get(key).cloneNode(true);
}

function drawSpark(name) {
  if (!linesOf) {
    linesOf = new Map();
    for (const line of D.history.series) {
      const known = linesOf.get(D.prices.pairs[line.x]);
      if (!known || line.t.length > known.t.length) linesOf.set(D.prices.pairs[line.x], line);
    }
  }
  const line = linesOf.get(name);
  if (!line) return muted("–");
  const told = unpack(line), points = told.t.map((dt, i) => [dt, middle(told, i)]).filter(([, y]) => Number.isFinite(y));
  if (points.length < 2) return muted("–");
  const ys = points.map(([, y]) => y), low = Math.min(...ys), high = Math.max(...ys), end = points[points.length - 1][0] || 1;
  const sx = (x) => ((x / end) * (SPARK.wide - 2) + 1).toFixed(1), sy = (y) => (high > low ? (1 - (y - low) / (high - low)) * (SPARK.tall - 4) + 2 : SPARK.tall / 2).toFixed(1);
  return svg("svg", { viewBox: `0 0 ${SPARK.wide} ${SPARK.tall}`, width: SPARK.wide, height: SPARK.tall, class: "spark", role: "img",
    "aria-label": t("spark_label", { provider: P[told.p], from: String(ys[0]), to: String(ys[ys.length - 1]) }) },
  svg("path", { d: points.map(([x, y], i) => `${i ? "L" : "M"}${sx(x)} ${sy(y)}`).join("") }));
}
