function showPair(pair) {
  const rows = (quoted.get(pair) || []).slice().sort((a, b) => a.p - b.p);
  const whole = pairOf(pair), { bid, ask, bids, asks } = whole ? whole.sum : { bid: null, ask: null, bids: [], asks: [] };
  const isBest_ = (row, side) => (side === "bid" ? bids : asks).includes(row);
  const price_ = (row, side) => (isBest_(row, side) ? el("strong", { class: "best" }, row[side], " ", badge("good", t("best"))) : price(row[side], row));
  const sum = (label, value, note) => el("div", { class: "kpi" }, el("dt", {}, label), el("dd", {}, value, note ? [" ", el("small", {}, note)] : null));
  const names = (list) => list.map((row) => P[row.p]).join(", ");
  const body = [
    el("div", { class: "kpis" }, el("dl", {},
      sum(t("best_bid"), bid ? bid.bid : t("unknown"), bid && names(bids)),
      sum(t("best_ask"), ask ? ask.ask : t("unknown"), ask && names(asks)),
      sum(t("gap"), bid && ask ? gapText(whole.sum.gap) : t("unknown"), bid && ask && whole.sum.gap > 0 ? [wayCell(whole)] : null))),
    el("h3", {}, t("side_by_side")),
    el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("side_by_side") }, el("table", { class: "plain" }, el("thead", {}, el("tr", {},
      [["provider"], ["bid", 1], ["ask", 1], ["spread", 1], ["last", 1], ["volume", 1], ["age", 1], ["notes"]].map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
    el("tbody", {}, rows.map((row) => el("tr", { class: dimmed(row) ? "dim" : null }, el("th", { scope: "row" }, P[row.p]),
      el("td", { class: "num" }, price_(row, "bid")), el("td", { class: "num" }, price_(row, "ask")),
      el("td", { class: "num" }, percent(row.spread) || muted("–")), el("td", { class: "num" }, row.last || muted("–")),
      el("td", { class: "num" }, amount(row.volume)), el("td", { class: "num" }, age(timeOf(row), columns[row.p].max)),
      el("td", { class: "note" }, marks(row), row.f & (TRADING | HALTED | RATE) ? null : muted(t("status_unknown")), row.note ? el("div", { class: "muted" }, verdict(row)) : null)))))),
    el("p", { class: "hint" }, t("counts_not")),
    el("h3", {}, t("history")), history(pair, rows),
    groupOf(pair.slice(0, pair.lastIndexOf("/"))).length ? el("p", { class: "hint" }, assetLink(pair.slice(0, pair.lastIndexOf("/")), t("asset_view", { asset: pair.slice(0, pair.lastIndexOf("/")) }))) : null];
  showDetail(pair, () => showPair(pair), rows.length ? body : el("p", { class: "hint" }, t("no_pair", { pair })));
}
