// Open networks between providers: which there are, in which order and how sure comes with the page; here they are only shown.

function showRoutes() {
  const asset = $("r-asset").value.trim();
  if (!asset) { showWay(null); return fill($("r-found"), el("p", { class: "hint" }, t("route_ask"))); }
  const ticker = groups.has(asset) ? asset : [...groups.keys()].find((one) => one.toUpperCase() === asset.toUpperCase());
  showWay(ticker || null);
  if (!ticker) return fill($("r-found"), el("p", { class: "hint" }, t("route_no_asset", { asset })));
  return fill($("r-found"), routesOf(ticker, $("r-from").value, $("r-to").value));
}

function larger(withdraw, deposit) {
  if (deposit && (!withdraw || compare(deposit, withdraw) > 0)) return [deposit, true];
  return [withdraw, false];
}

/** The ways of an asset, in the order they came with. */
function waysOf(ticker, from, to) {
  const flat = W.routes[placeOf(ticker)] || [], ways = [];
  for (let i = 0; i < flat.length; i += 3) {
    const way = { leave: entry(flat[i]), arrive: entry(flat[i + 1]), identity: flat[i + 2] };
    if ((from === "" || way.leave.p === Number(from)) && (to === "" || way.arrive.p === Number(to))) ways.push(way);
  }
  return ways;
}

function routesOf(ticker, from, to) {
  const ways = waysOf(ticker, from, to);
  const open = ways.filter((way) => way.identity < 2).length;
  const head = [["from"], ["to"], ["network"], ["fee", 1], ["minimum", 1], ["confirmations", 1], ["verdict"]];
  const id = ["proven", "unproven", "refused"], kind = ["good", "warn", "bad"];
  const limit = 10;
  const table = (shown) => el("table", { class: "plain" },
    el("thead", {}, el("tr", {}, head.map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
    el("tbody", {}, shown.map(({ leave, arrive, identity }, i) => {
      const [minimum, byDeposit] = larger(leave.min, arrive.dmin);
      return el("tr", { class: identity === 2 ? "dim" : i === 0 ? "first-way" : null },
        el("td", {}, P[leave.p]), el("td", {}, P[arrive.p]),
        el("th", { scope: "row" }, leave.slug, leave.note || arrive.note ? el("span", { class: "noted", title: [leave.note, arrive.note].filter(Boolean).join(" / ") }, "!") : null),
        el("td", { class: "num" }, feeText(leave) || muted(t("unknown"))),
        el("td", { class: "num", title: byDeposit ? t("set_by_deposit") : null }, minimum || muted(t("unknown"))),
        el("td", { class: "num" }, arrive.confirmations === null ? muted(t("unknown")) : String(arrive.confirmations)),
        el("td", {}, badge(kind[identity], t("id_" + id[identity]), t("id_" + id[identity] + "_why")),
          walletOld(leave.p) || walletOld(arrive.p) ? badge("warn", t("old_data")) : null));
    })));
  const frame = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("open_networks") }, table(ways.slice(0, limit)));
  const more = ways.length > limit ? el("button", { type: "button", class: "quiet", on: { click: () => { fill(frame, table(ways)); more.remove(); } } }, t("show_more", { n: ways.length - limit })) : null;
  const reasons = leftOut(ticker, from, to, ways);
  return el("div", { class: "routes" },
    el("p", { class: open ? "lowest" : "hint" }, open ? [lowestFee(ways), " ", muted(t("route_count", { n: count(open) }))] : t("route_none")),
    ways.length ? frame : null, more,
    reasons.length ? el("details", { open: !open || null }, el("summary", {}, t("left_out")), el("ul", { class: "list" }, reasons)) : null);
}

const wayWords = ({ leave, arrive }) => [el("strong", {}, `${P[leave.p]} → ${P[arrive.p]}`), `, ${leave.slug}, `, t("fee").toLowerCase(), " ", el("strong", {}, feeText(leave) || t("unknown")), ` ${leave.ticker}`];

/** The first way, which is proven where one is; and a cheaper one that is not, with that said. */
function lowestFee(ways) {
  const [first] = ways, fee = (way) => (way.leave.fee && !Number(way.leave.percent) ? way.leave.fee : null);
  const other = first.identity ? null : ways.find((way) => way.identity === 1 && fee(way) !== null && fee(first) !== null && compare(fee(way), fee(first)) < 0);
  return el("span", {}, t(first.identity ? "lowest_unproven" : "lowest_proven"), ": ", wayWords(first), ".",
    other ? el("span", { class: "muted" }, " ", t("lower_unproven"), ": ", wayWords(other), ".") : null);
}

/** Why other ways are none: closed or not known to be open at an end. */
function leftOut(ticker, from, to) {
  const all = (groups.get(ticker) || []).flatMap((row) => [...row.cells.values()]).filter((one) => one.slug);
  const reasons = new Map();
  let common = false;
  for (const a of all) for (const b of all) {
    if (a.p === b.p || a.slug !== b.slug || (from !== "" && a.p !== Number(from)) || (to !== "" && b.p !== Number(to))) continue;
    common = true;
    const [reason, end] = a.withdraw === 1 ? ["withdraw-closed", a] : b.deposit === 1 ? ["deposit-closed", b]
      : a.withdraw === 0 ? ["withdraw-unknown", a] : b.deposit === 0 ? ["deposit-unknown", b] : [null, null];
    if (!reason) continue;
    if (!reasons.has(reason)) reasons.set(reason, new Set());
    reasons.get(reason).add(`${P[end.p]} ${end.slug}`);
  }
  const told = [...reasons].map(([reason, ends]) => el("li", {}, `${t("why_" + reason)}: ${[...ends].slice(0, 12).join(", ")}`,
    ends.size > 12 ? " " + t("and_more", { n: ends.size - 12 }) : ""));
  return common ? told : [el("li", {}, t("why_no-common"))];
}
