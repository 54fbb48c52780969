function dark() {
  const chosen = document.documentElement.dataset.theme;
  return chosen ? chosen === "dark" : matchMedia("(prefers-color-scheme: dark)").matches;
}

function themeButton() {
  $("theme").textContent = t(dark() ? "theme_light" : "theme_dark");
  $("theme").setAttribute("aria-label", `${t("theme_label")}: ${t(dark() ? "theme_light" : "theme_dark")}`);
}

function speak() {
  document.documentElement.lang = lang;
  document.querySelectorAll("[data-t]").forEach((one) => { one.textContent = t(one.dataset.t); });
  document.querySelectorAll("[data-t-hint]").forEach((one) => { one.placeholder = t(one.dataset.tHint); });
  document.querySelectorAll("[data-t-label]").forEach((one) => { one.setAttribute("aria-label", t(one.dataset.tLabel)); });
  $("lang").textContent = lang === "ru" ? "English" : "Русский";
  $("lang").lang = lang === "ru" ? "en" : "ru";
  $("lang").title = t("lang_label");
  $("footer").textContent = t("footer", { version: D.version });
  document.querySelectorAll("[data-t-name]").forEach((one) => { one.setAttribute("aria-label", t(one.dataset.tName)); });
  themeButton();
  shown = null;
  show();
}

const theme = recall("theme");
if (theme === "dark" || theme === "light") document.documentElement.dataset.theme = theme;
$("theme").addEventListener("click", () => {
  document.documentElement.dataset.theme = dark() ? "light" : "dark";
  remember("theme", document.documentElement.dataset.theme);
  themeButton();
});
matchMedia("(prefers-color-scheme: dark)").addEventListener("change", themeButton);
$("lang").addEventListener("click", () => {
  lang = lang === "ru" ? "en" : "ru";
  remember("lang", lang);
  speak();
});
$("d-close").addEventListener("click", () => $("detail").close());
$("detail").addEventListener("click", (event) => { if (event.target === $("detail")) $("detail").close(); });
$("detail").addEventListener("close", () => {
  detail = null;
  $("d-body").replaceChildren();
  if (!sheet) return head();
  sheet = null;
  // Back would open it again: what one closed is gone from the way back too.
  if (pushed) window.history.back();
  else address();
  pushed = false;
  return head();
});
document.querySelectorAll("form").forEach((form) => form.addEventListener("submit", (event) => event.preventDefault()));
addEventListener("hashchange", show);
addEventListener("keydown", (event) => { // "/" leads to the search of what is shown
  const field = event.key === "/" && !event.ctrlKey && !event.metaKey && !$("detail").open && !/^(INPUT|SELECT)$/.test(event.target.tagName) ? $("sec-" + here()).querySelector("input[type=search]") : null;
  if (!field) return;
  event.preventDefault();
  field.focus();
});
const printing = (on) => [priceGrid, walletGrid].forEach((grid) => { if (grid) { grid.printing = on; grid.heads(); grid.draw(); } });
addEventListener("beforeprint", () => printing(true));
addEventListener("afterprint", () => printing(false));

// Time passes ------------------------------------------------------------------------------

let standing = "";

/** Judge anew, and draw what is told otherwise now. */
function turn() {
  const crossed = judge(), states = jobsNow().map((one) => one.state).join() + W.at.map((_, p) => walletOld(p)).join();
  if (crossed || (standing && states !== standing)) redraw(states !== standing);
  standing = states;
  document.querySelectorAll("time[data-ms]").forEach(tick);
  head();
}

function redraw(states) {
  const name = here();
  if (name === "desk") desk();
  else if (name === "providers") health();
  else if (name === "prices") { if ($("p-which").value) pricesFilter(true); else priceGrid.draw(); }
  else if (states && name === "wallet") { walletFilter(true); showRoutes(); }
  if (detail) detail();
}

setInterval(turn, 1000);
document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });
