// Puts what has changed anew in place every two seconds; without it the page is loaded by hand.
//
// Only what has changed: who marks a sentence to copy it, or has it read aloud, keeps it.
"use strict";

const EVERY_MS = 2000;
const WITHIN_MS = 10000;
const by = (id) => document.getElementById(id);

async function look() {
  let isThere = false;
  try {
    const answer = await fetch("/part", { redirect: "error", signal: AbortSignal.timeout(WITHIN_MS) });
    if (answer.status === 401) return location.replace("/login"); // not again what was sent
    if (answer.ok) {
      const fresh = new DOMParser().parseFromString(await answer.text(), "text/html");
      renew(by("whole"), fresh.getElementById("whole"));
      renew(by("facts"), fresh.getElementById("facts"));
      isThere = true;
    }
  } catch {
    isThere = false; // what is shown is said to be old
  }
  by("stale").hidden = isThere;
  by("facts").classList.toggle("old", !isThere);
  setTimeout(look, EVERY_MS);
}

function renew(old, fresh) {
  if (old.outerHTML === fresh.outerHTML) return;
  const keys = (of) => [...of.children].map((one) => one.dataset.key);
  const parts = keys(fresh);
  if (parts.every(Boolean) && parts.length > 0 && parts.join("\n") === keys(old).join("\n")) {
    [...fresh.children].forEach((one, n) => renew(old.children[n], one));
  } else {
    old.className = fresh.className;
    old.replaceChildren(...fresh.childNodes);
  }
}

setTimeout(look, EVERY_MS);
