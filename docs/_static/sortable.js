// Tables of class "sortable": a click on a heading sorts by it, a second one the other way round; a field above filters.
"use strict";

for (const table of document.querySelectorAll("table.sortable")) {
  const body = table.tBodies[0];
  const rows = Array.from(body.rows);
  const text = (row, place) => row.cells[place].textContent.trim();

  const compare = (place) => (first, second) => {
    const [a, b] = [text(first, place), text(second, place)];
    if (a === "" || b === "") return (a === "") - (b === ""); // what is not known comes last
    const [x, y] = [Number(a), Number(b)];
    return Number.isNaN(x) || Number.isNaN(y) ? a.localeCompare(b) : x - y;
  };

  Array.from(table.tHead.rows[0].cells).forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.append(...heading.childNodes);
    heading.append(button);
    button.addEventListener("click", () => {
      const up = heading.getAttribute("aria-sort") !== "ascending";
      for (const other of table.tHead.rows[0].cells) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", up ? "ascending" : "descending");
      const order = compare(place);
      rows.sort((a, b) => {
        const unknown = (text(a, place) === "") - (text(b, place) === "");
        return unknown || (up ? order(a, b) : order(b, a));
      });
      body.append(...rows);
    });
  });

  const label = document.createElement("label");
  label.textContent = "Show rows with ";
  const field = document.createElement("input");
  field.type = "search";
  field.placeholder = "series, network, yes …";
  const count = document.createElement("output");
  label.append(field);
  const above = document.createElement("p");
  above.append(label, " ", count);
  table.parentElement.before(above);
  const filter = () => {
    const words = field.value.toLowerCase().split(/\s+/).filter(Boolean);
    let shown = 0;
    for (const row of rows) {
      const cells = Array.from(row.cells, (cell) => cell.textContent.toLowerCase());
      row.hidden = !words.every((word) => cells.some((cell) => cell.includes(word)));
      shown += !row.hidden;
    }
    count.textContent = `${shown} of ${rows.length}`;
  };
  field.addEventListener("input", filter);
  filter();
}
