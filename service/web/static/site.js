// Adds to pages that are complete without it: the reader's own time zone, and messages as they are caught.
"use strict";

const SHORT = new Intl.DateTimeFormat(undefined, { hour: "2-digit", minute: "2-digit" });
const DAY = new Intl.DateTimeFormat(undefined, { day: "numeric", month: "short" });
const LONG = new Intl.DateTimeFormat(undefined, { dateStyle: "medium", timeStyle: "short" });

function localise(time) {
  const at = new Date(time.dateTime);
  if (Number.isNaN(at.getTime())) return;
  if ("short" in time.dataset) {
    const isToday = at.toDateString() === new Date().toDateString();
    time.textContent = isToday ? SHORT.format(at) : DAY.format(at);
  } else {
    time.textContent = LONG.format(at);
  }
  time.title = LONG.format(at);
}

function localiseAll(root) {
  root.querySelectorAll("time[data-short], time[data-local]").forEach(localise);
}

function addRow(rows, row) {
  const item = document.getElementById("row").content.firstElementChild.cloneNode(true);
  item.querySelector("a").href = row.url;
  for (const field of item.querySelectorAll("[data-f]")) {
    if (field.dataset.f === "at") field.dateTime = row.at;
    else field.textContent = row[field.dataset.f];
  }
  localiseAll(item);
  item.classList.add("new");
  rows.prepend(item);
}

function follow(rows) {
  let total = Number(rows.dataset.total);
  const live = document.getElementById("live");
  const source = new EventSource(rows.dataset.stream);
  source.addEventListener("open", () => { live.hidden = false; });
  source.addEventListener("error", () => { live.hidden = true; });
  source.addEventListener("caught", (event) => {
    const row = JSON.parse(event.data);
    addRow(rows, row);
    total += 1;
    document.getElementById("empty").hidden = true;
    // The summary alone is announced, never the list.
    document.getElementById("summary").textContent =
      `${total} ${total === 1 ? "message" : "messages"}, newest to ${row.to}`;
  });
  // A page that is left lets go of its connection at once: a browser allows only six to one host.
  window.addEventListener("pagehide", () => source.close());
}

localiseAll(document);
const rows = document.getElementById("rows");
if (rows) follow(rows);
