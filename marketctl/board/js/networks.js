const W = D.wallet, T = W.texts, R = W.rows;
const text = (place) => (place < 0 ? null : T[place]);
const places = new Map(T.map((one, place) => [one, place]));
const placeOf = (ticker) => places.get(ticker);
let matrix = null; // made when first looked at
const moves = new Set(R.p.filter((p, i) => R.n[i] >= 0)); // providers that tell of networks
const groups = new Map(); // ticker -> its matrix rows
const twinOf = new Map(); // entry -> groups of entries by contract
W.twins.forEach((found) => found.flat().forEach((row) => twinOf.set(row, found)));

function entry(i) {
  const f = R.f[i];
  return { i, p: R.p[i], place: R.t[i], ticker: text(R.t[i]), code: text(R.c[i]), key: text(R.n[i]), slug: text(R.g[i]),
    deposit: f & 3, withdraw: (f >> 2) & 3, memo: (f >> 4) & 3, fiat: Boolean(f & 64), fee: R.fee[i], min: R.min[i],
    dmin: R.dmin[i], confirmations: R.conf[i], contract: text(R.key[i]), note: text(R.note[i]),
    percent: W.percent[i] || "", twins: twinOf.get(i) || null };
}

const walletOld = (p) => W.at[p] !== null && tooOld(W.at[p], W.max[p]);

function wallets() {
  if (matrix) return matrix;
  const byKey = new Map();
  for (let i = 0; i < R.p.length; i += 1) {
    if (!moves.has(R.p[i])) continue;
    const one = entry(i);
    // What has no common name stands alone: it may be another network at another provider.
    let name = one.slug ? "s:" + one.slug : one.key ? "k:" + one.p + ":" + one.key : "none";
    for (let nth = 0; ; nth += 1) {
      const key = JSON.stringify([one.ticker, name, nth]);
      const row = byKey.get(key);
      if (!row) {
        byKey.set(key, { ticker: one.ticker, place: one.place, slug: one.slug, key: one.key, nth, fiat: one.fiat, cells: new Map([[one.p, one]]), twins: one.twins });
        break;
      }
      if (!row.cells.has(one.p)) {
        row.cells.set(one.p, one);
        row.twins = row.twins || one.twins;
        break;
      }
    }
  }
  matrix = [...byKey.values()];
  for (const row of matrix) {
    row.providers = venuesOf([...row.cells.values()]);
    row.shut = [...row.cells.values()].some((one) => one.deposit === 1 || one.withdraw === 1);
    row.find = [row.ticker, W.names[row.place] || "", row.slug || "", ...[...row.cells.values()].flatMap((c) => [c.key || "", c.code || ""])]
      .join(" ").toUpperCase();
    if (!groups.has(row.ticker)) groups.set(row.ticker, []);
    groups.get(row.ticker).push(row);
  }
  const wide = (ticker) => new Set(groups.get(ticker).flatMap((row) => [...row.cells.keys()])).size;
  for (const rows of groups.values()) {
    const width = wide(rows[0].ticker);
    rows.forEach((row) => { row.width = width; row.depth = rows.length; });
  }
  matrix.sort((a, b) => b.width - a.width || b.depth - a.depth || (a.ticker < b.ticker ? -1 : a.ticker > b.ticker ? 1 : 0)
    || b.providers - a.providers || ((a.slug || a.key || "") < (b.slug || b.key || "") ? -1 : 1));
  return matrix;
}
