// Stats ------------------------------------------------------------------------------------

let allCurrencies = false;

function statsSection() {
  const known = D.stats.providers.map((one, p) => [p, one]).filter(([, one]) => one.at !== null);
  fill($("s-none"), known.length ? null : el("p", { class: "banner" }, t("no_stats"), " ", command("marketctl stats collect")));
  const groups_ = [["pairs", ["total", "trading", "halted"]], ["assets", ["total", "deposit_open", "withdraw_open"]], ["networks", ["total", "deposit_open", "withdraw_open"]]];
  fill($("s-coverage"), el("div", { class: "scroll panel", tabindex: 0, role: "region", "aria-label": t("coverage") }, el("table", { class: "plain" },
    el("thead", {}, el("tr", {}, el("th", { scope: "col", rowspan: 2 }, t("provider")), groups_.map(([name, columns]) => el("th", { scope: "colgroup", colspan: columns.length, class: "group" }, t(name))), el("th", { scope: "col", rowspan: 2, class: "num" }, t("data_age"))),
      el("tr", {}, groups_.flatMap(([, columns]) => columns.map((column, i) => el("th", { scope: "col", class: "num" + (i ? "" : " edge") }, t(column)))))),
    el("tbody", {}, known.map(([, one]) => el("tr", {}, el("th", { scope: "row" }, one.name),
      groups_.flatMap(([name, columns]) => columns.map((column, i) => el("td", { class: "num" + (i ? "" : " edge") }, one[name][column] === null || one[name][column] === undefined ? none() : count(one[name][column])))),
      el("td", { class: "num" }, age(one.at))))))));
  const rows = Object.entries(D.stats.turnover), shown = allCurrencies ? rows : rows.slice(0, 8);
  const told = known.filter(([p]) => rows.some(([, amounts]) => amounts[p]));
  fill($("s-turnover"), rows.length ? el("div", { class: "scroll panel", tabindex: 0, role: "region", "aria-label": t("turnover_by") }, el("table", { class: "plain" },
    el("caption", { class: "sr" }, t("turnover_by")),
    el("thead", {}, el("tr", {}, el("th", { scope: "col" }, t("currency")), told.map(([, one]) => el("th", { scope: "col", class: "num" }, one.name)))),
    el("tbody", {}, shown.map(([currency, amounts]) => el("tr", {}, el("th", { scope: "row" }, currency), told.map(([p]) => el("td", { class: "num" }, amounts[p] ? amount(amounts[p]) : ""))))))) : el("p", { class: "hint" }, t("turnover_none")),
  rows.length > shown.length ? el("button", { type: "button", class: "quiet", on: { click: () => { allCurrencies = true; statsSection(); } } }, t("show_all", { n: rows.length })) : null);
  document.querySelectorAll("[data-growth]").forEach((list) => fill(list, D.stats.providers.map((one, p) => [p, one]).filter(([, one]) => new Set(one.growth[list.dataset.growth].map(([at]) => at)).size > 1)
    .map(([p, one]) => { const points = one.growth[list.dataset.growth]; return el("li", {}, el("i", { class: `swatch color-${p % 8}` }), one.name, " ", muted(`${count(points[0][1])} → ${count(points[points.length - 1][1])}`)); })));
}
