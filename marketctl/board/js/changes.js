// Changes

let changesShown = CHANGES_STEP;

function change(field, before, after) {
  const name = WORDS["c_" + field] ? t("c_" + field) : field.replace(/_/g, " ");
  if (field === "asset" || field === "network") return [name + " ", badge(before === null ? "info" : "bad", t(before === null ? "c_new" : "c_gone"))];
  if ((field === "deposit" || field === "withdraw") && typeof before === "boolean" && typeof after === "boolean") {
    return [name + " ", badge(after ? "good" : "bad", t(after ? "c_opened" : "c_closed"))];
  }
  const flagged = field === "deposit" || field === "withdraw";
  const told = (value) => (value === null ? t("unknown") : value === true ? t(flagged ? "open" : "yes") : value === false ? t(flagged ? "closed" : "no") : String(value));
  return [name + " ", el("span", { class: "digits" }, `${told(before)} → ${told(after)}`)];
}

function showChanges() {
  const words = $("c-search").value.trim().toUpperCase().split(/\s+/).filter(Boolean);
  const rows = D.changes.rows.filter(([, p, asset, network]) => words.every((word) => [P[p], asset, network || ""].join(" ").toUpperCase().includes(word)));
  $("c-count").textContent = D.changes.total ? t("changes_count", { n: count(rows.length), m: count(D.changes.total) }) : "";
  if (!D.changes.total) return fill($("c-found"), el("p", { class: "hint" }, t("changes_none")));
  const table = el("div", { class: "scroll tall", tabindex: 0, role: "region", "aria-label": t("changes") }, el("table", { class: "plain" },
    el("thead", {}, el("tr", {}, ["time", "provider", "asset", "network", "change"].map((key) => el("th", { scope: "col" }, t(key))))),
    el("tbody", {}, rows.slice(0, changesShown).map(([at, p, asset, network, field, before, after]) => el("tr", {},
      el("td", { class: "digits", title: at === null ? null : clock(at) + " UTC" }, at === null ? t("unknown") : clock(at).slice(5, 16)), el("td", {}, P[p]), el("th", { scope: "row" }, asset), el("td", {}, network || muted("–")), el("td", {}, change(field, before, after)))))));
  const left = rows.length - changesShown;
  return fill($("c-found"), rows.length ? table : el("p", { class: "hint" }, t("no_rows")),
    left > 0 ? el("button", { type: "button", class: "quiet", on: { click: () => { changesShown += 200; showChanges(); } } }, t("show_more", { n: Math.min(200, left) })) : null,
    D.changes.total > D.changes.rows.length ? el("p", { class: "hint" }, t("changes_cut", { n: count(D.changes.rows.length), m: count(D.changes.total) })) : null);
}
