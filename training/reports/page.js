"use strict";

// Everything is on the page without this script: it adds tabs, sorting, downloads and the texts behind figures.

function made(tag, attributes, text = "") {
  const node = document.createElement(tag);
  for (const [name, value] of Object.entries(attributes)) node.setAttribute(name, value);
  node.textContent = text;
  return node;
}

// Tabs: one tab stop, arrow keys, Home and End move and select at once.

function tabs() {
  const panels = [...document.querySelectorAll("[data-tab]")];
  if (panels.length < 2) return;
  const list = made("div", { role: "tablist", "aria-label": "Parts of the report" });
  const buttons = panels.map((panel, place) => {
    panel.id = `panel-${place}`;
    panel.setAttribute("role", "tabpanel");
    panel.setAttribute("aria-labelledby", `tab-${place}`);
    panel.tabIndex = 0;
    const button = made("button", { type: "button", role: "tab", id: `tab-${place}`, "aria-controls": panel.id }, panel.dataset.tab);
    button.addEventListener("click", () => select(place));
    list.append(button);
    return button;
  });
  function select(chosen) {
    panels.forEach((panel, place) => {
      panel.hidden = place !== chosen;
      buttons[place].setAttribute("aria-selected", String(place === chosen));
      buttons[place].tabIndex = place === chosen ? 0 : -1;
    });
  }
  list.addEventListener("keydown", (event) => {
    const last = buttons.length - 1;
    const now = buttons.indexOf(document.activeElement);
    const next = { ArrowRight: now === last ? 0 : now + 1, ArrowLeft: now === 0 ? last : now - 1, Home: 0, End: last }[event.key];
    if (next === undefined) return;
    event.preventDefault();
    select(next);
    buttons[next].focus();
  });
  panels[0].before(list);
  select(0);
}

// Sorting: numbers by their value, texts by the alphabet; what is not known comes last in both directions.

function sortable(table) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const button = made("button", { type: "button" }, head.textContent);
    head.replaceChildren(button);
    head.setAttribute("aria-sort", "none");
    button.addEventListener("click", () => {
      const falling = head.getAttribute("aria-sort") === "ascending";
      for (const other of heads) other.setAttribute("aria-sort", "none");
      head.setAttribute("aria-sort", falling ? "descending" : "ascending");
      table.tBodies[0].append(...ordered([...table.tBodies[0].rows], column, falling));
    });
  });
}

function ordered(rows, column, falling) {
  const numeric = rows.some((row) => row.cells[column].dataset.value !== undefined);
  const keys = new Map(rows.map((row) => [row, key(row.cells[column], numeric)]));
  const sign = falling ? -1 : 1;
  return rows.sort((one, two) => {
    const [a, b] = [keys.get(one), keys.get(two)];
    if (a === null || b === null) return (a === null) - (b === null);
    return sign * (numeric ? a - b : a.localeCompare(b, "en", { numeric: true }));
  });
}

function key(cell, numeric) {
  if (!numeric) return cell.textContent.trim() || null;
  return cell.dataset.value === undefined ? null : Number(cell.dataset.value);
}

// Downloads: the table as it is sorted, from what is on the page; numbers in full, ends of intervals in columns of their own.

function downloadable(table) {
  const button = made("button", { type: "button", class: "csv" }, "Download as CSV");
  const title = table.getAttribute("aria-label") || "table";
  button.setAttribute("aria-label", `Download as CSV: ${title}`);
  button.addEventListener("click", () => {
    const address = URL.createObjectURL(new Blob(["\ufeff", csv(table)], { type: "text/csv;charset=utf-8" }));
    const name = title.toLowerCase().replace(/[^a-z0-9]+/g, "_").replace(/^_+|_+$/g, "").slice(0, 60) || "table";
    const link = made("a", { href: address, download: `${name}.csv` });
    link.click();
    setTimeout(() => URL.revokeObjectURL(address), 1000);
  });
  table.closest(".scroll").after(button);
}

const EXTRAS = [["low", "low"], ["high", "high"], ["told", "population and convention"]];

function csv(table) {
  const rows = [...table.tBodies[0].rows];
  const columns = [...table.tHead.rows[0].cells].flatMap((head, place) => {
    const name = head.textContent.trim();
    const has = (field) => rows.some((row) => row.cells[place].dataset[field] !== undefined);
    const extras = EXTRAS.filter(([field]) => has(field)).map(([field, label]) => [`${name}, ${label}`, (row) => row.cells[place].dataset[field] ?? ""]);
    return [[name, (row) => row.cells[place].dataset.value ?? row.cells[place].innerText.trim()], ...extras];
  });
  const lines = [columns.map(([name]) => name), ...rows.map((row) => columns.map(([, read]) => read(row)))];
  return lines.map((line) => line.map(inert).join(",") + "\r\n").join("");
}

// A spreadsheet must not run a text: whatever could start a formula and is no number gets an apostrophe.

function inert(text) {
  const number = /^-?\d+(\.\d+)?(e[-+]?\d+)?$/i.test(text);
  const safe = !number && /^\s*[=+\-@\uff1d\uff0b\uff0d\uff20]/.test(text) ? `'${text}` : text;
  return /[",\r\n]/.test(safe) ? `"${safe.replaceAll('"', '""')}"` : safe;
}

// Texts behind figures: on hover, on focus and on touch; Escape puts them away. A table is one tab stop, arrows move inside it.

function tellable() {
  const box = made("div", { id: "told", role: "tooltip", hidden: "" });
  document.body.append(box);
  let shown = null;
  function show(button) {
    if (shown) hide();
    shown = button;
    box.textContent = button.dataset.told;
    box.hidden = false;
    button.setAttribute("aria-describedby", "told");
    const at = button.getBoundingClientRect();
    const left = Math.min(at.left, document.documentElement.clientWidth - box.offsetWidth - 8);
    const above = at.bottom + box.offsetHeight + 6 > innerHeight && at.top > box.offsetHeight + 6;
    box.style.left = `${Math.max(left, 8) + scrollX}px`;
    box.style.top = `${(above ? at.top - box.offsetHeight - 4 : at.bottom + 4) + scrollY}px`;
  }
  function hide() {
    if (shown) shown.removeAttribute("aria-describedby");
    shown = null;
    box.hidden = true;
  }
  // what was asked for by key or touch stays until the focus goes
  function left(event) {
    if (event.relatedTarget !== box && document.activeElement !== shown) hide();
  }
  const figures = [...document.querySelectorAll("button.told")];
  for (const button of figures) {
    button.dataset.told = button.title;
    if (button.parentElement.tagName === "TD") button.parentElement.dataset.told = button.title;
    button.removeAttribute("title");
    for (const start of ["mouseenter", "focus", "click"]) button.addEventListener(start, () => show(button));
    button.addEventListener("blur", hide);
    button.addEventListener("mouseleave", left);
  }
  box.addEventListener("mouseleave", left);
  document.addEventListener("keydown", (event) => { if (event.key === "Escape") hide(); });
  for (const table of document.querySelectorAll("table")) oneStop(table);
}

function oneStop(table) {
  const within = () => [...table.querySelectorAll("button.told")];
  within().forEach((button, place) => { button.tabIndex = place ? -1 : 0; });
  table.addEventListener("keydown", (event) => {
    const figures = within();
    const now = figures.indexOf(event.target);
    if (now < 0) return;
    const step = { ArrowRight: 1, ArrowLeft: -1, ArrowDown: 1, ArrowUp: -1 }[event.key];
    if (step === undefined) return;
    event.preventDefault();
    const column = event.target.closest("td").cellIndex;
    const upright = event.key === "ArrowDown" || event.key === "ArrowUp";
    const line = upright ? figures.filter((button) => button.closest("td").cellIndex === column) : figures;
    const next = line[line.indexOf(event.target) + step];
    if (!next) return;
    event.target.tabIndex = -1;
    next.tabIndex = 0;
    next.focus();
  });
}

tellable();
for (const table of document.querySelectorAll("table")) {
  if (!table.tHead) continue;
  sortable(table);
  downloadable(table);
}
tabs();
