// Puts a fresh page in the place of this one; where it cannot, it says so: what is old must not look new.
"use strict";
const EVERY = 5000;

async function refresh() {
  try {
    const answer = await fetch(location.href, { cache: "no-store", signal: AbortSignal.timeout(EVERY) });
    if (!answer.ok) throw new Error(`status ${answer.status}`);
    const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
    replace("headline", fresh);
    const main = document.getElementById("main");
    const kept = document.activeElement && main.contains(document.activeElement) ? document.activeElement.href : null;
    main.replaceChildren(document.getElementById("headline"), ...[...fresh.getElementById("main").children].slice(1));
    document.title = fresh.title;
    document.body.classList.remove("stale");
    if (kept) [...main.querySelectorAll("a")].find((link) => link.href === kept)?.focus();
  } catch {
    document.body.classList.add("stale");
    document.title = "no answer · Lanewatch";
  }
}

// The headline is a live region: it stays the same element, and is touched only when it says something new.
function replace(id, fresh) {
  const [old, now] = [document.getElementById(id), fresh.getElementById(id)];
  if (old.textContent !== now.textContent) old.textContent = now.textContent;
  old.className = now.className;
}

setInterval(() => { if (!document.hidden) refresh(); }, EVERY);
document.addEventListener("visibilitychange", () => { if (!document.hidden) refresh(); });
