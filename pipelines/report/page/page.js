"use strict";

// Charts take the color of the text around them: they need no redrawing between light, dark and paper.
const CONFIG = {
  background: "transparent",
  font: "system-ui, sans-serif",
  view: { stroke: null },
  axis: {
    labelColor: "currentColor", titleColor: "currentColor", domainColor: "rgba(128,128,128,0.6)",
    tickColor: "rgba(128,128,128,0.6)", gridColor: "rgba(128,128,128,0.25)", titleFontWeight: "normal",
  },
  legend: { labelColor: "currentColor", titleColor: "currentColor" },
};

for (const data of document.querySelectorAll("script[data-chart]")) {
  const place = document.getElementById(data.dataset.chart);
  vegaEmbed(place, JSON.parse(data.textContent), { actions: false, renderer: "svg", config: CONFIG })
    .catch((error) => { console.error(error); place.textContent = "This chart cannot be drawn: " + error.message; });
}

const compare = (first, second) => {
  const [one, other] = [first.dataset.number, second.dataset.number];
  if (one !== undefined && other !== undefined) { return Number(one) - Number(other); }
  return first.textContent.localeCompare(second.textContent);
};

for (const table of document.querySelectorAll("table")) {
  const heads = [...table.tHead.rows[0].cells];
  heads.forEach((head, column) => {
    const cell = table.tBodies[0].rows[0]?.cells[column];
    if (cell?.classList.contains("number")) { head.classList.add("number"); }
    head.querySelector("button").addEventListener("click", () => {
      const down = head.getAttribute("aria-sort") === "descending" || (!head.hasAttribute("aria-sort") && !head.classList.contains("number"));
      heads.forEach((other) => other.removeAttribute("aria-sort"));
      head.setAttribute("aria-sort", down ? "ascending" : "descending");
      const rows = [...table.tBodies[0].rows];
      rows.sort((first, second) => (down ? 1 : -1) * compare(first.cells[column], second.cells[column]));
      table.tBodies[0].append(...rows);
    });
  });
}
