// A live part of a page: its HTML comes ready-made by events; this file only places it, and lets
// whoever reads or types there go on where they were.
"use strict";

const part = document.getElementById("part");
const live = document.getElementById("live");
const said = document.getElementById("said");

const RECONNECT_MS = 5000;

function show(state, words) {
  live.hidden = false;
  live.dataset.state = state;
  said.textContent = words;
}

// Where the focus is, by what the new HTML will have as well: the number of the same link.
function focused() {
  const held = document.activeElement;
  if (!held || !part.contains(held)) return null;
  const alike = [...part.querySelectorAll(held.tagName)].filter((one) => key(one) === key(held));
  return { tag: held.tagName, key: key(held), number: alike.indexOf(held) };
}

function key(element) {
  return element.getAttribute("href") || element.className;
}

function focusAgain(held) {
  if (!held) return;
  const alike = [...part.querySelectorAll(held.tag)].filter((one) => key(one) === held.key);
  if (alike[held.number]) alike[held.number].focus({ preventScroll: true });
}

function place(event) {
  const held = focused();
  const inside = [...part.querySelectorAll(".scroll")].map((one) => one.scrollLeft);
  const at = [window.scrollX, window.scrollY];
  part.innerHTML = event.data;
  part.querySelectorAll(".scroll").forEach((one, n) => { one.scrollLeft = inside[n] || 0; });
  focusAgain(held);
  window.scrollTo(...at);
}

function listen() {
  const source = new EventSource(part.dataset.events);
  source.onopen = () => show("on", "langsung");
  source.addEventListener("part", place);
  source.addEventListener("over", () => { source.close(); location.reload(); });
  source.onerror = () => {
    show("off", "menyambung ulang…");
    // A browser gives up for good when it is answered by an error; try again ourselves then.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(async () => {
        const page = await fetch(location.href, { redirect: "manual" }).catch(() => null);
        if (page && page.type === "opaqueredirect") location.reload();
        else listen();
      }, RECONNECT_MS);
    }
  };
}

listen();
