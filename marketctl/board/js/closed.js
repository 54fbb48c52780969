// What is closed: by common name over the venues, since when, and what is dead and no news --------

const LONG = 30 * 86400000, DOORS = ["withdraw", "deposit"];

/** Since when an entry's door is closed, as the journal saw it; null where it never saw it close. */
const sinceOf = (one, door) => (W.since[one.i] ? W.since[one.i][DOORS.indexOf(door)] : null);

/** A closed network is dead when no venue has it open and that is old: for a month, or as far as one can tell where few of the asset's venues list it. */
function isDead(row) {
  if (!row.shut) return false;
  const cells = [...row.cells.values()];
  if (!cells.every((one) => one.withdraw === 1 && one.deposit === 1)) return false;
  if (cells.some((one) => DOORS.some((door) => now() - (sinceOf(one, door) ?? -Infinity) < LONG))) return false;
  return cells.length * 2 < row.width || cells.every((one) => W.known[one.p] !== null && now() - W.known[one.p] >= LONG);
}

/** Entries of another coin of this name than most venues mean; none where nobody can say which one it is. */
function othersOf(row) {
  if (!row.twins) return [];
  const sizes = row.twins.map((group) => new Set(group.map((i) => VENUE[R.p[i]])).size), most = Math.max(...sizes);
  return sizes.filter((size) => size === most).length > 1 ? [] : row.twins.filter((group, n) => sizes[n] < most).flat();
}

/** How the venues keep a network's doors now; a wallet that is too old tells nothing, of two accounts of one exchange one does. */
function shutOf(row) {
  const seen = new Set(), others = othersOf(row);
  const cells = [...row.cells.values()].filter((one) => !others.includes(one.i) && !walletOld(one.p) && !seen.has(VENUE[one.p]) && seen.add(VENUE[one.p]));
  const told = {};
  for (const door of DOORS) {
    const shut = cells.filter((one) => one[door] === 1), open = cells.filter((one) => one[door] === 2);
    const times = shut.map((one) => sinceOf(one, door)).filter((at) => at !== null);
    told[door] = { shut, open, since: times.length ? Math.max(...times) : null };
  }
  return { row, cells, ...told, worst: Math.max(told.withdraw.shut.length, told.deposit.shut.length) };
}

const isWatched = (row) => D.watch.assets.includes(row.ticker) && (!D.watch.networks.length || D.watch.networks.includes(row.slug));

/** The closed networks that have a common name, the widest first; those of the watched assets, or the others. */
function closedNow(watched) {
  wallets();
  const rows = watched ? D.watch.assets.flatMap(groupOf).filter(isWatched) : wallets().filter((row) => row.shut && !isWatched(row));
  return rows.filter((row) => row.slug && row.shut && !isDead(row)).map(shutOf).filter((one) => one.worst).sort((a, b) => b.worst - a.worst || (a.row.ticker < b.row.ticker ? -1 : 1));
}

/** Watched assets whose doors nobody tells of now: what is not known is no good news. */
const unknownNow = () => D.watch.assets.filter((ticker) => !groupOf(ticker).some((row) => [...row.cells.values()].some((one) => !walletOld(one.p) && (one.withdraw || one.deposit))));

function groupOf(ticker) {
  wallets();
  return groups.get(ticker) || [];
}

/** The cheapest network on which an asset can leave somewhere now: [network, fee, venue]. */
function instead(ticker, door) {
  let best = null;
  for (const row of groupOf(ticker)) {
    if (!row.slug) continue;
    for (const one of row.cells.values()) {
      if (walletOld(one.p) || one[door] !== 2 || !one.fee) continue;
      if (!best || compare(one.fee, best[1]) < 0) best = [row.slug, one.fee, P[one.p]];
    }
  }
  return best;
}

/** "23 min ago" grows; what is older than two days is told by its date. */
const sinceText = (at) => (now() - at < 2 * 86400000 ? t("since_ago", { age: span(now() - at) }) : t("since_day", { day: clock(at).slice(0, 10) }));
const sinceWords = (at) => (at === null ? null : el("span", { class: "since", title: clock(at) + " UTC" }, sinceText(at)));
