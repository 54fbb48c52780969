// What stands above a table: its density, its columns, itself as CSV ---------------------------

let dense = recall("dense") === "yes";

function applyDensity() {
  document.documentElement.toggleAttribute("data-dense", dense);
}

/** Columns that one chose to hide, by name; null where nothing was chosen. */
function hiddenColumns(name) {
  const kept = recall("columns-" + name);
  return kept === null ? null : new Set(kept.split(" ").filter(Boolean));
}

/** Draw the buttons of a table: `name` keeps the choice, and names the file. */
function tableTools(where, grid, name) {
  const density = el("button", { type: "button", class: "quiet", "aria-pressed": String(dense), on: { click: () => {
    dense = !dense;
    remember("dense", dense ? "yes" : "no");
    applyDensity();
    density.setAttribute("aria-pressed", String(dense));
    grid.draw();
  } } }, t("dense"));
  const boxes = grid.all.filter((column) => column.title && !column.stays).map((column) => {
    const id = column.name || column.id;
    const box = el("input", { type: "checkbox", "data-column": id });
    box.checked = !grid.hidden || !grid.hidden.has(id);
    box.addEventListener("change", () => {
      const off = [...list.querySelectorAll("input")].filter((one) => !one.checked).map((one) => one.dataset.column);
      remember("columns-" + name, off.join(" "));
      grid.choose(new Set(off));
    });
    return el("label", { class: "tick" }, box, " ", column.title());
  });
  const list = el("div", { class: "ticks panel" }, boxes);
  const choice = el("details", { class: "menu" }, el("summary", { class: "quiet" }, t("columns")), list);
  choice.addEventListener("keydown", (event) => {
    if (event.key !== "Escape" || !choice.open) return;
    choice.open = false;
    choice.firstChild.focus();
  });
  const csv = el("button", { type: "button", class: "quiet", title: t("csv_why"), on: { click: () => saveText(`marketctl-${name}-${clock(made).replace(/[ :]/g, "-")}.csv`, grid.csv()) } }, "CSV");
  fill(where, density, choice, csv);
}

document.addEventListener("click", (event) => document.querySelectorAll("details.menu[open]").forEach((one) => { if (!one.contains(event.target)) one.open = false; }));

function saveText(name, text) {
  const address = URL.createObjectURL(new Blob(["\ufeff" + text], { type: "text/csv;charset=utf-8" }));
  const link = el("a", { href: address, download: name });
  document.body.append(link);
  link.click();
  link.remove();
  setTimeout(() => URL.revokeObjectURL(address), 10000);
}

/** A cell for a sheet: a text that a sheet would take for a formula is kept a text. */
function csvCell(value) {
  const text = value === null || value === undefined ? "" : String(value);
  const safe = /^[=+\-@\t\r]/.test(text) && !/^-?[\d.]+$/.test(text) ? "'" + text : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replace(/"/g, '""')}"` : safe;
}
applyDensity();
