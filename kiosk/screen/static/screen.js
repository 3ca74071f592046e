// The employee's screen: shows the frames that the kiosk sends, and counts its clock on.
//
// Nothing is decided here. What is shown, in which language and for how long, came in the frame;
// the time is the daemon's, counted on by a clock that nobody can set. When no word comes from the
// kiosk for a while, the clock is greyed and said to be uncertain.
"use strict";

const SILENT_MS = 6000; // the kiosk says how it is every two seconds
const OTHER_LANGUAGE_MS = 30000; // then the next person finds their own again
const POINTER_MS = 3000;

const body = document.body;
const words = JSON.parse(body.dataset.words);
const home = body.dataset.language;
const by = (id) => document.getElementById(id);
const [rest, away, prompt, mine, result] = ["rest", "away", "prompt", "mine", "result"].map(by);

let language = home;
let token = "";
let now = null; // the latest word of how the kiosk is, with `heard`, when it came
let shown = { result: null, prompt: null, mine: null }; // the frames that are up
const ends = {}; // timers, by the name of what they end

function put(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

function later(name, ms, then) {
  clearTimeout(ends[name]);
  ends[name] = setTimeout(then, ms);
}

// Layers: the highest that is up can be touched, all below it cannot.

function layers() {
  away.hidden = now !== null;
  prompt.hidden = shown.prompt === null;
  mine.hidden = shown.mine === null;
  result.hidden = shown.result === null;
  let above = false; // what is beneath is not to be touched, nor read aloud
  for (const layer of [result, mine, prompt, away, rest]) {
    layer.inert = above;
    above = above || !layer.hidden;
  }
}

// The clock.

function isFrozen() {
  return now !== null && performance.now() - now.heard > SILENT_MS;
}

const two = (number) => String(number).padStart(2, "0");

function tick() {
  const frozen = isFrozen();
  const utc = now === null || !now.utc ? null : now.utc + performance.now() - now.heard;
  const say = words[language];
  body.classList.toggle("unsure", utc === null || frozen || !now.is_sure);
  if (utc === null) {
    put(by("time"), `––${say.separator}––`);
    put(by("seconds"), "");
  } else {
    const there = new Date(utc + now.offset_ms);
    put(by("time"), two(there.getUTCHours()) + say.separator + two(there.getUTCMinutes()));
    put(by("seconds"), two(there.getUTCSeconds()));
    const idle = now.idle[language];
    put(by("date"), utc < now.midnight ? idle.date : idle.tomorrow);
    put(by("trust-word"), frozen ? say.clock_unsure : idle.trust);
    by("trust-shape").setAttribute("href", frozen || !now.is_sure ? "#shape-late" : "#shape-good");
  }
  put(by("away-head"), say.starting);
  put(by("away-more"), say.starting_more);
  body.classList.toggle("frozen", frozen);
  put(by("invite"), frozen ? say.frozen : say.invite);
  const next = utc === null ? 1000 : 1000 - (utc % 1000);
  later("tick", next + 5, tick);
}

function atRest() {
  for (const one of document.querySelectorAll("[data-word]")) {
    put(one, words[language][one.dataset.word]);
  }
  by("switch").setAttribute("lang", language === "id" ? "en" : "id");
  if (now !== null && now.utc) {
    const idle = now.idle[language];
    put(by("name"), now.name);
    put(by("zone"), now.zone);
    put(by("greeting"), idle.greeting);
    put(by("line-word"), idle.line);
    put(by("waiting"), idle.waiting);
    body.classList.toggle("away-line", !now.is_up);
    body.classList.toggle("noticed", idle.notices.length > 0);
    const list = by("notices");
    list.hidden = idle.notices.length === 0;
    if (list.dataset.said !== idle.notices.join("\n")) {
      list.dataset.said = idle.notices.join("\n");
      list.replaceChildren(...idle.notices.map((text) => element("li", "", text)));
    }
  }
  tick();
}

function element(name, kind, text) {
  const one = document.createElement(name);
  if (kind) one.className = kind;
  one.textContent = text;
  return one;
}

// Results and prompts.

function fill(layer, frame) {
  const card = frame.cards[language];
  layer.dataset.tone = frame.tone;
  layer.querySelector("use").setAttribute("href", "#shape-" + (frame.shape || frame.tone));
  for (const part of ["name", "head", "time", "detail", "note"]) {
    put(layer.querySelector("." + part), card[part] || "");
  }
}

function fit(layer) {
  // As large as there is room for: a long name makes all of it smaller, and takes no part away.
  const style = getComputedStyle(layer);
  const [above, below] = [parseFloat(style.paddingTop), parseFloat(style.paddingBottom)];
  const [shape, said] = [layer.querySelector("svg"), layer.querySelector(".said")];
  for (const size of [1.15, 1.07, 1, 0.92, 0.85, 0.78, 0.72, 0.66, 0.6]) {
    layer.style.setProperty("--fit", size);
    const top = Math.min(shape.getBoundingClientRect().top, said.getBoundingClientRect().top);
    const bottom = said.getBoundingClientRect().bottom;
    const isIn = top >= above - 1 && bottom <= layer.clientHeight - below + 1;
    if (isIn && said.scrollWidth <= said.clientWidth) return;
  }
}

function say(frame) {
  const card = frame.cards[language];
  put(by("spoken"), [card.name, card.head, card.time, card.detail, card.note].filter(Boolean).join(". "));
}

function drawResult() {
  const frame = shown.result;
  if (frame === null) return;
  fill(result, frame);
  result.style.setProperty("--stays", frame.stays_s + "s");
  const folded = frame.folded ? frame.folded_words[language].replace("{}", frame.folded) : "";
  put(result.querySelector(".folded"), folded);
  layers();
  fit(result);
}

function drawPrompt() {
  if (shown.prompt === null) return;
  fill(prompt, shown.prompt);
  layers();
  fit(prompt);
}

function show(name, frame, draw) {
  shown[name] = frame;
  draw();
  later(name, frame.stays_s * 1000, () => hide(name));
}

function hide(name) {
  clearTimeout(ends[name]);
  shown[name] = null;
  layers();
}

// Did my punch count?

function drawMine() {
  if (shown.mine === null) return;
  const sheet = shown.mine.sheets[language];
  const lines = sheet.lines || [];
  mine.classList.toggle("listed", lines.length > 0);
  by("mine-shape").firstElementChild.setAttribute("href", shown.mine.is_question ? "#shape-place_finger" : "#shape-ask");
  put(by("mine-title"), sheet.title);
  put(by("mine-text"), sheet.text || "");
  by("mine-lines").replaceChildren(...lines.map(row));
  layers();
}

function row(line) {
  const one = element("li", line.is_receipted ? "has" : "", "");
  const shape = by("trust").querySelector("svg").cloneNode(true);
  shape.firstElementChild.removeAttribute("id");
  shape.firstElementChild.setAttribute("href", line.is_receipted ? "#shape-good" : "#shape-late");
  one.append(
    shape,
    element("b", "", line.time),
    element("span", "side", line.side),
    element("span", "when", line.when),
    element("span", "state", line.state),
    element("span", "code", line.code),
  );
  return one;
}

function post(path) {
  fetch(path, { method: "POST", body: token }).catch(() => {}); // the stream says that it is away
}

by("ask").addEventListener("click", () => post("/mine"));
by("close").addEventListener("click", () => {
  hide("mine");
  post("/leave");
});
result.addEventListener("click", () => hide("result"));

// The language.

function speak(which) {
  language = which;
  document.documentElement.lang = which;
  atRest();
  drawMine();
  drawPrompt();
  drawResult();
}

by("switch").addEventListener("click", () => speak(language === "id" ? "en" : "id"));
document.addEventListener("pointerdown", () => {
  if (sound !== null && sound.state === "suspended") sound.resume();
  later("language", OTHER_LANGUAGE_MS, () => {
    if (language !== home) speak(home);
  });
});

// Sounds: pitch in Hz, and when it begins in seconds.

const TONES = {
  good: [[1320, 0]],
  late: [[880, 0], [880, 0.16]],
  ask: [[660, 0], [990, 0.16]],
  bad: [[233, 0], [196, 0.2]],
};
const LONG_S = 0.14;
const sound = body.dataset.sound === "on" && window.AudioContext ? new AudioContext() : null;

function play(tone) {
  if (sound === null || sound.state !== "running") return;
  for (const [pitch, after] of TONES[tone]) {
    const begin = sound.currentTime + after;
    const voice = new OscillatorNode(sound, { frequency: pitch, type: "triangle" });
    const volume = new GainNode(sound, { gain: 0 });
    volume.gain.setValueAtTime(0, begin);
    volume.gain.linearRampToValueAtTime(0.5, begin + 0.012);
    volume.gain.setValueAtTime(0.5, begin + LONG_S - 0.04);
    volume.gain.linearRampToValueAtTime(0, begin + LONG_S);
    voice.connect(volume).connect(sound.destination);
    voice.start(begin);
    voice.stop(begin + LONG_S);
  }
}

// What the kiosk says.

const hear = {
  hello(frame) {
    token = frame.token;
    hide("mine"); // whoever asked on the page as it was has to ask again
  },
  now(frame) {
    now = { ...frame, heard: performance.now() };
    layers();
    atRest();
  },
  away() {
    now = null;
    layers();
    atRest();
  },
  result(frame) {
    show("result", frame, drawResult);
    restart(result.querySelector(".left"));
    say(frame);
    play(frame.tone);
  },
  prompt(frame) {
    show("prompt", frame, drawPrompt);
    say(frame);
    if (frame.tone !== "ask") play(frame.tone);
  },
  mine(frame) {
    show("mine", frame, drawMine);
  },
};

function restart(bar) {
  for (const motion of bar.getAnimations()) motion.currentTime = 0;
}

const events = new EventSource("/events");
events.onmessage = (event) => {
  const frame = JSON.parse(event.data);
  hear[frame.frame](frame);
};

// A screen that is turned.

addEventListener("resize", () => {
  drawPrompt();
  drawResult();
});

// No pointer where nobody points.

function still() {
  body.classList.add("still");
}
document.addEventListener("pointermove", () => {
  body.classList.remove("still");
  later("pointer", POINTER_MS, still);
});
document.addEventListener("contextmenu", (event) => event.preventDefault());
still();
layers();
atRest();
