// The cheapest way of an amount, as `convert` finds it: on the page for some questions, asked of a server for any.

const AGAIN_MS = 15000, WAIT_MS = 400; // a shown answer is asked anew after so long; a question when it is typed
let heard = { key: "", answer: null }, asking = "", askTimer = null;

/** What the fields ask: an end without a provider is any. */
function wayQuestion(asset) {
  const end = (id) => ($(id).value === "" ? null : P[Number($(id).value)]);
  const from = end("r-from"), to = end("r-to"), into = $("r-into").value.trim().toUpperCase() || asset.toUpperCase();
  const usual = usualAmount(asset), amount = $("r-amount").value.trim() || usual;
  $("r-amount").placeholder = usual;
  $("r-into").placeholder = asset.toUpperCase();
  const place = (ticker, provider) => (provider === null ? ticker : `${ticker}@${provider}`);
  return { asset: asset.toUpperCase(), into, from, to, amount, source: place(asset.toUpperCase(), from), target: place(into, to) };
}

/** 1, 2 or 5 times a power of ten that is worth nearly 1,000 USDT; nothing where no price is known. */
function usualAmount(asset) {
  if (D.ways && D.ways.amounts[asset]) return D.ways.amounts[asset];
  if (asset === "USDT") return "1000";
  const pair = pairOf(asset + "/USDT"), back = pairOf("USDT/" + asset);
  const price = pair && pair.sum.bids.length ? Number(pair.sum.bids[0].bid) : back && back.sum.asks.length ? 1 / Number(back.sum.asks[0].ask) : 0;
  const power = Math.floor(Math.log10(1000 / price)), lead = 1000 / price / 10 ** power, digit = lead >= 5 ? "5" : lead >= 2 ? "2" : "1";
  if (!Number.isFinite(power)) return "";
  return power < 0 ? "0." + "0".repeat(-power - 1) + digit : digit + "0".repeat(power);
}

function showWay(asset) {
  const where = $("r-ways"), open = [...where.querySelectorAll("details")].map((one) => one.open);
  refill(where, asset ? cheapestWay(wayQuestion(asset)) : null);
  where.querySelectorAll("details").forEach((one, i) => { if (open[i]) one.open = true; });
}

function cheapestWay(asked) {
  if (asked.into === asked.asset) {
    if (asked.from === null || asked.to === null) return el("p", { class: "hint" }, t("way_ends"));
    if (asked.from === asked.to) return el("p", { class: "hint" }, t("way_same"));
  }
  if (!/^\d{1,30}(\.\d{1,30})?$/.test(asked.amount) || !Number(asked.amount)) return el("p", { class: "hint" }, t("way_no_amount"));
  if (!D.live) return wayOnPage(asked) || wayElsewhere(asked);
  const answer = askServer(asked);
  if (!answer) return el("p", { class: "hint" }, t("way_asking"));
  return answer.error ? noAnswer(answer.error) : wayAnswer(asked, answer);
}

/** Why the server has no answer: the question's own mistakes have words of their own. */
function noAnswer([reason, words]) {
  const own = "unanswered_" + reason;
  return el("div", { class: "hint" }, t(own in WORDS ? own : "r_" + reason), quotedWords(words));
}

/** An answer that came with the page. */
function wayOnPage(asked) {
  const { amounts, answers, keys, assumed } = D.ways;
  if (asked.into !== asked.asset || !amounts[asked.asset] || compare(amounts[asked.asset], asked.amount)) return null;
  const found = answers.find(([p, q, asset]) => asset === asked.asset && P[p] === asked.from && P[q] === asked.to);
  if (!found) return null;
  const [, , , complete, out, cause, ways] = found;
  const steps = (rows) => rows.map((row) => Object.fromEntries(keys[row[0]].map((key, i) => [key, row[i]])));
  return wayAnswer(asked, { at: D.made, complete, left_out: out, cause, problems: [],
    ways: ways.map(([arrives, rate, whole, rows, rests]) => ({ arrives, rate, whole, steps: steps(rows), assumed: rests.map((i) => assumed[i]) })) });
}

function wayElsewhere({ amount, source, target }) {
  const amounts = Object.entries(D.ways.amounts).map(([asset, much]) => `${much} ${asset}`).join(", ");
  return el("p", { class: "hint" }, amounts ? t("way_not_here", { amounts }) : t("way_none_here"), " ", command(`marketctl convert ${amount} ${source} ${target}`), " ", t("way_or_live"), " ", el("code", {}, "marketctl board"));
}

/** The last answer of the server, which is asked when there is none yet, or an old one. */
function askServer({ amount, source, target }) {
  const key = new URLSearchParams({ amount, from: source, to: target }).toString();
  const known = heard.key === key ? heard.answer : null;
  if (asking !== key && (!known || now() - known.at > AGAIN_MS)) {
    asking = key;
    clearTimeout(askTimer);
    askTimer = setTimeout(() => fetchWay(key), known ? 0 : WAIT_MS);
  }
  return known;
}

async function fetchWay(key) {
  let answer;
  try {
    answer = await (await fetch("ways?" + key, { cache: "no-store", credentials: "same-origin" })).json();
  } catch { answer = { error: ["away", ""] }; }
  if (asking !== key) return; // another was asked meanwhile
  asking = "";
  heard = { key, answer: { at: now(), ...answer } };
  if (here() === "wallet") showRoutes();
  clearTimeout(askTimer);
  askTimer = setTimeout(() => { if (here() === "wallet" && !document.hidden) showRoutes(); }, AGAIN_MS + 500);
}

// Shown -------------------------------------------------------------------------------------

/** A long figure cut for the eye. */
const short = (text) => (text.length > 11 && text.includes(".") ? text.slice(0, Math.max(10, text.indexOf(".") + 3)) + "…" : text);
const figure = (text) => el("span", { class: "digits", title: text }, short(text));
/** What the network's decimals leave behind is no part worth telling. */
const inPart = (way) => way.steps.some((step) => Number(step.left) > Number(step.given) / 10000);

function wayAnswer(asked, { at, ways, complete, left_out: out, cause, problems }) {
  const left = Object.entries(out).map(([reason, n]) => `${t("lo_" + reason)} ${n}`).join(", ");
  const more = [complete ? null : el("p", { class: "hint" }, t("way_unsure")), problems.length ? el("ul", { class: "list" }, problems.map(wayProblem)) : null];
  if (!ways.length) return el("div", {}, el("p", { class: "hint" }, t("way_none"), " ", cause ? t("cause_" + cause[0], cause[1]) + ". " : null, left ? t("way_left_out", { words: left }) : null), more);
  const [first, ...others] = ways;
  return el("div", {}, el("p", { class: "cheapest", role: "status" }, wayHead(asked, first), " ", muted(`${t("way_age")} `), age(at)),
    wayTable(asked, first, at), wayRests(first),
    others.map((way) => el("details", {}, el("summary", {}, t("way_next", { arrives: `${short(way.arrives)} ${asked.into}` }), ", ", wayShort(way)), wayTable(asked, way, at), wayRests(way))), more);
}

function wayHead(asked, way) {
  const share = (Number(way.rate) - 1) * 100, provider = way.steps[way.steps.length - 1].to;
  const cost = asked.into !== asked.asset ? t("way_rate", { asset: asked.asset, rate: short(way.rate) })
    : inPart(way) ? null : t(share > 0 ? "way_gains" : "way_costs", { percent: percent(Math.abs(share)) });
  return [el("strong", {}, figure(way.arrives), ` ${asked.into}`), ` ${t("way_arrive", { provider })}`, cost ? `, ${cost}` : null, inPart(way) ? [" ", badge("warn", t("way_part"), t("way_part_why"))] : null, "."].flat();
}

const wayShort = (way) => way.steps.map((step) => (step.step === "trade" ? `${step.unit_in} → ${step.unit_out}` : `${step.from} → ${step.to} ${step.network}`)).join(", ");
const wayProblem = ([key, whose, words]) => el("li", {}, whose ? `${whose}: ` : "", t("unseen_" + key), quotedWords(words));

/** What a way rests on; where an assumed fee is from has a text of its own. */
const restWords = ([key, values]) => t("as_" + key, values.adapter ? { ...values, source: t("fee_source_" + values.adapter) } : values);
const wayRests = (way) => el("details", {}, el("summary", {}, t("way_rests", { n: way.assumed.length })), el("ul", { class: "list" }, way.assumed.map((one) => el("li", {}, restWords(one)))));

function wayTable(asked, way, at) {
  const head = [["way_step"], ["way_given", 1], ["way_arrives", 1], ["fee", 1], ["minimum", 1], ["memo"], ["age", 1]];
  const guessed = new Set(way.assumed.filter(([key]) => key === "fee_assumed").map(([, { provider }]) => provider));
  const kind = { proven: "good", unproven: "warn" };
  return el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("cheapest_way") }, el("table", { class: "plain way" },
    el("thead", {}, el("tr", {}, head.map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
    el("tbody", {}, way.steps.map((step) => {
      const trade = step.step === "trade", p = P.indexOf(step.from), q = P.indexOf(step.to);
      const [minimum, byDeposit] = trade ? [null] : larger(step.withdraw_min, step.deposit_min);
      const limit = trade ? columns[p].max : Math.min(W.max[p], W.max[q]);
      return el("tr", {},
        el("th", { scope: "row" }, trade ? t("way_trade", { provider: step.from, given: step.unit_in, got: step.unit_out, rate: step.rate, side: step.side, pair: step.pair })
          : [`${step.from} → ${step.to}, ${step.network}`, step.notes.length ? el("span", { class: "noted", title: step.notes.join(" / ") }, "!") : null, " ",
            badge(kind[step.identity], t("id_" + step.identity), t(`id_${step.identity}_why`))]),
        el("td", { class: "num" }, figure(step.given), ` ${step.unit_in}`), el("td", { class: "num" }, figure(step.arrives), ` ${step.unit_out}`),
        el("td", { class: "num" }, figure(step.fee), ` ${step.unit_out}`, trade ? muted(` ${step.fee_percent} %${guessed.has(step.from) ? ` ${t("way_assumed")}` : ""}`) : null),
        el("td", { class: "num", title: byDeposit ? t("set_by_deposit") : null }, trade ? "" : minimum || muted(t("unknown"))),
        el("td", {}, trade ? "" : step.memo_required === null ? muted(t("unknown")) : t(step.memo_required ? "yes" : "no")),
        el("td", { class: "num" }, step.age_ms === null ? muted(t("unknown")) : age(at - step.age_ms, limit)));
    }))));
}
