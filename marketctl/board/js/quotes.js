// Data, unpacked ---------------------------------------------------------------------------

const columns = D.prices.by.map((column) => ({ at: column.at, max: column.max })); // of each provider
const quoted = new Map(); // pair -> its rows
const common = new Map(); // quote currency -> how many pairs
const quoteOf = (pair) => pair.slice(pair.lastIndexOf("/") + 1);
let quotes = [];
let pairs = null; // pair -> Pair, in the order of the page

/** A quote: `own` is its own time, 0 that of its collection, null unknown. */
function quoteRow(p, pair, [bid, ask, last, volume, f, own, note]) {
  return { p, pair, bid, ask, last, volume, f, own, note: note || null, spread: spread(bid, ask), one: Boolean(bid) !== Boolean(ask), stale: true, version: 0 };
}

const timeOf = (row) => (row.own === null ? null : row.own === 0 ? columns[row.p].at : Math.min(row.own, columns[row.p].at));
const counts = (row) => !row.stale && !(row.f & (RATE | HALTED | TWIN | HELD));

D.prices.by.forEach((column, p) => column.x.forEach((x, index) => {
  const d = column.d[index];
  quotes.push(quoteRow(p, D.prices.pairs[x], [column.b[index], column.a[index], column.l[index], column.v[index], column.f[index],
    d === null || d === 0 ? d : column.at - d, column.notes[index]]));
}));

/** At first: what most providers quote, the commonest quote currency and the largest turnover on top. */
function arrange() {
  quoted.clear();
  common.clear();
  for (const row of quotes) {
    if (!quoted.has(row.pair)) quoted.set(row.pair, []);
    quoted.get(row.pair).push(row);
  }
  for (const pair of quoted.keys()) common.set(quoteOf(pair), (common.get(quoteOf(pair)) || 0) + 1);
  for (const row of quotes) {
    const rows = quoted.get(row.pair);
    row.sources = row === rows[0] ? venuesOf(rows) : rows[0].sources;
    row.rank = row === rows[0] ? Math.max(...rows.map((one) => Number(one.volume) || 0)) : rows[0].rank;
    row.common = common.get(quoteOf(row.pair));
  }
  quotes.sort((a, b) => b.sources - a.sources || b.common - a.common || b.rank - a.rank || (a.pair < b.pair ? -1 : a.pair > b.pair ? 1 : 0) || a.p - b.p);
  if (pairs) arrangePairs();
}
arrange();

/** Tell anew which quotes are too old; true where one crossed the line. */
function judge() {
  let crossed = false;
  for (const row of quotes) {
    const stale = tooOld(timeOf(row), columns[row.p].max);
    if (stale !== row.stale) {
      row.stale = stale;
      row.version += 1;
      crossed = true;
    }
  }
  return crossed;
}
judge();
