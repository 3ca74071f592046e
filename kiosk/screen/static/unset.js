// The page of a kiosk that is not set up: shows the six digits, and makes room for the screen.
"use strict";

const waiting = document.getElementById("waiting");
const asking = document.getElementById("asking");
const digits = document.getElementById("digits");

async function look() {
  let answer;
  try {
    answer = await fetch("/unset", { cache: "no-store" });
  } catch {
    return; // between two processes nobody answers
  }
  if (answer.status === 404) {
    location.replace("/"); // it is the screen proper that answers
    return;
  }
  const said = (await answer.json()).digits;
  digits.textContent = said && `${said.slice(0, 3)} ${said.slice(3)}`;
  asking.hidden = !said;
  waiting.hidden = Boolean(said);
}

setInterval(look, 1000);
look();
