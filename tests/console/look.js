// What a page lacks that a reader with a screen reader, a keyboard or a phone needs; the tests want an empty list.
() => {
  const faults = [];
  const all = (selector) => [...document.querySelectorAll(selector)];
  const named = (one) =>
    (one.getAttribute("aria-label") || one.textContent || "").trim() ||
    [...one.querySelectorAll("title")].map((title) => title.textContent).join("");
  for (const one of all("input:not([type=hidden], [aria-hidden=true]), select, textarea")) {
    const labels = [...(one.labels || [])].map((label) => label.textContent.trim()).join("");
    if (!labels && !one.getAttribute("aria-label")) faults.push("no label: " + one.name);
  }
  for (const one of all("a[href], button, summary"))
    if (!named(one)) faults.push("no name: " + one.outerHTML.slice(0, 80));
  for (const one of all("fieldset")) if (!one.querySelector("legend")) faults.push("fieldset without legend");
  for (const one of all("table")) if (!one.caption) faults.push("table without caption");
  for (const one of all("svg[role=img]")) if (!one.querySelector("title")) faults.push("picture without title");
  for (const name of ["aria-labelledby", "aria-describedby", "for"])
    for (const one of all(`[${name}]`))
      for (const id of one.getAttribute(name).split(" ").filter(Boolean))
        if (!document.getElementById(id)) faults.push(`${name} leads nowhere: ${id}`);
  const ids = all("[id]").map((one) => one.id);
  for (const id of new Set(ids))
    if (ids.filter((other) => other === id).length > 1) faults.push("id stands twice: " + id);
  let level = 0;
  for (const one of all("h1, h2, h3, h4")) {
    const here = Number(one.tagName[1]);
    if (here > level + 1) faults.push("heading skips a level: " + one.textContent.trim());
    level = here;
  }
  if (all("h1").length !== 1) faults.push("not one h1");
  if (!document.documentElement.lang) faults.push("no lang");
  if (!document.title.trim()) faults.push("no title");
  const wide = document.documentElement.scrollWidth;
  if (wide > window.innerWidth) faults.push("wider than the window: " + wide);
  if (document.querySelector("[style], style, script:not([src])")) faults.push("style or script within the page");
  return faults;
}
