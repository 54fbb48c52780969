// Jobs: how each stands, why, and what to type --------------------------------------------------

const CREDENTIALS = new Set(["no-credentials", "auth", "permission", "ip-not-allowed"]);
const LOOK = new Set(["blocked", "clock-skew", "redis", "storage", "network", "timeout", "unavailable", "maintenance", "deadline"]);

const SKIPPED = new Set(["not-supported", "no-credentials"]);

/** How a job does now. A failed one stays so, a good one is late when nothing new came in its time. */
function stateOf(job) {
  if (SKIPPED.has(job.reason)) return "skipped";
  if (job.failures || job.live === "failed") return "failing";
  if (job.at === null) return "never";
  if (job.live === "held") return "held";
  return job.live === "expired" || tooOld(job.at, job.limit) || standsStill(job) ? "late" : "ok";
}

const standsStill = (job) => job.source !== undefined && job.live === "ok" && tooOld(job.source, job.still);

function fix(provider, name, job) {
  const state = stateOf(job);
  const reason = state === "failing" || state === "skipped" ? job.reason : null;
  if (reason === "not-supported") return null;
  if (state === "held") return `marketctl prices held ${provider}`;
  if (reason === "no-credentials" || reason === "auth") return `marketctl credentials set ${provider}`;
  if (reason === "rate-limited") return "marketctl status"; // to ask again makes it worse
  if (CREDENTIALS.has(reason) || LOOK.has(reason)) return `marketctl check ${provider}`;
  if (reason === "config") return `marketctl providers show ${provider}`;
  if (reason === "bad-answer") return `marketctl dump ${name} -p ${provider}`;
  if (reason === "suspect") return `${job.sync} --force`;
  if (reason === "internal") return `${job.sync} -v`;
  return job.sync;
}

function why(job) {
  const state = stateOf(job);
  if (state === "never") return t("r_never");
  if (state === "held") return t("r_held");
  if (state === "late") {
    if (job.live === "expired") return t("r_expired", { age: span(now() - job.at) });
    if (!tooOld(job.at, job.limit)) return t("r_still", { age: job.source === null ? t("unknown") : span(now() - job.source) });
    return t("r_late", { age: span(now() - job.at), interval: span(job.interval * 1000) });
  }
  if (job.live === "failed" && !job.failures) return t("r_unread");
  if (!job.reason) return "";
  return WORDS["r_" + job.reason] ? t("r_" + job.reason) : t("r_other", { reason: job.reason });
}

const KIND = { ok: "good", late: "warn", failing: "bad", held: "warn", skipped: "calm", never: "warn", disabled: "calm" };
const RANK = ["failing", "late", "held", "never", "ok", "skipped"];

function priceCounts(p) {
  const told = { quotes: 0, stale: 0, one: 0, held: 0 };
  for (const row of quotes) {
    if (p !== null && row.p !== p) continue;
    if (row.f & HELD) { told.held += 1; continue; }
    told.quotes += 1;
    told.stale += row.stale;
    told.one += row.one;
  }
  return told;
}

function jobCounts(name, job, p) {
  if (name === "prices") {
    const c = priceCounts(p);
    return [t("n_quotes", { n: count(c.quotes) }), c.stale ? t("n_stale", { n: count(c.stale) }) : "", c.one ? t("n_one_sided", { n: count(c.one) }) : "",
      c.held ? t("n_held", { n: count(c.held) }) : ""].filter(Boolean).join(", ");
  }
  const c = job.counts;
  if (!c) return "";
  return name === "wallet" ? t("n_assets", { n: count(c.assets), m: count(c.networks) }) : t("n_pairs", { n: count(c.pairs) });
}

const jobsNow = () => D.providers.flatMap((one, p) => JOBS.map((name) => ({ p, provider: one.name, name, job: one.jobs[name], state: stateOf(one.jobs[name]) })));
const BAD = new Set(["failing", "late", "held", "never"]);

/** One line for one cause: the jobs of a provider that stand alike for the same reason. */
function causes(jobs) {
  const found = new Map();
  for (const one of jobs) {
    const key = [one.provider, one.state, one.state === "failing" || one.state === "skipped" ? one.job.reason : ""].join();
    if (!found.has(key)) found.set(key, []);
    found.get(key).push(one);
  }
  return merged([...found.values()]).sort(([a], [b]) => RANK.indexOf(a.state) - RANK.indexOf(b.state) || a.p - b.p);
}

// What stops several providers at once is ours: nobody collects, or this machine has no way out.
const OURS = new Set(["network", "redis", "storage", "clock-skew"]), SEVERAL = 3;

/** Put together what looks like one cause of ours. */
function merged(groups) {
  const found = new Map();
  for (const group of groups) {
    const [{ state, job }] = group, ours = state === "late" || state === "never" || (state === "failing" && OURS.has(job.reason));
    const key = ours ? state + (state === "failing" ? job.reason : "") : group[0].provider + state + job.reason;
    found.set(key, [...(found.get(key) || []), group]);
  }
  return [...found.values()].flatMap((alike) => (alike.length < SEVERAL ? alike : [alike.flat()]));
}

function cause(all) {
  return new Set(all.map((one) => one.provider)).size > 1 ? commonCause(all) : causeOf(all);
}

function commonCause(all) {
  const [{ state }] = all, names = [...new Set(all.map((one) => one.provider))], jobs = JOBS.filter((name) => all.some((one) => one.name === name));
  const worst = all.reduce((a, b) => ((a.job.at ?? 0) <= (b.job.at ?? 0) ? a : b));
  return el("li", {},
    el("div", { class: "what" }, badge(KIND[state], t("state_" + state)), " ", el("strong", {}, t("n_providers", { n: names.length })), " ", jobs.map((name) => t("job_" + name)).join(", ")),
    el("div", { class: "say" }, why(worst.job), " ", muted(names.join(", "))),
    command(state === "failing" ? "marketctl check" : "marketctl run --once"));
}

function causeOf(all) {
  const [{ provider, name, job, state }] = all, fixes = new Set(all.map((one) => fix(one.provider, one.name, one.job)));
  const failures = Math.max(...all.map((one) => one.job.failures)), successes = all.map((one) => one.job.success).filter((one) => one !== null);
  return el("li", {},
    el("div", { class: "what" }, badge(KIND[state], t("state_" + state)), " ", el("strong", {}, provider), " ", all.map((one) => t("job_" + one.name)).join(", ")),
    el("div", { class: "say" }, why(job),
      failures ? [" ", t("failures", { n: failures }), "; ", successes.length ? t("last_success", { age: span(now() - Math.max(...successes)) }) : t("no_success"), "."] : null,
      job.live === "failed" && job.error ? quotedWords(job.error) : null),
    command(fixes.size === 1 ? fix(provider, name, job) : `marketctl run --once -p ${provider}`));
}

/** Words of our own log, which are English: beside English ones alone. */
const quotedWords = (words) => (lang === "en" ? el("div", { class: "muted words" }, words) : null);

/** What could not be read: the reason in words, the file by its name. */
function problem([reason, words]) {
  const path = /\/[^\s:'"]+/.exec(words);
  return el("li", {}, el("div", { class: "what" }, badge("bad", t("problem_file"))),
    el("div", { class: "say words" }, t("r_" + reason), path && lang !== "en" ? [" ", el("code", {}, path[0])] : null, quotedWords(words)));
}

const nothingYet = () => jobsNow().every(({ job, state }) => state === "never" || (state === "skipped" && job.at === null)) && !quotes.length;
