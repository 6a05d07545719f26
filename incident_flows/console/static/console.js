// Countdown, live refresh and the reader's zone. Every page works without this file.
"use strict";
(() => {
  const page = document.documentElement;
  const ahead = Date.parse(page.dataset.now) - Date.now(); // of the server's clock, which counts

  const span = (seconds) => {
    const left = Math.abs(seconds), days = Math.floor(left / 86400), hours = Math.floor(left / 3600) % 24;
    const minutes = Math.floor(left / 60) % 60, rest = Math.floor(left) % 60, two = (n) => String(n).padStart(2, "0");
    if (days) return `${days} d ${hours} h`;
    return hours ? `${hours} h ${two(minutes)} min` : `${minutes}:${two(rest)} min`;
  };
  const count = () => {
    for (const one of document.querySelectorAll("[data-until]")) {
      const seconds = (Date.parse(one.dataset.until) - Date.now() - ahead) / 1000;
      const text = seconds > 0 ? span(seconds) : `${one.dataset.over} ${span(seconds)}`;
      if (one.textContent !== text) one.textContent = text;
    }
  };
  count();
  setInterval(count, 1000);

  const live = document.querySelector("[data-refresh]");
  const refresh = async () => {
    if (document.hidden || live.contains(document.activeElement)) return;
    try {
      const answer = await fetch(live.dataset.refresh, { headers: { "X-Fragment": "1" }, credentials: "same-origin" });
      if (!answer.ok || answer.redirected) return;
      live.innerHTML = await answer.text(); // our own page's part, escaped where it is made
      count();
    } catch { /* the next turn tries again; the countdown goes on */ }
  };
  if (live) setInterval(refresh, 20000);

  for (const one of document.querySelectorAll("nav [aria-current]")) {
    const bar = one.closest("nav");
    bar.scrollLeft = one.offsetLeft - bar.offsetLeft - (bar.clientWidth - one.offsetWidth) / 2;
  }

  const zone = Intl.DateTimeFormat().resolvedOptions().timeZone;
  if (page.dataset.zone === "" && zone && !document.cookie.includes("breach_zone=")) {
    document.cookie = `breach_zone=${zone}; path=/; max-age=31536000; samesite=lax`;
    if (document.cookie.includes("breach_zone=") && !document.querySelector("form[data-keep]")) location.reload();
  }

  for (const form of document.querySelectorAll("form[data-auto] select")) form.addEventListener("change", () => form.form.submit());
  for (const box of document.querySelectorAll("[data-narrow]")) {
    box.addEventListener("input", () => {
      const words = box.value.toLowerCase().split(/\s+/).filter(Boolean);
      for (const row of document.querySelectorAll(box.dataset.narrow))
        row.hidden = !words.every((word) => row.textContent.toLowerCase().includes(word));
    });
  }
  for (const form of document.querySelectorAll("form[method=post]"))
    form.addEventListener("submit", (event) => { if (form.dataset.sent) event.preventDefault(); form.dataset.sent = "1"; });
  window.addEventListener("pageshow", () => { for (const form of document.querySelectorAll("form[data-sent]")) delete form.dataset.sent; });
})();
