"use strict";
// The page is complete without this: it only lets the table of submissions be sorted and filtered.
const table = document.querySelector("table.sortable");
if (table) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const headers = Array.from(table.tHead.rows[0].cells);

  const keyOf = (row, column, numeric) => {
    const cell = row.cells[column];
    const text = cell.dataset.value ?? cell.textContent.trim();
    return numeric ? (text === "" ? null : Number(text)) : text.toLowerCase();
  };

  const sortBy = (column, numeric, descending) => {
    const sign = descending ? -1 : 1;
    rows
      .map((row) => [keyOf(row, column, numeric), row])
      .sort(([a], [b]) => {
        if (a === null || b === null) return (a === null) - (b === null);
        return sign * (numeric ? a - b : a.localeCompare(b));
      })
      .forEach(([, row]) => body.append(row));
  };

  headers.forEach((header, column) => {
    const kind = header.dataset.sort;
    if (!kind) return;
    const button = document.createElement("button");
    button.type = "button";
    button.append(...header.childNodes);
    header.append(button);
    button.addEventListener("click", () => {
      const descending = header.getAttribute("aria-sort") === "ascending";
      headers.forEach((other) => other.removeAttribute("aria-sort"));
      header.setAttribute("aria-sort", descending ? "descending" : "ascending");
      sortBy(column, kind === "number", descending);
    });
  });

  const filter = document.querySelector(".filter");
  const field = filter.querySelector("input");
  const shown = filter.querySelector("output");
  filter.hidden = false;
  field.addEventListener("input", () => {
    const wanted = field.value.trim().toLowerCase();
    for (const row of rows) {
      row.hidden = !row.textContent.toLowerCase().includes(wanted);
    }
    const visible = rows.filter((row) => !row.hidden).length;
    shown.textContent = wanted ? `${visible} of ${rows.length}` : "";
  });
}
