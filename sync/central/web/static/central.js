// The live page: rows come ready-made from /events; this file only places them.
"use strict";

const rows = document.getElementById("rows");
const kiosks = document.getElementById("kiosks");
const empty = document.getElementById("empty");
const live = document.getElementById("live");
const said = document.getElementById("said");
const limit = Number(rows.dataset.limit);

const RECONNECT_MS = 5000;

function show(state, words) {
  live.dataset.state = state;
  said.textContent = words;
}

function firstElement(html) {
  const template = document.createElement("template");
  template.innerHTML = html;
  return template.content.firstElementChild;
}

function place(event) {
  const row = firstElement(event.data);
  if (!row || rows.querySelector(`[data-id="${CSS.escape(row.dataset.id)}"]`)) return;
  row.classList.add("fresh");
  rows.prepend(row);
  rows.dataset.after = event.lastEventId;
  while (rows.rows.length > limit) rows.deleteRow(-1);
  empty.hidden = true;
}

function listen() {
  const query = new URLSearchParams(location.search);
  query.set("after", rows.dataset.after);
  const source = new EventSource(`/events?${query}`);
  source.onopen = () => show("on", "langsung");
  source.addEventListener("presence", place);
  source.addEventListener("kiosks", (event) => { kiosks.innerHTML = event.data; });
  source.addEventListener("over", () => { source.close(); location.reload(); });
  source.onerror = () => {
    show("off", "menyambung ulang…");
    // A browser gives up for good when it is answered by an error; try again ourselves then.
    if (source.readyState === EventSource.CLOSED) {
      setTimeout(async () => {
        const page = await fetch("/presences", { redirect: "manual" }).catch(() => null);
        if (page && page.type === "opaqueredirect") location.reload();
        else listen();
      }, RECONNECT_MS);
    }
  };
}

listen();
