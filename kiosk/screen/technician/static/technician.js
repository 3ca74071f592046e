// Puts the facts anew in place every two seconds; without it the page is loaded again by hand.
"use strict";

const EVERY_MS = 2000;
const facts = document.getElementById("facts");

async function look() {
  try {
    const answer = await fetch("/part", { redirect: "error" });
    if (answer.status === 401) return location.reload();
    if (answer.ok) {
      const now = await answer.text();
      if (now !== facts.dataset.last) {
        facts.innerHTML = now;
        facts.dataset.last = now;
      }
    }
    facts.classList.toggle("old", !answer.ok);
  } catch {
    facts.classList.add("old");
  }
  setTimeout(look, EVERY_MS);
}

setTimeout(look, EVERY_MS);
