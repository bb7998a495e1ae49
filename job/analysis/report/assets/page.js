"use strict";

// Tables: a click on a heading sorts by it; numbers from the highest, names from A, what is empty always last.
const compare = new Intl.Collator(document.documentElement.lang, { numeric: true }).compare;

function key(row, place) {
  const cell = row.cells[place];
  const order = cell.dataset.order;
  if (order !== undefined) return Number(order);
  const text = cell.textContent.trim();
  return text === "" || text === "–" ? null : text;
}

function sort(table, place, falling) {
  const body = table.tBodies[0];
  const rows = [...body.rows].map((row) => ({ row, key: key(row, place) }));
  rows.sort((a, b) => {
    if (a.key === null || b.key === null) return (a.key === null) - (b.key === null);
    const found =
      typeof a.key === "number" && typeof b.key === "number" ? a.key - b.key : compare(String(a.key), String(b.key));
    return falling ? -found : found;
  });
  body.append(...rows.map((one) => one.row));
}

for (const table of document.querySelectorAll("table.sortable")) {
  if (table.tBodies[0].rows.length < 2) continue;
  const headings = [...table.tHead.rows[0].cells];
  headings.forEach((heading, place) => {
    const button = document.createElement("button");
    button.type = "button";
    button.textContent = heading.textContent;
    heading.replaceChildren(button);
    button.addEventListener("click", () => {
      const now = heading.getAttribute("aria-sort");
      const falling = now === null ? heading.classList.contains("number") : now === "ascending";
      for (const other of headings) other.removeAttribute("aria-sort");
      heading.setAttribute("aria-sort", falling ? "descending" : "ascending");
      sort(table, place, falling);
    });
  });
}

// The table of contents: closed where it would fill a small screen, and showing where the reader is.
const contents = document.querySelector(".contents details");
const narrow = matchMedia("(max-width: 70rem)");
const fit = () => { contents.open = !narrow.matches; };
narrow.addEventListener("change", fit);
fit();

const links = new Map([...contents.querySelectorAll("a")].map((link) => [link.hash.slice(1), link]));
const seen = new IntersectionObserver(
  (entries) => {
    for (const entry of entries) {
      if (!entry.isIntersecting) continue;
      for (const link of links.values()) link.removeAttribute("aria-current");
      links.get(entry.target.id).setAttribute("aria-current", "true");
    }
  },
  { rootMargin: "-15% 0px -80% 0px" },
);
for (const id of links.keys()) seen.observe(document.getElementById(id));

// On paper everything is open.
addEventListener("beforeprint", () => {
  for (const one of document.querySelectorAll("main details")) one.open = true;
});
