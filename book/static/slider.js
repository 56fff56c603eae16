/* A slider above each table that has one: shows the rows at one value of its first column. */
document.addEventListener("DOMContentLoaded", () => {
  for (const table of document.querySelectorAll("table.slider")) {
    const rows = [...table.tBodies[0].rows];
    const values = [...new Set(rows.map((row) => row.dataset.at))];
    const label = document.createElement("label");
    label.className = "slider-label";
    label.innerHTML = `<span></span><input type="range" min="0" max="${values.length - 1}">`;
    const [text, input] = label.children;
    const show = () => {
      const value = values[input.value];
      text.textContent = `${table.dataset.over} ${value}`;
      for (const row of rows) row.hidden = row.dataset.at !== value;
    };
    input.value = Math.floor(values.length / 2);
    input.addEventListener("input", show);
    table.before(label);
    show();
  }
});
