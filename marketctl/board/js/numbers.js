// Numbers and times ------------------------------------------------------------------------

// Prices stand here digit by digit as they were sent, with a point: so do all other figures, in both languages.
const pointed = (format, value) => (lang === "ru" ? format.formatToParts(value).map((part) => (part.type === "decimal" ? "." : part.value)).join("") : format.format(value));
const locale = () => (lang === "ru" ? "ru-RU" : "en-US");
const fixed = (digits) => ({ minimumFractionDigits: digits, maximumFractionDigits: digits });
const FORMATS = { plain: {}, short: { notation: "compact", ...fixed(2) }, small: { maximumSignificantDigits: 5 }, share: fixed(3), tiny: fixed(5) };
const formats = new Map(); // to make one takes longer than a row

function numeral(value, name) {
  const key = lang + name;
  if (!formats.has(key)) formats.set(key, new Intl.NumberFormat(locale(), FORMATS[name]));
  return pointed(formats.get(key), value);
}

const count = (n) => (n === null || n === undefined ? t("unknown") : numeral(n, "plain"));
const none = () => el("span", { class: "muted", title: t("unknown") }, el("span", { "aria-hidden": "true" }, "–"), el("span", { class: "sr" }, t("unknown")));

/** A large amount, short; the exact digits are its title. */
function amount(text) {
  if (!text) return muted("–");
  const value = Number(text);
  if (!Number.isFinite(value)) return document.createTextNode(text);
  return el("span", { title: text }, numeral(value, value >= 1e4 ? "short" : "small"));
}

/** Compare decimals exactly: first as numbers, then digit by digit. */
function compare(one, other) {
  const near = Number(one) - Number(other);
  if (near || one === other) return near;
  const [a, b] = [one, other].map((text) => text.split("."));
  const digits = Math.max((a[1] || "").length, (b[1] || "").length);
  const [x, y] = [a, b].map(([whole, part]) => BigInt(whole + (part || "").padEnd(digits, "0")));
  return x < y ? -1 : x > y ? 1 : 0;
}

function spread(bid, ask) {
  if (!bid || !ask) return null;
  const low = Number(bid), high = Number(ask);
  return low + high ? ((high - low) * 200) / (high + low) : null;
}

function percent(value) {
  if (value === null) return "";
  const size = Math.abs(value);
  return numeral(value, size && size < 0.001 ? "tiny" : "share") + " %";
}

const iso = (ms) => new Date(ms).toISOString();
const clock = (ms) => iso(ms).slice(0, 19).replace("T", " ");

function span(ms) {
  const s = Math.max(0, Math.round(ms / 1000));
  if (s < 120) return s + " " + t("unit_s");
  if (s < 7200) return Math.floor(s / 60) + " " + t("unit_min");
  if (s < 172800) return Math.floor(s / 3600) + " " + t("unit_h");
  return Math.floor(s / 86400) + " " + t("unit_d");
}

/** An age that goes on growing; `max` marks it old. */
function age(ms, max) {
  if (ms === null || ms === undefined) return muted(t("unknown"));
  const made = el("time", { datetime: iso(ms), title: clock(ms) + " UTC", "data-ms": ms, "data-max": max || "" });
  tick(made);
  return made;
}

/** Let an age that stands there be of another moment. */
function renew(made, ms) {
  if (ms === null || Number(made.dataset.ms) === ms) return;
  made.dataset.ms = ms;
  made.dateTime = iso(ms);
  made.title = clock(ms) + " UTC";
  tick(made);
}

function tick(made) {
  const at = Number(made.dataset.ms), text = span(now() - at);
  if (made.textContent !== text) made.textContent = text;
  made.classList.toggle("old", Boolean(made.dataset.max) && tooOld(at, Number(made.dataset.max)));
}
