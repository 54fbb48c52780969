"use strict";
// Draws the board from the two JSON documents of the page. Texts from data only ever become text nodes.
(() => {
  const D = JSON.parse(document.getElementById("data").textContent);
  const WORDS = JSON.parse(document.getElementById("words").textContent);
  const TRADING = 1, HALTED = 2, DERIVED = 4, IS_MID = 8, TWIN = 16, RATE = 32, HELD = 64, MARKED = 128;
  const JOBS = ["wallet", "prices", "stats"];
  const PRINT_ROWS = 300, CHANGES_STEP = 50;
  const P = D.providers.map((one) => one.name);
  const $ = (id) => document.getElementById(id);

  // Time: everything is judged at the moment it is looked at -----------------------------------

  const FUTURE = 5000; // clocks that disagree by no more than this agree
  let shift = Math.max(0, D.made - Date.now()); // a clock behind the page's own making is set right
  let made = D.made; // when all of this was last known to be so: the server goes on saying it
  const now = () => Date.now() + shift;
  const tooOld = (at, limit) => at === null || at > now() + FUTURE || now() - at > limit;

  // Words ------------------------------------------------------------------------------------

  let lang = recall("lang") === "ru" ? "ru" : "en";

  function t(key, values) {
    const text = (WORDS[key] || [key, key])[lang === "ru" ? 1 : 0];
    return values ? text.replace(/\{(\w+)\}/g, (all, name) => (name in values ? values[name] : all)) : text;
  }

  function recall(name) {
    try { return localStorage.getItem("marketctl-" + name); } catch { return null; }
  }

  function remember(name, value) {
    try { localStorage.setItem("marketctl-" + name, value); } catch { /* a file may have no storage */ }
  }

  // Elements ---------------------------------------------------------------------------------

  function el(tag, given, ...children) {
    const made = document.createElement(tag);
    for (const [name, value] of Object.entries(given || {})) {
      if (value === null || value === undefined || value === false) continue;
      if (name === "on") for (const [event, act] of Object.entries(value)) made.addEventListener(event, act);
      else if (name === "class") made.className = value;
      else made.setAttribute(name, value === true ? "" : value);
    }
    made.append(...children.flat().filter((child) => child !== null && child !== undefined && child !== false));
    return made;
  }

  function svg(tag, given, ...children) {
    const made = document.createElementNS("http://www.w3.org/2000/svg", tag);
    for (const [name, value] of Object.entries(given || {})) made.setAttribute(name, value);
    made.append(...children);
    return made;
  }

  const fill = (where, ...children) => where.replaceChildren(...children.flat().filter(Boolean));
  const badge = (kind, text, title) => el("span", { class: "badge " + kind, title }, text);
  const muted = (text) => el("span", { class: "muted" }, text);

  function command(text) {
    const button = el("button", { type: "button", class: "copy quiet", "aria-label": t("copy_what", { what: text }) }, t("copy"));
    button.addEventListener("click", async () => {
      let done = false;
      try {
        await navigator.clipboard.writeText(text);
        done = true;
      } catch {
        const range = document.createRange();
        range.selectNodeContents(button.previousSibling);
        getSelection().removeAllRanges();
        getSelection().addRange(range);
        try { done = document.execCommand("copy"); } catch { done = false; }
      }
      if (!done) return;
      button.textContent = t("copied");
      setTimeout(() => { button.textContent = t("copy"); }, 1500);
    });
    return el("span", { class: "command" }, el("code", {}, text), button);
  }

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

  function tick(made) {
    const at = Number(made.dataset.ms), text = span(now() - at);
    if (made.textContent !== text) made.textContent = text;
    made.classList.toggle("old", Boolean(made.dataset.max) && tooOld(at, Number(made.dataset.max)));
  }

  // A table that draws only the rows in sight --------------------------------------------------

  class Grid {
    constructor(where, { label, columns, key, open, sort, empty, sorted }) {
      Object.assign(this, { columns, key, open, sort, empty, sorted, usual: sort, rows: [], made: new Map(), printing: false });
      this.body = el("tbody");
      this.head = el("tr", { "aria-rowindex": 1 });
      this.table = el("table", { "aria-label": label() }, el("colgroup", {}, columns.map((c) => el("col", { class: "c-" + c.id }))),
        el("thead", {}, this.head), this.body);
      this.label = label;
      this.cut = el("p", { class: "print-only" });
      this.frame = el("div", { class: "grid", tabindex: 0, role: "region" }, this.table);
      this.frame.addEventListener("scroll", () => this.later(), { passive: true });
      this.body.addEventListener("keydown", (event) => this.arrows(event));
      new ResizeObserver(() => this.later()).observe(this.frame);
      fill(where, this.frame, this.cut);
      this.heads();
    }

    heads() {
      this.table.setAttribute("aria-label", this.label());
      this.frame.setAttribute("aria-label", this.label());
      fill(this.head, this.columns.map((column) => {
        const sorted = this.sort.id === column.id;
        const cell = el("th", { scope: "col", class: "c-" + column.id + (column.number ? " num" : ""),
          "aria-sort": column.value ? (sorted ? (this.sort.down ? "descending" : "ascending") : "none") : null });
        const title = [column.title()].flat();
        if (!column.value || this.printing) cell.append(...title); // a browser repeats no buttons on the next sheet
        else cell.append(el("button", { type: "button", on: { click: () => this.sortBy(column) } }, title, " ",
          el("span", { class: "arrow", "aria-hidden": "true" }, sorted ? (this.sort.down ? "▼" : "▲") : "")));
        return cell;
      }));
    }

    sortBy(column) {
      const down = this.sort.id === column.id ? !this.sort.down : Boolean(column.number);
      this.sort = { id: column.id, down };
      const index = this.columns.indexOf(column);
      this.heads();
      this.set(this.rows);
      this.head.children[index].querySelector("button").focus();
      this.sorted();
    }

    /** Sort as an address says: "-bid", "pair"; what it does not say is as at first. */
    sortAs(word) {
      const id = (word || "").replace(/^-/, ""), column = this.columns.find((one) => one.id === id && one.value);
      const sort = column ? { id, down: word.startsWith("-") } : this.usual;
      if (sort.id === this.sort.id && sort.down === this.sort.down) return;
      this.sort = sort;
      this.heads();
    }

    get sortWord() {
      return this.sort.id === this.usual.id && this.sort.down === this.usual.down ? "" : (this.sort.down ? "-" : "") + this.sort.id;
    }

    /** Show these rows; `keep` where one is reading, so that the place stays. */
    set(rows, keep) {
      const column = this.columns.find((one) => one.id === this.sort.id);
      const turn = this.sort.down ? -1 : 1;
      const keyed = rows.map((row, index) => [column.value(row), index, row]);
      // Unknown is last in either direction.
      keyed.sort(([a, i], [b, j]) => {
        const none = (a === null) - (b === null);
        if (none) return none;
        return (a === null ? 0 : (a < b ? -1 : a > b ? 1 : 0) * turn) || i - j;
      });
      this.rows = keyed.map(([, , row]) => row);
      if (!keep) {
        this.made.clear();
        this.frame.scrollTop = 0;
      }
      this.table.setAttribute("aria-rowcount", this.rows.length + 1);
      this.draw();
    }

    later() {
      if (this.waiting) return;
      this.waiting = true;
      requestAnimationFrame(() => { this.waiting = false; this.draw(); });
    }

    draw() {
      const all = this.rows.length;
      if (!all) {
        this.made.clear();
        fill(this.body, el("tr", { class: "empty" }, el("td", { colspan: this.columns.length }, this.empty())));
        return;
      }
      const height = parseFloat(getComputedStyle(this.frame).getPropertyValue("--row")) || 36;
      const first = this.printing ? 0 : Math.max(0, Math.floor(this.frame.scrollTop / height) - 8);
      const seen = Math.ceil((this.frame.clientHeight || 600) / height) + 16;
      const last = this.printing ? Math.min(all, PRINT_ROWS) : Math.min(all, first + seen);
      const focused = document.activeElement && this.body.contains(document.activeElement) ? document.activeElement.closest("tr") : null;
      const focusedRow = focused && document.activeElement.dataset.row;
      const made = new Map();
      for (let index = first; index < last; index += 1) {
        const row = this.rows[index], known = this.made.get(row);
        const fresh = known && known.version === (row.version || 0) ? known : { version: row.version || 0, shown: this.row(index) };
        fresh.shown.setAttribute("aria-rowindex", index + 2);
        made.set(row, fresh);
      }
      this.made = made;
      const gap = (rows) => (rows && !this.printing ? el("tr", { class: "gap", "aria-hidden": "true" },
        el("td", { colspan: this.columns.length, style: `height:${rows * height}px` })) : null);
      const wanted = [gap(first), ...[...made.values()].map((one) => one.shown), gap(all - last)].filter(Boolean);
      // Rows that stay are not touched: focus stays with them.
      for (const child of [...this.body.children]) if (!wanted.includes(child)) child.remove();
      let place = this.body.firstChild;
      for (const child of wanted) {
        if (child === place) place = place.nextSibling;
        else this.body.insertBefore(child, place);
      }
      if (focused && !focused.isConnected) {
        const same = [...this.body.querySelectorAll("button.row-name")].find((one) => one.dataset.row && one.dataset.row === focusedRow);
        (same || this.frame).focus({ preventScroll: true });
      }
      this.cut.textContent = this.printing && last < all ? t("print_cut", { n: count(last), m: count(all) }) : "";
    }

    row(index) {
      const row = this.rows[index];
      const made = el("tr", { "aria-rowindex": index + 2, class: this.key && this.key(row) });
      this.columns.forEach((column, place) => {
        const given = { class: "c-" + column.id + (column.number ? " num" : "") };
        if (place === 0) made.append(el("th", { ...given, scope: "row" }, column.cell(row)));
        else made.append(el("td", given, column.cell(row)));
      });
      made.addEventListener("click", (event) => {
        if (!event.target.closest("button, a") && !String(getSelection())) this.open(row);
      });
      return made;
    }

    /** Up and down move from row to row. */
    arrows(event) {
      const step = { ArrowDown: 1, ArrowUp: -1 }[event.key];
      const row = event.target.closest("tr");
      if (!step || !row || !event.target.matches("button.row-name")) return;
      const index = Number(row.getAttribute("aria-rowindex")) - 2 + step;
      if (index < 0 || index >= this.rows.length) return;
      event.preventDefault();
      const height = parseFloat(getComputedStyle(this.frame).getPropertyValue("--row")) || 36;
      const top = index * height, room = this.frame.clientHeight - this.head.offsetHeight - height;
      if (top < this.frame.scrollTop) this.frame.scrollTop = top;
      else if (top > this.frame.scrollTop + room) this.frame.scrollTop = top - room;
      this.draw();
      const next = this.made.get(this.rows[index]);
      if (next) next.shown.querySelector("button.row-name").focus({ preventScroll: true });
    }
  }

  // Data, unpacked ---------------------------------------------------------------------------

  const columns = D.prices.by.map((column) => ({ at: column.at, max: column.max })); // of each provider
  const quoted = new Map(); // pair -> its rows
  const common = new Map(); // quote currency -> how many pairs
  const quoteOf = (pair) => pair.slice(pair.lastIndexOf("/") + 1);
  let quotes = [];

  /** A quote: `own` is its own time, 0 that of its collection, null unknown. */
  function quoteRow(p, pair, [bid, ask, last, volume, f, own, note]) {
    return { p, pair, bid, ask, last, volume, f, own, note: note || null, spread: spread(bid, ask), one: Boolean(bid) !== Boolean(ask), stale: true, version: 0 };
  }

  const timeOf = (row) => (row.own === null ? null : row.own === 0 ? columns[row.p].at : Math.min(row.own, columns[row.p].at));
  const counts = (row) => !row.stale && !(row.f & (RATE | HALTED | TWIN | HELD));

  D.prices.by.forEach((column, p) => column.x.forEach((x, index) => {
    const d = column.d[index];
    quotes.push(quoteRow(p, D.prices.pairs[x], [column.b[index], column.a[index], column.l[index], column.v[index], column.f[index],
      d === null || d === 0 ? d : column.at - d, column.notes[index]]));
  }));

  /** At first: what most providers quote, the commonest quote currency and the largest turnover on top. */
  function arrange() {
    quoted.clear();
    common.clear();
    for (const row of quotes) {
      if (!quoted.has(row.pair)) quoted.set(row.pair, []);
      quoted.get(row.pair).push(row);
    }
    for (const pair of quoted.keys()) common.set(quoteOf(pair), (common.get(quoteOf(pair)) || 0) + 1);
    for (const row of quotes) {
      const rows = quoted.get(row.pair);
      row.sources = rows.length;
      row.rank = row === rows[0] ? Math.max(...rows.map((one) => Number(one.volume) || 0)) : rows[0].rank;
      row.common = common.get(quoteOf(row.pair));
    }
    quotes.sort((a, b) => b.sources - a.sources || b.common - a.common || b.rank - a.rank || (a.pair < b.pair ? -1 : a.pair > b.pair ? 1 : 0) || a.p - b.p);
  }
  arrange();

  /** Tell anew which quotes are too old; true where one crossed the line. */
  function judge() {
    let crossed = false;
    for (const row of quotes) {
      const stale = tooOld(timeOf(row), columns[row.p].max);
      if (stale !== row.stale) {
        row.stale = stale;
        row.version += 1;
        crossed = true;
      }
    }
    return crossed;
  }
  judge();

  const W = D.wallet, T = W.texts, R = W.rows;
  const text = (place) => (place < 0 ? null : T[place]);
  let matrix = null; // made when first looked at
  const moves = new Set(R.p.filter((p, i) => R.n[i] >= 0)); // providers that tell of networks
  const groups = new Map(); // ticker -> its matrix rows
  const twinOf = new Map(); // entry -> groups of entries by contract
  W.twins.forEach((found) => found.flat().forEach((row) => twinOf.set(row, found)));

  function entry(i) {
    const f = R.f[i];
    return { i, p: R.p[i], place: R.t[i], ticker: text(R.t[i]), code: text(R.c[i]), key: text(R.n[i]), slug: text(R.g[i]),
      deposit: f & 3, withdraw: (f >> 2) & 3, memo: (f >> 4) & 3, fiat: Boolean(f & 64), fee: R.fee[i], min: R.min[i],
      dmin: R.dmin[i], confirmations: R.conf[i], contract: text(R.key[i]), note: text(R.note[i]),
      percent: W.percent[i] || "", twins: twinOf.get(i) || null };
  }

  const walletOld = (p) => W.at[p] !== null && tooOld(W.at[p], W.max[p]);

  function wallets() {
    if (matrix) return matrix;
    const byKey = new Map();
    for (let i = 0; i < R.p.length; i += 1) {
      if (!moves.has(R.p[i])) continue;
      const one = entry(i);
      // What has no common name stands alone: it may be another network at another provider.
      let name = one.slug ? "s:" + one.slug : one.key ? "k:" + one.p + ":" + one.key : "none";
      for (let nth = 0; ; nth += 1) {
        const key = JSON.stringify([one.ticker, name, nth]);
        const row = byKey.get(key);
        if (!row) {
          byKey.set(key, { ticker: one.ticker, place: one.place, slug: one.slug, key: one.key, nth, fiat: one.fiat, cells: new Map([[one.p, one]]), twins: one.twins });
          break;
        }
        if (!row.cells.has(one.p)) {
          row.cells.set(one.p, one);
          row.twins = row.twins || one.twins;
          break;
        }
      }
    }
    matrix = [...byKey.values()];
    for (const row of matrix) {
      row.providers = row.cells.size;
      row.find = [row.ticker, W.names[row.place] || "", row.slug || "", ...[...row.cells.values()].flatMap((c) => [c.key || "", c.code || ""])]
        .join(" ").toUpperCase();
      if (!groups.has(row.ticker)) groups.set(row.ticker, []);
      groups.get(row.ticker).push(row);
    }
    const wide = (ticker) => new Set(groups.get(ticker).flatMap((row) => [...row.cells.keys()])).size;
    for (const rows of groups.values()) {
      const width = wide(rows[0].ticker);
      rows.forEach((row) => { row.width = width; row.depth = rows.length; });
    }
    matrix.sort((a, b) => b.width - a.width || b.depth - a.depth || (a.ticker < b.ticker ? -1 : a.ticker > b.ticker ? 1 : 0)
      || b.providers - a.providers || ((a.slug || a.key || "") < (b.slug || b.key || "") ? -1 : 1));
    return matrix;
  }

  // Health -----------------------------------------------------------------------------------

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
    return [...found.values()].sort(([a], [b]) => RANK.indexOf(a.state) - RANK.indexOf(b.state) || a.p - b.p);
  }

  function cause(all) {
    const [{ provider, name, job, state }] = all, fixes = new Set(all.map((one) => fix(one.provider, one.name, one.job)));
    const failures = Math.max(...all.map((one) => one.job.failures)), successes = all.map((one) => one.job.success).filter((one) => one !== null);
    return el("li", {},
      el("div", { class: "what" }, badge(KIND[state], t("state_" + state)), " ", el("strong", {}, provider), " ", all.map((one) => t("job_" + one.name)).join(", ")),
      el("div", { class: "say" }, why(job),
        failures ? [" ", t("failures", { n: failures }), "; ", successes.length ? t("last_success", { age: span(now() - Math.max(...successes)) }) : t("no_success"), "."] : null,
        job.live === "failed" && job.error ? el("div", { class: "muted words", lang: "en" }, job.error) : null),
      command(fixes.size === 1 ? fix(provider, name, job) : `marketctl run --once -p ${provider}`));
  }

  const nothingYet = () => jobsNow().every(({ job, state }) => state === "never" || (state === "skipped" && job.at === null)) && !quotes.length;

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

    const items = causes(trouble).concat(causes(skipped)).map(cause);
    D.problems.forEach((problem) => items.push(el("li", {}, el("div", { class: "what" }, badge("bad", t("problem_file"))), el("div", { class: "say words", lang: "en" }, problem))));
    fill($("attention"), nothingYet() ? el("p", { class: "panel calm-line" }, t("first_run"), " ", command("marketctl run --once"))
      : items.length ? el("ul", { class: "attention panel" }, items) : el("p", { class: "panel calm-line" }, badge("good", t("state_ok")), " ", t("all_good")));

    fill($("cards"), D.providers.map(card), D.disabled.length ? el("article", { class: "panel card" },
      el("h4", {}, t("disabled")), D.disabled.map((name) => el("p", {}, badge("calm", name), " ", command(`marketctl providers enable ${name}`)))) : null);
  }

  function card(one, p) {
    const worst = RANK.find((state) => JOBS.some((name) => stateOf(one.jobs[name]) === state)) || "ok";
    const id = "p-" + one.name;
    const ms = (value) => (value === null || value === undefined ? t("unknown") : `${numeral(value, "plain")} ms`);
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
      el("tr", { class: "type" }, el("td", { colspan: 4 }, type ? [el("span", { class: "label" }, t(type === job.sync ? "sync_now" : "fix")), command(type)] : muted(t("none")))));
    });
    const table = el("table", { class: "jobs" }, el("thead", {}, el("tr", {},
      ["job", "state", "data_age", "counts"].map((key) => el("th", { scope: "col", class: key === "data_age" ? "num" : null }, t(key))))), rows);
    return el("article", { class: "panel card", "aria-labelledby": id },
      el("div", { class: "head" }, el("h4", { id }, one.name, one.kind ? el("small", {}, one.kind) : null), badge(KIND[worst], t("state_" + worst))),
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

  // Prices -----------------------------------------------------------------------------------

  function marks(row) {
    const found = [];
    if (row.f & HELD) found.push(badge("bad", t("badge_held"), verdict(row)));
    else if (row.f & MARKED) found.push(badge("warn", t("v_" + row.note[0]), verdict(row)));
    if (row.f & TWIN) found.push(badge("bad", t("twin"), t("twin_quote")));
    if (row.stale) found.push(badge("warn", t("badge_stale")));
    if (row.one) found.push(badge("warn", t("badge_one")));
    if (row.f & HALTED) found.push(badge("bad", t("badge_halted")));
    if (row.f & RATE) found.push(badge("calm", t(row.f & DERIVED ? "badge_derived" : "badge_rate")));
    return found;
  }

  /** What the sentinel says of a quote: its verdict, from what and how far it is off, since when. */
  function verdict(row) {
    const [name, since, reference, deviation] = row.note;
    return [t("v_" + name), reference ? t("held_from", { reference }) : "", deviation ? `${deviation} %` : "", since ? t("held_since", { at: clock(since) + " UTC" }) : ""].filter(Boolean).join(", ");
  }

  const dimmed = (row) => row.stale || row.one || row.f & (HALTED | HELD | TWIN);
  const price = (text, row) => (text ? (text.length > 13 ? el("span", { class: text.length > 16 ? "long longer" : "long", title: text }, text) : text) : row.f & RATE ? muted("–") : muted(t("none")));
  let priceGrid = null;

  function pricesSection() {
    const number = (text) => (text ? Number(text) : null);
    if (!priceGrid) {
      const select = $("p-provider");
      P.forEach((name, p) => select.append(el("option", { value: p }, name)));
      [...common].sort((a, b) => b[1] - a[1] || (a[0] < b[0] ? -1 : 1)).forEach(([name]) => $("p-quote").append(el("option", { value: name }, name)));
      priceGrid = new Grid($("p-grid"), {
        label: () => t("table_prices"), sort: { id: "sources", down: true }, open: (row) => openSheet("pair", row.pair), sorted: () => address(),
        key: (row) => (dimmed(row) ? "dim" : null),
        empty: () => (quotes.length ? t("no_rows") : el("span", {}, t("no_quotes"), " ", command("marketctl prices collect"))),
        columns: [
          { id: "pair", title: () => t("pair"), value: (r) => r.pair, cell: (r) => [el("button", { type: "button", class: "row-name", "data-row": `${r.pair} ${r.p}`, on: { click: () => openSheet("pair", r.pair) } }, r.pair), el("span", { class: "under" }, P[r.p])] },
          { id: "provider", title: () => t("provider"), value: (r) => P[r.p], cell: (r) => P[r.p] },
          { id: "bid", number: true, title: () => [t("bid"), el("span", { class: "narrow" }, " / " + t("ask"))], value: (r) => number(r.bid), cell: (r) => [price(r.bid, r), el("span", { class: "stacked", "aria-hidden": "true" }, price(r.ask, r))] },
          { id: "ask", number: true, title: () => t("ask"), value: (r) => number(r.ask), cell: (r) => price(r.ask, r) },
          { id: "spread", number: true, title: () => t("spread"), value: (r) => r.spread, cell: (r) => percent(r.spread) || muted("–") },
          { id: "last", number: true, title: () => t("last"), value: (r) => number(r.last), cell: (r) => (r.last ? price(r.last, r) : muted("–")) },
          { id: "volume", number: true, title: () => t("volume"), value: (r) => number(r.volume), cell: (r) => amount(r.volume) },
          { id: "sources", number: true, title: () => t("sources"), value: (r) => r.sources, cell: (r) => String(r.sources) },
          { id: "marks", title: () => t("notes"), cell: (r) => marks(r) },
          { id: "age", number: true, title: () => t("age"), value: (r) => (timeOf(r) === null ? null : -timeOf(r)), cell: (r) => age(timeOf(r), columns[r.p].max) },
        ],
      });
      for (const id of ["p-search", "p-provider", "p-quote", "p-which"]) $(id).addEventListener("input", () => { pricesFilter(); address(); });
    } else priceGrid.heads();
    read("prices");
    priceGrid.sortAs(asked().get("sort"));
    pricesFilter();
  }

  const WHICH = { fresh: (r) => !r.stale && !(r.f & (HALTED | HELD | TWIN)) && r.bid && r.ask, stale: (r) => r.stale, one: (r) => r.one,
    held: (r) => r.f & (HELD | MARKED), halted: (r) => r.f & HALTED, twin: (r) => r.f & TWIN, rate: (r) => r.f & RATE };

  function pricesFilter(keep) {
    const words = $("p-search").value.trim().toUpperCase().split(/\s+/).filter(Boolean);
    const provider = $("p-provider").value, quote = $("p-quote").value, which = WHICH[$("p-which").value];
    const found = quotes.filter((row) => (provider === "" || row.p === Number(provider)) && (!quote || row.pair.endsWith("/" + quote))
      && (!which || which(row)) && words.every((word) => row.pair.toUpperCase().includes(word) || P[row.p].toUpperCase().includes(word)));
    priceGrid.set(found, keep === true);
    $("p-count").textContent = t("count_rows", { n: count(found.length), m: count(quotes.length) });
  }

  function showPair(pair) {
    const rows = (quoted.get(pair) || []).slice().sort((a, b) => a.p - b.p);
    const counted = rows.filter(counts);
    const best = (side, sign) => counted.filter((row) => row[side]).reduce((top, row) => (!top || compare(row[side], top[side]) * sign > 0 ? row : top), null);
    const bid = best("bid", 1), ask = best("ask", -1);
    const isBest = (row, side, top) => top && counted.includes(row) && row[side] && compare(row[side], top[side]) === 0;
    const price_ = (row, side, top) => (isBest(row, side, top) ? el("strong", { class: "best" }, row[side], " ", badge("good", t("best"))) : price(row[side], row));
    const sum = (label, value, note) => el("div", { class: "kpi" }, el("dt", {}, label), el("dd", {}, value, note ? [" ", el("small", {}, note)] : null));
    const names = (side, top) => rows.filter((row) => isBest(row, side, top)).map((row) => P[row.p]).join(", ");
    const body = [
      el("div", { class: "kpis" }, el("dl", {},
        sum(t("best_bid"), bid ? bid.bid : t("unknown"), bid && names("bid", bid)),
        sum(t("best_ask"), ask ? ask.ask : t("unknown"), ask && names("ask", ask)),
        sum(t("between"), bid && ask ? percent(spread(bid.bid, ask.ask)) : t("unknown")))),
      el("h3", {}, t("side_by_side")),
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("side_by_side") }, el("table", { class: "plain" }, el("thead", {}, el("tr", {},
        [["provider"], ["bid", 1], ["ask", 1], ["spread", 1], ["last", 1], ["volume", 1], ["age", 1], ["notes"]].map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
      el("tbody", {}, rows.map((row) => el("tr", { class: dimmed(row) ? "dim" : null }, el("th", { scope: "row" }, P[row.p]),
        el("td", { class: "num" }, price_(row, "bid", bid)), el("td", { class: "num" }, price_(row, "ask", ask)),
        el("td", { class: "num" }, percent(row.spread) || muted("–")), el("td", { class: "num" }, row.last || muted("–")),
        el("td", { class: "num" }, amount(row.volume)), el("td", { class: "num" }, age(timeOf(row), columns[row.p].max)),
        el("td", { class: "note" }, marks(row), row.f & (TRADING | HALTED | RATE) ? null : muted(t("status_unknown")), row.note ? el("div", { class: "muted" }, verdict(row)) : null)))))),
      el("p", { class: "hint" }, t("counts_not")),
      el("h3", {}, t("history")), history(pair, rows)];
    showDetail(pair, () => showPair(pair), rows.length ? body : el("p", { class: "hint" }, t("no_pair", { pair })));
  }

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
      if (H.error) return el("p", { class: "hint" }, t("history_error", { why: H.error }));
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

  // Wallet -----------------------------------------------------------------------------------

  const OPEN = ["unknown", "closed", "open"], SIGN = ["?", "✕", "✓"];

  function flag(letter, key, state) {
    return el("span", { class: "flag " + OPEN[state] }, el("span", { "aria-hidden": "true" }, letter + SIGN[state]),
      el("span", { class: "sr" }, `${t(key)}: ${t(OPEN[state])}. `));
  }

  const feeText = (one) => [Number(one.percent) && Number(one.fee) === 0 ? "" : one.fee, Number(one.percent) ? one.percent + " %" : ""].filter(Boolean).join(" + ");

  function cell(one) {
    if (!one) return el("span", { class: "muted" }, el("span", { "aria-hidden": "true" }, "·"), el("span", { class: "sr" }, t("not_listed")));
    return [el("span", { class: "flags" }, flag("D", "deposit", one.deposit), flag("W", "withdraw", one.withdraw),
      one.note ? el("span", { class: "noted", title: one.note }, "!") : null),
    el("span", { class: "fee", title: feeText(one).length > 14 ? feeText(one) : null }, el("span", { class: "sr" }, t("fee") + ": "), feeText(one) || (one.fiat || !one.key ? "" : t("unknown")))];
  }

  const networkName = (row) => row.slug || row.key || (row.fiat ? t("fiat") : t("no_networks"));
  let walletGrid = null;
  const walletProviders = () => P.map((_, p) => p).filter((p) => moves.has(p));

  function walletSection() {
    const rows = wallets(), shown = walletProviders();
    if (!walletGrid) {
      shown.forEach((p) => { for (const id of ["w-provider", "r-from", "r-to"]) $(id).append(el("option", { value: p }, P[p])); });
      fill($("r-assets"), [...groups.keys()].slice(0, 300).map((ticker) => el("option", { value: ticker })));
      $("w-grid").style.setProperty("--matrix", `${290 + shown.length * 104}px`);
      if (groups.has("USDT")) $("r-asset").value = "USDT";
      walletGrid = new Grid($("w-grid"), {
        label: () => t("table_wallet"), sort: { id: "providers", down: true }, open: (row) => openSheet("asset", row.ticker), sorted: () => address(),
        key: (row) => (row.twins ? "twin" : null),
        empty: () => (rows.length ? t("no_rows") : el("span", {}, t("no_wallet"), " ", command("marketctl wallet sync"))),
        columns: [
          { id: "asset", title: () => t("asset"), value: (r) => r.ticker, cell: (r) => [el("button", { type: "button", class: "row-name", on: { click: () => openSheet("asset", r.ticker) } }, r.ticker), el("span", { class: "under" }, networkName(r))] },
          { id: "network", title: () => t("network"), value: (r) => r.slug || r.key, cell: (r) => [networkName(r), " ", r.twins ? badge("bad", t("twin")) : null] },
          { id: "providers", number: true, title: () => t("sources"), value: (r) => r.width, cell: (r) => String(r.providers) },
          ...shown.map((p) => ({ id: "cell", title: () => el("span", { title: P[p] }, P[p]), cell: (r) => cell(r.cells.get(p)) })),
        ],
      });
      for (const id of ["w-search", "w-provider", "w-which"]) $(id).addEventListener("input", () => { walletFilter(); address(); });
      for (const id of ["r-asset", "r-from", "r-to"]) $(id).addEventListener("input", () => { showRoutes(); address(); });
      $("c-search").addEventListener("input", () => { changesShown = CHANGES_STEP; showChanges(); address(); });
    } else walletGrid.heads();
    read("wallet");
    walletGrid.sortAs(asked().get("sort"));
    walletFilter();
    walletOthers();
    showRoutes();
    showChanges();
  }

  /** Sources of rates list currencies and no networks: they have no column. */
  function walletOthers() {
    const others = P.map((name, p) => [name, p]).filter(([, p]) => W.at[p] !== null && !moves.has(p)).map(([name]) => name);
    $("w-others").textContent = others.length ? t("list_only", { names: others.join(", ") }) : "";
  }

  function walletFilter(keep) {
    const words = $("w-search").value.trim().toUpperCase().split(/\s+/).filter(Boolean);
    const provider = $("w-provider").value, which = $("w-which").value;
    const has = (row, state) => [...row.cells].some(([p, one]) => (provider === "" || p === Number(provider)) && (one.deposit === state || one.withdraw === state));
    const test = { open: (row) => !has(row, 0) && !has(row, 1), closed: (row) => has(row, 1), unknown: (row) => has(row, 0), twin: (row) => row.twins }[which];
    const found = wallets().filter((row) => (provider === "" || row.cells.has(Number(provider))) && (!test || test(row)) && words.every((word) => row.find.includes(word)));
    walletGrid.set(found, keep === true);
    $("w-count").textContent = t("count_networks", { n: count(found.length), m: count(wallets().length) });
  }

  function twinText(row) {
    const parts = row.twins.map((group) => [...new Set(group.map((i) => P[R.p[i]]))].join(", "));
    return t("twin_words", { network: networkName(row), groups: parts.join(" ≠ ") });
  }

  function showAsset(ticker) {
    wallets();
    const rows = (groups.get(ticker) || []).slice().sort((a, b) => b.providers - a.providers || (networkName(a) < networkName(b) ? -1 : 1));
    const name = W.names[T.indexOf(ticker)];
    const cells = rows.flatMap((row) => [...row.cells].sort(([a], [b]) => a - b).map(([p, one]) => [row, p, one]));
    const yes = ["unknown", "no", "yes"];
    const state = (value) => badge(["calm", "bad", "good"][value], t(OPEN[value]));
    const value = (text) => text || none();
    const twins = rows.filter((row) => row.twins);
    const head = [["network"], ["provider"], ["deposit"], ["withdraw"], ["fee", 1], ["withdraw_min_s", 1], ["deposit_min_s", 1], ["conf_s", 1], ["memo"], ["contract"], ["note"]];
    const body = [
      twins.length ? el("ul", { class: "banner bad list" }, twins.map((row) => el("li", {}, badge("bad", t("twin")), " ", twinText(row)))) : null,
      el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": ticker }, el("table", { class: "plain networks" },
        el("thead", {}, el("tr", {}, head.map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
        el("tbody", {}, cells.map(([row, p, one], i) => el("tr", { class: i && cells[i - 1][0] !== row ? "first" : null },
          el("th", { scope: "row" }, networkName(row), one.key && one.key !== row.slug ? el("span", { class: "code" }, one.key) : null),
          el("td", {}, P[p], one.code ? el("span", { class: "code" }, one.code) : null, walletOld(p) ? badge("warn", t("old_data")) : null),
          el("td", {}, state(one.deposit)), el("td", {}, state(one.withdraw)),
          el("td", { class: "num" }, value(feeText(one))), el("td", { class: "num" }, value(one.min)), el("td", { class: "num" }, value(one.dmin)),
          el("td", { class: "num" }, value(one.confirmations === null ? "" : String(one.confirmations))), el("td", {}, one.memo ? t(yes[one.memo]) : none()),
          el("td", { class: "contract" }, one.contract ? el("span", { title: one.contract }, one.contract) : muted("–")),
          el("td", { class: "note" }, one.note || "")))))),
      el("p", { class: "hint" }, t("wallet_of"), ": ", [...new Set(cells.map(([, p]) => p))].sort().flatMap((p, i) => [i ? ", " : "", P[p] + " ", age(W.at[p])])),
      el("h3", {}, t("routes")), routesOf(ticker, "", "")];
    showDetail(name && name !== ticker ? `${ticker} · ${name}` : ticker, () => showAsset(ticker), rows.length ? body : el("p", { class: "hint" }, t("route_no_asset", { asset: ticker })));
  }

  // Routes: which ones there are, in which order and how sure comes with the page; here they are only shown.

  function showRoutes() {
    const asset = $("r-asset").value.trim();
    if (!asset) return fill($("r-found"), el("p", { class: "hint" }, t("route_ask")));
    const ticker = groups.has(asset) ? asset : [...groups.keys()].find((one) => one.toUpperCase() === asset.toUpperCase());
    if (!ticker) return fill($("r-found"), el("p", { class: "hint" }, t("route_no_asset", { asset })));
    return fill($("r-found"), routesOf(ticker, $("r-from").value, $("r-to").value));
  }

  function larger(withdraw, deposit) {
    if (deposit && (!withdraw || compare(deposit, withdraw) > 0)) return [deposit, true];
    return [withdraw, false];
  }

  function routesOf(ticker, from, to) {
    const flat = W.routes[T.indexOf(ticker)] || [], ways = [];
    for (let i = 0; i < flat.length; i += 3) {
      const way = { leave: entry(flat[i]), arrive: entry(flat[i + 1]), identity: flat[i + 2] };
      if ((from === "" || way.leave.p === Number(from)) && (to === "" || way.arrive.p === Number(to))) ways.push(way);
    }
    const open = ways.filter((way) => way.identity < 2).length;
    const head = [["from"], ["to"], ["network"], ["fee", 1], ["minimum", 1], ["confirmations", 1], ["verdict"]];
    const id = ["proven", "unproven", "refused"], kind = ["good", "warn", "bad"];
    const limit = 10;
    const table = (shown) => el("table", { class: "plain" },
      el("thead", {}, el("tr", {}, head.map(([key, n]) => el("th", { scope: "col", class: n ? "num" : null }, t(key))))),
      el("tbody", {}, shown.map(({ leave, arrive, identity }, i) => {
        const [minimum, byDeposit] = larger(leave.min, arrive.dmin);
        return el("tr", { class: identity === 2 ? "dim" : i === 0 ? "first-way" : null },
          el("td", {}, P[leave.p]), el("td", {}, P[arrive.p]),
          el("th", { scope: "row" }, leave.slug, leave.note || arrive.note ? el("span", { class: "noted", title: [leave.note, arrive.note].filter(Boolean).join(" / ") }, "!") : null),
          el("td", { class: "num" }, feeText(leave) || muted(t("unknown"))),
          el("td", { class: "num", title: byDeposit ? t("set_by_deposit") : null }, minimum || muted(t("unknown"))),
          el("td", { class: "num" }, arrive.confirmations === null ? muted(t("unknown")) : String(arrive.confirmations)),
          el("td", {}, badge(kind[identity], t("id_" + id[identity]), t("id_" + id[identity] + "_why")),
            walletOld(leave.p) || walletOld(arrive.p) ? badge("warn", t("old_data")) : null));
      })));
    const frame = el("div", { class: "scroll", tabindex: 0, role: "region", "aria-label": t("routes") }, table(ways.slice(0, limit)));
    const more = ways.length > limit ? el("button", { type: "button", class: "quiet", on: { click: () => { fill(frame, table(ways)); more.remove(); } } }, t("show_more", { n: ways.length - limit })) : null;
    const reasons = leftOut(ticker, from, to, ways);
    return el("div", { class: "routes" },
      el("p", { class: open ? "cheapest" : "hint" }, open ? [cheapest(ways[0]), " ", muted(t("route_count", { n: count(open) }))] : t("route_none")),
      ways.length ? frame : null, more,
      reasons.length ? el("details", { open: !open || null }, el("summary", {}, t("left_out")), el("ul", { class: "list" }, reasons)) : null);
  }

  function cheapest({ leave, arrive }) {
    return el("span", {}, t("cheapest") + ": ", el("strong", {}, `${P[leave.p]} → ${P[arrive.p]}`), `, ${leave.slug}, `, t("fee").toLowerCase() + " ",
      el("strong", {}, feeText(leave) || t("unknown")), ` ${leave.ticker}.`);
  }

  /** Why other ways are none: closed or not known to be open at an end. */
  function leftOut(ticker, from, to) {
    const all = (groups.get(ticker) || []).flatMap((row) => [...row.cells.values()]).filter((one) => one.slug);
    const reasons = new Map();
    let common = false;
    for (const a of all) for (const b of all) {
      if (a.p === b.p || a.slug !== b.slug || (from !== "" && a.p !== Number(from)) || (to !== "" && b.p !== Number(to))) continue;
      common = true;
      const [reason, end] = a.withdraw === 1 ? ["withdraw-closed", a] : b.deposit === 1 ? ["deposit-closed", b]
        : a.withdraw === 0 ? ["withdraw-unknown", a] : b.deposit === 0 ? ["deposit-unknown", b] : [null, null];
      if (!reason) continue;
      if (!reasons.has(reason)) reasons.set(reason, new Set());
      reasons.get(reason).add(`${P[end.p]} ${end.slug}`);
    }
    const told = [...reasons].map(([reason, ends]) => el("li", {}, `${t("why_" + reason)}: ${[...ends].slice(0, 12).join(", ")}`,
      ends.size > 12 ? " " + t("and_more", { n: ends.size - 12 }) : ""));
    return common ? told : [el("li", {}, t("why_no-common"))];
  }

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

  // The page ---------------------------------------------------------------------------------

  const SECTIONS = { health, prices: pricesSection, wallet: walletSection, stats: statsSection };
  const SHEETS = { pair: showPair, asset: showAsset };
  // What an address holds beside the section: word -> field. "#prices?q=BTC&pair=BTC/USDT"
  const FIELDS = {
    prices: { q: "p-search", provider: "p-provider", quote: "p-quote", which: "p-which" },
    wallet: { q: "w-search", provider: "w-provider", which: "w-which", route: "r-asset", from: "r-from", to: "r-to", changes: "c-search" },
  };
  const NAMED = new Set(["provider", "from", "to"]); // by name in an address, by place in a field
  let detail = null, sheet = null, shown = null, pushed = false;

  const asked = () => new URLSearchParams(location.hash.split("?").slice(1).join("?"));
  const readable = (text) => encodeURIComponent(text).replace(/%2F/g, "/").replace(/%3A/g, ":");

  /** Put what the address says into a section's fields; an address without words leaves them as they are. */
  function read(name) {
    const words = asked();
    if (![...words.keys()].some((word) => word in FIELDS[name])) return;
    for (const [word, id] of Object.entries(FIELDS[name])) {
      const value = words.get(word), place = NAMED.has(word) ? P.indexOf(value) : value;
      if (value !== null || (word !== "route" && $(id).value)) $(id).value = value === null || place === -1 ? "" : place;
      if ($(id).value === "" && $(id).tagName === "SELECT") $(id).selectedIndex = 0;
    }
  }

  /** Return the address of what is shown now, with a sheet or without. */
  function addressNow(kind, name) {
    const section = here(), words = [];
    for (const [word, id] of Object.entries(FIELDS[section] || {})) {
      const value = $(id).value.trim();
      if (value && !(word === "route" && value === "USDT")) words.push([word, NAMED.has(word) ? P[Number(value)] : value]);
    }
    const grid = { prices: priceGrid, wallet: walletGrid }[section];
    if (grid && grid.sortWord) words.push(["sort", grid.sortWord]);
    if (kind) words.push([kind, name]);
    return "#" + section + (words.length ? "?" + words.map(([word, value]) => `${word}=${readable(value)}`).join("&") : "");
  }

  function address() {
    const wanted = addressNow(...(sheet || []));
    if (wanted !== location.hash) location.replace(wanted);
    shown = addressNow();
  }

  function openSheet(kind, name) {
    const before = location.hash;
    sheet = [kind, name];
    shown = addressNow();
    location.hash = addressNow(kind, name);
    pushed = location.hash !== before;
    SHEETS[kind](name);
  }

  function sheetAsked() {
    const words = asked(), kind = Object.keys(SHEETS).find((one) => words.get(one));
    return kind ? [kind, words.get(kind)] : null;
  }

  function showDetail(title, again, body) {
    const dialog = $("detail");
    detail = again;
    $("d-title").textContent = title;
    const open = [...$("d-body").querySelectorAll("details")].map((one) => one.open), at = dialog.scrollTop;
    fill($("d-body"), body);
    if (!dialog.open) {
      dialog.showModal();
      dialog.scrollTop = 0;
    } else {
      $("d-body").querySelectorAll("details").forEach((one, i) => { if (open[i]) one.open = true; });
      dialog.scrollTop = at;
    }
    head();
  }

  function here() {
    const name = location.hash.slice(1).split("?")[0];
    return name in SECTIONS ? name : "health";
  }

  /** Show what the address names. */
  function show() {
    if (location.hash === "#main") return;
    const name = here(), before = shown;
    for (const id of Object.keys(SECTIONS)) $("sec-" + id).hidden = id !== name;
    document.querySelectorAll(".tabs a").forEach((link) => {
      if (link.hash === "#" + name) link.setAttribute("aria-current", "page");
      else link.removeAttribute("aria-current");
    });
    const bare = location.hash.replace(/([?&])(pair|asset)=[^&]*/, "").replace(/\?$/, "");
    if (before === null || before !== (bare || "#" + name)) SECTIONS[name]();
    if (before !== null && before.split("?")[0] !== "#" + name) scrollTo(0, 0);
    const wanted = sheetAsked();
    if (!wanted || String(wanted) !== String(sheet)) pushed = false;
    if (wanted && !(detail && before !== null && String(wanted) === String(sheet))) SHEETS[wanted[0]](wanted[1]);
    sheet = wanted;
    if (!sheet && $("detail").open) $("detail").close();
    address();
    head();
  }

  // The head: how old all of this is, and how the desk stands, also where only the tab is seen.

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
    const shut = closedNow().length;
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

  /** The watched asset's networks with a closed door; a network that is open nowhere and did not change in a day is dead and no news. */
  function closedNow() {
    const networks = new Set(D.watch.networks), found = [];
    const recent = new Set(D.changes.rows.filter(([, , , , field]) => field === "deposit" || field === "withdraw").map(([, p, asset, network]) => [p, asset, network].join()));
    for (const ticker of D.watch.assets) for (const row of groupOf(ticker)) {
      if (!row.slug || (networks.size && !networks.has(row.slug))) continue;
      const cells = [...row.cells.values()].filter((one) => !walletOld(one.p));
      const shut = { withdraw: cells.filter((one) => one.withdraw === 1), deposit: cells.filter((one) => one.deposit === 1) };
      if (!shut.withdraw.length && !shut.deposit.length) continue;
      const news = cells.some((one) => recent.has([one.p, one.code || one.ticker, one.key].join()));
      if (news || cells.some((one) => one.withdraw === 2 || one.deposit === 2)) found.push({ row, shut, cells });
    }
    return found.sort((a, b) => Math.max(b.shut.withdraw.length, b.shut.deposit.length) - Math.max(a.shut.withdraw.length, a.shut.deposit.length));
  }

  function groupOf(ticker) {
    wallets();
    return groups.get(ticker) || [];
  }

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
  const printing = (on) => [priceGrid, walletGrid].forEach((grid) => { if (grid) { grid.printing = on; grid.heads(); grid.draw(); } });
  addEventListener("beforeprint", () => printing(true));
  addEventListener("afterprint", () => printing(false));

  // Time passes ------------------------------------------------------------------------------

  let standing = "";

  /** Judge anew, and draw what is told otherwise now. */
  function turn() {
    const crossed = judge(), states = jobsNow().map((one) => one.state).join() + W.at.map((_, p) => walletOld(p)).join();
    if (crossed || states !== standing) redraw(standing !== "" && states !== standing);
    standing = states;
    document.querySelectorAll("time[data-ms]").forEach(tick);
    head();
  }

  function redraw(states) {
    const name = here();
    if (name === "health") health();
    else if (name === "prices") { if ($("p-which").value) pricesFilter(true); else priceGrid.draw(); }
    else if (states && name === "wallet") { walletFilter(true); showRoutes(); }
    if (detail) detail();
  }

  setInterval(turn, 1000);
  document.addEventListener("visibilitychange", () => { if (!document.hidden) turn(); });

  // A page that a web server gives looks whether there is a newer one; a file from the disk asks nobody.
  let tag = null;

  async function lookForNewer() {
    if (document.hidden || D.live) return;
    try {
      const answer = await fetch(location.href.split("#")[0], { method: "HEAD", cache: "no-cache", credentials: "same-origin" });
      if (!answer.ok) return;
      const modified = Date.parse(answer.headers.get("Last-Modified") || ""), etag = answer.headers.get("ETag");
      const newer = modified > Date.parse(document.lastModified) + 500 || (tag !== null && etag !== null && etag !== tag);
      tag = etag;
      if (newer) again();
    } catch { /* the server is away: the head tells how old this is */ }
  }

  /** Load the page anew; the address keeps search, sorting and sheet, this keeps the rest. */
  function again() {
    const active = document.activeElement;
    try {
      sessionStorage.setItem("marketctl-place", JSON.stringify([scrollY, [priceGrid, walletGrid].map((grid) => (grid ? grid.frame.scrollTop : 0)),
        active ? active.id : "", active && active.id && "selectionStart" in active ? active.selectionStart : null, $("detail").scrollTop]));
    } catch { /* then it begins on top */ }
    location.reload();
  }

  function backInPlace() {
    let kept = null;
    try {
      kept = JSON.parse(sessionStorage.getItem("marketctl-place"));
      sessionStorage.removeItem("marketctl-place");
    } catch { /* nothing is kept */ }
    if (!kept) return;
    const [y, tops, id, caret, inside] = kept;
    [priceGrid, walletGrid].forEach((grid, i) => { if (grid) grid.frame.scrollTop = tops[i]; });
    if (id && $(id) && !$("detail").open) {
      $(id).focus({ preventScroll: true });
      if (caret !== null) $(id).setSelectionRange(caret, caret);
    }
    $("detail").scrollTop = inside;
    scrollTo(0, y);
  }

  // Served live: what changes comes by itself, a provider at a time.

  function takeChanges({ now: at, by }) {
    hear(at);
    let arrangement = false;
    const touched = new Set();
    for (const one of by) {
      if (one.jobs) {
        if (one.at !== null) Object.assign(columns[one.p], { at: one.at, max: one.max });
        for (const [name, facts] of Object.entries(one.jobs)) Object.assign(D.providers[one.p].jobs[name], facts, facts.at === null ? { at: D.providers[one.p].jobs[name].at } : {});
      }
      for (const cells of one.rows || []) {
        const [pair, ...rest] = cells, known = (quoted.get(pair) || []).find((row) => row.p === one.p), row = quoteRow(one.p, pair, rest);
        touched.add(pair);
        if (known) {
          for (const name of ["bid", "ask", "last", "volume", "f", "own", "note", "spread", "one"]) known[name] = row[name];
          known.version += 1;
        } else {
          quotes.push(row);
          quoted.set(pair, [...(quoted.get(pair) || []), row]);
          arrangement = true;
        }
      }
      const gone = new Set(one.gone || []);
      gone.forEach((pair) => touched.add(pair));
      if (gone.size) {
        quotes = quotes.filter((row) => row.p !== one.p || !gone.has(row.pair));
        arrangement = true;
      }
    }
    // Ages stand for all rows of a provider that published, also where the price is the same.
    const published = new Set(by.filter((one) => one.jobs).map((one) => one.p));
    if (priceGrid) priceGrid.made.forEach((_, row) => { if (published.has(row.p)) row.version += 1; });
    if (arrangement) arrange();
    if (document.hidden) { unseen = true; return; }
    judge();
    const moving = $("p-which").value || (priceGrid && priceGrid.sort.id !== "sources" && priceGrid.sort.id !== "pair" && priceGrid.sort.id !== "provider");
    if (here() === "prices") { if (arrangement || moving) pricesFilter(true); else priceGrid.later(); }
    else if (here() === "health" && by.some((one) => one.jobs)) health();
    if (detail && sheet && (sheet[0] !== "pair" || touched.has(sheet[1]))) detail();
    turn();
  }

  let unseen = false;

  function hear(at) {
    shift = at - Date.now();
    made = at;
  }

  function listen() {
    const source = new EventSource("events?since=" + D.live);
    source.addEventListener("beat", (event) => { hear(JSON.parse(event.data).now); head(); });
    source.addEventListener("changes", (event) => takeChanges(JSON.parse(event.data)));
    source.addEventListener("again", () => { source.close(); setTimeout(again, 500 + Math.random() * 1500); });
    source.addEventListener("error", () => { if (source.readyState === EventSource.CLOSED) setTimeout(listen, 5000); });
    document.addEventListener("visibilitychange", () => { if (!document.hidden && unseen) { unseen = false; SECTIONS[here()](); if (detail) detail(); } });
  }

  if (D.live) listen();
  if (location.protocol.startsWith("http") && !D.live) {
    setInterval(lookForNewer, 10000);
    document.addEventListener("visibilitychange", lookForNewer);
  }
  speak();
  turn();
  backInPlace();
  document.documentElement.dataset.ready = "yes";
})();
