/** The middle of a quote, for a line: never for anything that is told as a price. */
const middle = (line, i) => (line.l[i] ? Number(line.l[i]) : line.b[i] && line.a[i] ? (Number(line.b[i]) + Number(line.a[i])) / 2 : Number(line.b[i] || line.a[i] || NaN));

function unpack(line) {
  const texts = (joined) => joined.split(" ").map((one) => (one === "-" ? "" : one));
  let at = 0;
  const t_ = line.t.split(" ").map((step) => (at += Number(step) * 1000));
  return { p: line.p, at: line.at, t: t_, b: texts(line.b), a: texts(line.a), l: line.l ? texts(line.l) : t_.map(() => "") };
}

function history(pair, rows) {
  const H = D.history, x = D.prices.pairs.indexOf(pair);
  const lines = H.series.filter((line) => line.x === x).map(unpack);
  if (!lines.length) {
    if (D.source === "mirror") return el("p", { class: "hint" }, t("history_mirror"));
    if (!H.enabled) return el("p", { class: "hint" }, t("history_off"));
    if (H.error) return el("p", { class: "hint" }, t("history_error", { why: t("r_" + H.error[0]) }), quotedWords(H.error[1]));
    if (!H.complete && rows.length) return el("p", { class: "hint" }, t("history_more"), " ", command(`marketctl prices history ${P[rows[0].p]} ${pair}`));
    return el("p", { class: "hint" }, t("history_none"));
  }
  const drawn = lines.map((line) => ({ p: line.p, points: line.t.map((dt, i) => [line.at + dt, middle(line, i), line, i]).filter(([, y]) => Number.isFinite(y)) }));
  const xs = drawn.flatMap(({ points }) => points.map(([at]) => at)), ys = drawn.flatMap(({ points }) => points.map(([, y]) => y));
  const end = Math.max(...xs, ...rows.filter((row) => timeOf(row) !== null && drawn.some((one) => one.p === row.p)).map(timeOf));
  const start = Math.min(...xs), low = Math.min(...ys), high = Math.max(...ys);
  const width = Math.max(300, Math.min(innerWidth, 1160) - 100), tall = width < 500 ? 190 : 260, left = 4, right = 92, top = 10, foot = 26;
  const pad = (high - low) * 0.06 || Math.abs(high) * 0.001 || 1;
  const sx = (at) => left + ((at - start) / (end - start || 1)) * (width - left - right);
  const sy = (y) => top + (1 - (y - low + pad) / (high - low + 2 * pad)) * (tall - top - foot);
  const digits = Math.max(0, Math.min(12, 2 - Math.floor(Math.log10((high - low) || Math.abs(high) || 1))));
  const axis = new Intl.NumberFormat(locale(), { maximumFractionDigits: digits, minimumFractionDigits: Math.min(digits, 4) });
  const told = (y) => pointed(axis, y);
  const when = (at) => (end - start > 1.5 * 86400000 ? iso(at).slice(5, 16).replace("T", " ") : iso(at).slice(11, end - start < 600000 ? 19 : 16));
  const chart = svg("svg", { viewBox: `0 0 ${width} ${tall}`, class: "line-chart", role: "img",
    "aria-label": t("history_label", { pair, from: clock(start), to: clock(end), low: told(low), high: told(high) }) });
  for (let step = 0; step <= 3; step += 1) {
    const y = low - pad + ((high - low + 2 * pad) * (step + 0.35)) / 3.7;
    chart.append(svg("line", { x1: left, x2: width - right, y1: sy(y), y2: sy(y), class: "guide" }),
      svg("text", { x: width - right + 8, y: sy(y) + 4 }, told(y)));
    const at = start + ((end - start) * step) / 3;
    chart.append(svg("text", { x: sx(at), y: tall - 6, "text-anchor": step === 0 ? "start" : step === 3 ? "end" : "middle" }, when(at)));
  }
  drawn.forEach(({ p, points }) => {
    const path = points.map(([at, y], i) => (i ? `H${sx(at).toFixed(1)}V${sy(y).toFixed(1)}` : `M${sx(at).toFixed(1)} ${sy(y).toFixed(1)}`)).join("");
    const quote = rows.find((row) => row.p === p);
    const now = quote && timeOf(quote) !== null ? `H${sx(Math.max(timeOf(quote), points[points.length - 1][0])).toFixed(1)}` : "";
    chart.append(svg("path", { d: path + now, class: `line color-${p % 8}` }, svg("title", {}, P[p])));
  });
  const legend = el("ul", { class: "legend" }, drawn.map(({ p, points }) => el("li", {}, el("i", { class: `swatch color-${p % 8}` }), P[p], " ", muted(told(points[points.length - 1][1])))));
  const table = el("details", {}, el("summary", {}, t("history_table")), el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("history_table") },
    el("table", { class: "plain" }, el("thead", {}, el("tr", {}, [["time"], ["provider"], ["bid", 1], ["ask", 1], ["last", 1]].map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
      el("tbody", {}, drawn.flatMap(({ p, points }) => points.map(([at, , line, i]) => [at, p, line, i])).sort((a, b) => b[0] - a[0]).map(([at, p, line, i]) => el("tr", {}, el("td", {}, clock(at)), el("td", {}, P[p]),
        el("td", { class: "num" }, line.b[i] || muted("–")), el("td", { class: "num" }, line.a[i] || muted("–")), el("td", { class: "num" }, line.l[i] || muted("–"))))))));
  return el("figure", { class: "history" }, chart, legend, table);
}
