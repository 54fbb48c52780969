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
      active ? active.id : "", active && active.id && "selectionStart" in active ? active.selectionStart : null, $("detail").scrollTop, priceGrid ? [...priceGrid.unfolded] : []]));
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
  const [y, tops, id, caret, inside, unfolded] = kept;
  if (priceGrid && unfolded.length) {
    unfolded.forEach((pair) => priceGrid.unfolded.add(pair));
    priceGrid.set(priceGrid.outer, true);
  }
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
  if (priceGrid) priceGrid.made.forEach(({ shown }, row) => {
    const time = (row.rows || [row]).some((one) => published.has(one.p)) && shown.querySelector("time");
    if (time) renew(time, row.rows ? row.oldest : timeOf(row));
  });
  if (arrangement) arrange();
  if (document.hidden) { unseen = true; return; }
  judge();
  const moving = $("p-which").value || (priceGrid && priceGrid.sort.id !== "sources" && priceGrid.sort.id !== "pair" && priceGrid.sort.id !== "provider");
  if (here() === "prices") { if (arrangement || moving) pricesFilter(true); else priceGrid.later(); }
  else if (here() === "providers" && by.some((one) => one.jobs)) health();
  else if (here() === "desk") deskChanged(touched, by.some((one) => one.jobs));
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
