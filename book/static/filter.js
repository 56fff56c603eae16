/* The filter of a look-up page: hides entries that lack the word or the chosen facets.
   The address carries the choice (?paper=b&word=rub), so that a filtered page can be linked to. */
document.addEventListener("DOMContentLoaded", () => {
  const form = document.querySelector("form.entry-filter");
  if (!form) return;
  const entries = [...document.querySelectorAll("details.entry, table.entries tbody tr")];
  const texts = entries.map((entry) => entry.textContent.toLowerCase());
  const fields = [...form.elements].filter((field) => field.name);
  const given = new URLSearchParams(location.search);
  for (const field of fields) field.value = given.get(field.name) || "";

  const apply = () => {
    const words = form.elements.word.value.toLowerCase().split(/\s+/).filter(Boolean);
    const facets = fields.filter((field) => field.name !== "word" && field.value);
    entries.forEach((entry, i) => {
      const fits = facets.every((f) => entry.classList.contains(`${f.name}-${f.value}`));
      entry.hidden = !(fits && words.every((word) => texts[i].includes(word)));
    });
    const shown = entries.filter((entry) => !entry.hidden);
    form.querySelector("output").value = `${shown.length} of ${entries.length}`;
    for (const section of document.querySelectorAll(".bd-article section section"))
      if (section.querySelector(".entry, .entries"))
        section.hidden = !shown.some((entry) => section.contains(entry));
    const chosen = new URLSearchParams(fields.filter((f) => f.value).map((f) => [f.name, f.value]));
    const query = chosen.size ? `?${chosen}` : location.pathname;
    try { history.replaceState(null, "", query + location.hash); } catch { /* not here */ }
  };
  const open = () => {
    const target = location.hash && document.getElementById(decodeURIComponent(location.hash.slice(1)));
    if (target && target.matches("details")) { target.open = true; target.scrollIntoView(); }
  };
  form.addEventListener("input", apply);
  form.addEventListener("submit", (event) => event.preventDefault());
  window.addEventListener("hashchange", open);
  form.hidden = false;
  apply();
  open();
});
