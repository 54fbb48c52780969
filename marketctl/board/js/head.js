/** How old the page may be: as long as the quickest of its prices. */
const pageLimit = () => Math.min(600000, ...D.providers.map((one) => one.jobs.prices).filter((job) => job.at !== null).map((job) => job.limit));

let told = null;

function head() {
  const old = now() - made, limit = pageLimit(), root = document.documentElement;
  const state = old > 10 * limit ? "bad" : old > limit ? "warn" : "";
  if (state) root.dataset.old = state;
  else delete root.dataset.old;
  const jobs = jobsNow(), bad = jobs.filter((one) => one.state === "failing").length;
  const late = jobs.filter((one) => one.state === "late" || one.state === "held").length;
  const shut = closedNow(true).length;
  const words = [shut ? t("t_closed", { n: shut }) : "", bad ? t("t_failing", { n: bad }) : "", late ? t("t_late", { n: late }) : ""].filter(Boolean);
  if (state) words.unshift(t("t_old", { age: span(old) }));
  const name = [detail && sheet ? sheet[1] : "", t(here()), t("title")].filter(Boolean).join(" · ");
  document.title = (words.length ? `● ${words.slice(0, 2).join(", ")} · ` : "") + name;
  const color = state === "bad" || shut || bad ? "b3261e" : state || late ? "b87503" : "17713f";
  const icon = `data:image/svg+xml,%3Csvg xmlns='http://www.w3.org/2000/svg' viewBox='0 0 16 16'%3E%3Ccircle cx='8' cy='8' r='7' fill='%23${color}'/%3E%3C/svg%3E`;
  if ($("icon").getAttribute("href") !== icon) $("icon").setAttribute("href", icon);
  const line = [lang, D.away, state, state ? span(old) : ""].join();
  if (line !== told) fill($("banners"),
    D.away && !nothingYet() ? el("p", { class: "banner warn" }, t("mirror")) : null,
    state ? el("p", { class: "banner " + state }, t("old_page", { age: span(old) }), " ", D.live ? null : command("marketctl report")) : null);
  told = line; // it is read out when it changes
  const time = $("made");
  time.dateTime = iso(made);
  const text = D.live && !state ? t("live", { age: span(old) }) : `${clock(made)} UTC · ${old < 5000 ? t("just_now") : t("ago", { age: span(old) })}`;
  if (time.textContent !== text) time.textContent = text;
  $("made-word").hidden = Boolean(D.live && !state);
}
