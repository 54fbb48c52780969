// A table that draws only the rows in sight --------------------------------------------------

class Grid {
  constructor(where, { name, label, columns, key, open, sort, empty, sorted, inside }) {
    Object.assign(this, { all: columns, key, open, sort, empty, sorted, inside, usual: sort, outer: [], rows: [], made: new Map(), printing: false });
    this.unfolded = new Set(); // names of rows whose inner rows are shown
    this.body = el("tbody");
    this.head = el("tr", { "aria-rowindex": 1 });
    this.widths = el("colgroup");
    this.table = el("table", { "aria-label": label() }, this.widths, el("thead", {}, this.head), this.body);
    this.label = label;
    this.cut = el("p", { class: "print-only" });
    this.frame = el("div", { class: "grid", tabindex: 0, role: "region" }, this.table);
    this.frame.addEventListener("scroll", () => this.later(), { passive: true });
    this.body.addEventListener("keydown", (event) => this.arrows(event));
    new ResizeObserver(() => this.later()).observe(this.frame);
    fill(where, this.frame, this.cut);
    this.choose(hiddenColumns(name));
  }

  /** Show all columns but these; null leaves it to the width of the screen. */
  choose(hidden) {
    this.hidden = hidden;
    this.columns = this.all.filter((column) => !hidden || column.stays || !hidden.has(column.name || column.id));
    this.frame.classList.toggle("chosen", hidden !== null);
    fill(this.widths, this.columns.map((column) => el("col", { class: "c-" + column.id })));
    this.made.clear();
    this.heads();
    if (this.rows.length) this.draw();
  }

  heads() {
    this.table.setAttribute("aria-label", this.label());
    this.frame.setAttribute("aria-label", this.label());
    fill(this.head, this.columns.map((column) => {
      const sorted = this.sort.id === column.id;
      const cell = el("th", { scope: "col", class: "c-" + column.id + (column.number ? " num" : ""),
        "aria-sort": column.value ? (sorted ? (this.sort.down ? "descending" : "ascending") : "none") : null });
      const title = column.narrow ? [column.title(), el("span", { class: "narrow" }, " / " + column.narrow())] : [column.title()];
      cell.title = column.title();
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
    this.set(this.outer);
    this.head.children[index].querySelector("button").focus();
    this.sorted();
  }

  /** Sort as an address says: "-bid", "pair"; what it does not say is as at first. */
  sortAs(word) {
    const id = (word || "").replace(/^-/, ""), column = this.all.find((one) => one.id === id && one.value);
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
    const column = this.all.find((one) => one.id === this.sort.id);
    const turn = this.sort.down ? -1 : 1;
    const keyed = rows.map((row, index) => [column.value(row), index, row]);
    // Unknown is last in either direction.
    keyed.sort(([a, i], [b, j]) => {
      const none = (a === null) - (b === null);
      if (none) return none;
      return (a === null ? 0 : (a < b ? -1 : a > b ? 1 : 0) * turn) || i - j;
    });
    this.outer = keyed.map(([, , row]) => row);
    this.flatten();
    if (!keep) {
      this.made.clear();
      this.frame.scrollTop = 0;
    }
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.draw();
  }

  /** Put what unfolded rows hold below them. */
  flatten() {
    this.rows = this.inside && this.unfolded.size ? this.outer.flatMap((row) => (this.unfolded.has(row.pair) ? [row, ...this.inside(row)] : [row])) : this.outer;
  }

  fold(row, open) {
    const known = this.unfolded.has(row.pair);
    if (open === known) return;
    if (known) this.unfolded.delete(row.pair);
    else this.unfolded.add(row.pair);
    this.made.delete(row);
    this.flatten();
    this.table.setAttribute("aria-rowcount", this.rows.length + 1);
    this.draw();
  }

  /** The rows as they are sorted and filtered, with the columns that are shown, for a sheet. */
  csv() {
    const cells = this.columns.flatMap((column) => column.csv || (column.value ? [[column.name || column.id, column.value]] : []));
    return [cells.map(([name]) => csvCell(name)), ...this.rows.map((row) => cells.map(([, value]) => csvCell(value(row))))].map((line) => line.join(",") + "\r\n").join("");
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
      fill(this.body, el("tr", { class: "empty" }, el("td", { colspan: [...this.head.children].filter((one) => one.offsetParent).length || 1 }, this.empty())));
      return;
    }
    const height = parseFloat(getComputedStyle(this.frame).getPropertyValue("--row")) || 36;
    const first = this.printing ? 0 : Math.max(0, Math.floor(this.frame.scrollTop / height) - 8);
    const seen = Math.ceil((this.frame.clientHeight || 600) / height) + 16;
    const last = this.printing ? Math.min(all, PRINT_ROWS) : Math.min(all, first + seen);
    const focused = document.activeElement && this.body.contains(document.activeElement) ? document.activeElement.closest("tr") : null;
    const focusedRow = focused && document.activeElement.dataset.row, focusedKind = focused && document.activeElement.className;
    const made = new Map();
    for (let index = first; index < last; index += 1) {
      const row = this.rows[index], known = this.made.get(row);
      const fresh = known && known.version === (row.version || 0) ? known : { version: row.version || 0, shown: this.row(index) };
      fresh.shown.setAttribute("aria-rowindex", index + 2);
      made.set(row, fresh);
    }
    this.made = made;
    const gap = (rows) => (rows && !this.printing ? el("tr", { class: "gap", "aria-hidden": "true" },
      el("td", { style: `height:${rows * height}px` })) : null); // one cell: to span hidden columns would make new ones
    const wanted = [gap(first), ...[...made.values()].map((one) => one.shown), gap(all - last)].filter(Boolean);
    // Rows that stay are not touched: focus stays with them.
    for (const child of [...this.body.children]) if (!wanted.includes(child)) child.remove();
    let place = this.body.firstChild;
    for (const child of wanted) {
      if (child === place) place = place.nextSibling;
      else this.body.insertBefore(child, place);
    }
    if (focused && !focused.isConnected) {
      const same = [...this.body.querySelectorAll("button[data-row]")].find((one) => one.dataset.row === focusedRow && one.className === focusedKind);
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

  /** Up and down move from row to row, right and left unfold and fold one. */
  arrows(event) {
    const step = { ArrowDown: 1, ArrowUp: -1, PageDown: 10, PageUp: -10 }[event.key];
    const row = event.target.closest("tr");
    if (this.inside && event.key in { ArrowRight: 1, ArrowLeft: 1 } && event.target.matches("button.row-name")) {
      const outer = this.rows[Number(row.getAttribute("aria-rowindex")) - 2];
      if (outer && outer.rows) this.fold(outer, event.key === "ArrowRight");
      return;
    }
    if (!step || !row || !event.target.matches("button.row-name")) return;
    const here = Number(row.getAttribute("aria-rowindex")) - 2, index = Math.min(Math.max(here + step, 0), this.rows.length - 1);
    if (index === here) return;
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
