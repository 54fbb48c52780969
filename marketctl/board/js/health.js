// Providers -----------------------------------------------------------------------------------

function health() {
  const jobs = jobsNow(), trouble = jobs.filter(({ state }) => BAD.has(state));
  const skipped = jobs.filter(({ job, state }) => state === "skipped" && job.reason === "no-credentials");
  const troubled = new Set(trouble.map((one) => one.provider));
  const kpi = (label, value, note, kind) => el("div", { class: "kpi " + (kind || "") }, el("dt", {}, label), el("dd", {}, value, note ? [" ", el("small", {}, note)] : null));
  const all = priceCounts(null), listed = new Set(), moving = new Set();
  R.t.forEach((ticker, i) => {
    if (!moves.has(R.p[i])) return;
    listed.add(ticker);
    if (R.n[i] >= 0) moving.add(ticker + ":" + (R.g[i] >= 0 ? R.g[i] : `${R.p[i]}:${R.n[i]}`));
  });
  fill($("kpis"), el("dl", {},
    kpi(t("kpi_healthy"), count(P.length - troubled.size), t("kpi_of", { n: count(P.length) }), troubled.size ? "warn" : "good"),
    kpi(t("kpi_trouble"), count(trouble.length), skipped.length ? t("kpi_skipped", { n: skipped.length }) : "", trouble.length ? "bad" : "good"),
    kpi(t("kpi_quotes"), count(all.quotes), [t("kpi_quotes_sub", { stale: count(all.stale), one: count(all.one) }), all.held ? t("n_held", { n: count(all.held) }) : ""].filter(Boolean).join(", "), all.quotes && all.stale * 2 > all.quotes ? "bad" : ""),
    kpi(t("kpi_assets"), count(listed.size), t("kpi_assets_sub", { n: count(moving.size) })),
    kpi(t("kpi_changes"), count(D.changes.total), W.twins.length ? t("kpi_twins", { n: count(W.twins.length) }) : "")));

  fill($("cards"), D.providers.map(card), D.disabled.length ? el("article", { class: "panel card" },
    el("h3", {}, t("disabled")), D.disabled.map((name) => el("p", {}, badge("calm", name), " ", command(`marketctl providers enable ${name}`)))) : null);
}

function card(one, p) {
  const worst = RANK.find((state) => JOBS.some((name) => stateOf(one.jobs[name]) === state)) || "ok";
  const id = "p-" + one.name;
  const ms = (value) => (value === null || value === undefined ? t("unknown") : `${numeral(value, "plain")} ${t("unit_ms")}`);
  const platform = WORDS["platform_" + one.platform] ? t("platform_" + one.platform) : one.platform === "unknown" ? t("unknown") : one.platform;
  const facts = el("dl", { class: "facts" },
    el("div", {}, el("dt", {}, t("latency")), el("dd", {}, ms(one.latency))),
    el("div", {}, el("dt", {}, t("skew")), el("dd", { class: Math.abs(one.skew) >= 1000 ? "warn-text" : null }, ms(one.skew))),
    el("div", {}, el("dt", {}, t("platform")), el("dd", { class: one.platform === "maintenance" ? "warn-text" : null, title: one.platform_message }, platform)));
  const rows = JOBS.map((name) => {
    const job = one.jobs[name], type = fix(one.name, name, job), state = stateOf(job);
    const known = name === "prices" ? job.live === "ok" : Boolean(job.counts);
    return el("tbody", {}, el("tr", {},
      el("th", { scope: "row" }, t("job_" + name)),
      el("td", {}, badge(KIND[state], t("state_" + state))),
      el("td", { class: "num" }, job.at === null ? muted("–") : age(job.at, job.limit)),
      el("td", { class: "say" }, state === "ok" || (known && state === "late") ? jobCounts(name, job, p) : el("span", {}, why(job), job.failures ? " " + t("failures", { n: job.failures }) + "." : ""))),
    state !== "ok" && type ? el("tr", { class: "type" }, el("td", { colspan: 4 }, el("span", { class: "label" }, t(type === job.sync ? "sync_now" : "fix")), command(type))) : null);
  });
  const table = el("table", { class: "jobs" }, el("thead", {}, el("tr", {},
    ["job", "state", "data_age", "counts"].map((key) => el("th", { scope: "col", class: key === "data_age" ? "num" : null }, t(key))))), rows);
  return el("article", { class: "panel card", "aria-labelledby": id },
    el("div", { class: "head" }, el("h3", { id }, one.name, one.kind ? el("small", {}, one.kind) : null), badge(KIND[worst], t("state_" + worst))),
    facts, quota(one.quota), table);
}

function quota(told) {
  if (!told) return null;
  const left = told.remaining !== null && told.remaining !== undefined ? told.remaining
    : told.limit !== null && told.used !== null && told.limit !== undefined && told.used !== undefined ? told.limit - told.used : null;
  const parts = [told.plan];
  if (left !== null && told.limit) parts.push(t("quota_left", { n: count(left), m: count(told.limit) }));
  else if (told.used !== null && told.used !== undefined) parts.push(t("quota_used", { n: count(told.used) }));
  else if (left !== null) parts.push(count(left));
  const past = told.resets_at && Date.parse(told.resets_at) < now();
  if (told.resets_at) parts.push(t(past ? "quota_was_reset" : "quota_resets", { at: told.resets_at.slice(0, 16).replace("T", " ") + " UTC" }));
  const words = parts.filter(Boolean).join(", ") || t("unknown");
  const share = left !== null && told.limit ? Math.max(0, Math.min(1, left / told.limit)) : null;
  const gauge = share === null ? null : el("div", { class: "gauge" + (past ? " past" : share < 0.1 ? " low" : ""), role: "meter", "aria-label": t("quota"),
    "aria-valuemin": 0, "aria-valuemax": told.limit, "aria-valuenow": left, "aria-valuetext": words }, el("i", { style: `width:${(share * 100).toFixed(1)}%` }));
  return el("div", { class: "quota" }, el("span", {}, t("quota") + ": " + words), gauge);
}
