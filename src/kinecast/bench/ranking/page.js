"use strict";
const study = JSON.parse(document.getElementById("study").textContent);
const $ = (id) => document.getElementById(id);
const KEPT = "kinecast-votes-" + study.id;

// A voter's own order and sides: where something is shown must not decide how it does.
function draws(seed) {
  let a = seed >>> 0;
  return () => {
    a = (a + 0x6d2b79f5) >>> 0;
    let t = Math.imul(a ^ (a >>> 15), 1 | a);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4294967296;
  };
}

function shuffled(items, draw) {
  const found = [...items];
  for (let i = found.length - 1; i > 0; i--) {
    const j = Math.floor(draw() * (i + 1));
    [found[i], found[j]] = [found[j], found[i]];
  }
  return found;
}

function kept() {
  try {
    const before = JSON.parse(localStorage.getItem(KEPT));
    if (before && Number.isInteger(before.voter) && Array.isArray(before.votes)) return before;
  } catch { /* a browser that keeps nothing for files: votes live as long as the page */ }
  return null;
}

function keep() {
  try { localStorage.setItem(KEPT, JSON.stringify({ voter, votes })); } catch { return; }
}

const before = kept();
const voter = before ? before.voter : crypto.getRandomValues(new Uint32Array(1))[0];
const votes = before ? before.votes : [];
const draw = draws(voter);
const trials = shuffled(study.pairs, draw).flatMap((pair) => {
  const [left, right] = draw() < 0.5 ? [pair.a, pair.b] : [pair.b, pair.a];
  return study.questions.map((_, question) => ({ clip: pair.clip, left, right, question }));
});
let begun = 0, saved = votes.length === 0, playing = 0;

function element(name, attributes) {
  return Object.assign(document.createElement(name), attributes);
}

function show(place, item) {
  const figure = $(place);
  let shown;
  if (item.kind === "film") {
    shown = element("video", { src: item.data, loop: true, muted: true, autoplay: true, playsInline: true });
  } else if (item.kind === "picture") {
    shown = element("img", { src: item.data, alt: "" });
  } else {
    shown = element("canvas", { width: 2 * item.size[0], height: 2 * item.size[1] });
    animate(shown, item);
  }
  figure.replaceChildren(shown);
}

// Points over the last seen picture: what was seen in grey, what is forecast in colour.
function animate(canvas, item) {
  const context = canvas.getContext("2d"), mine = playing;
  const path = item.history.concat(item.future), seen = item.history.length, tail = 8;
  const picture = item.picture ? element("img", { src: item.picture }) : null;
  const start = performance.now();
  function frame(now) {
    if (mine !== playing) return;
    const t = Math.floor(((now - start) / 1000) * item.fps) % (path.length + 6);
    const at = Math.min(t, path.length - 1);
    context.setTransform(2, 0, 0, 2, 0, 0);
    context.fillStyle = "#181818";
    context.fillRect(0, 0, ...item.size);
    if (picture && picture.complete) {
      context.globalAlpha = 0.6;
      context.drawImage(picture, 0, 0, ...item.size);
      context.globalAlpha = 1;
    }
    for (let n = 0; n < path[at].length; n++) {
      const p = path[at][n];
      if (!p) continue;
      context.strokeStyle = context.fillStyle = at < seen ? "#bbb" : `hsl(${(n * 47) % 360} 85% 60%)`;
      context.beginPath();
      for (let s = Math.max(at - tail, 0); s <= at; s++) {
        const q = path[s][n];
        if (q) context.lineTo(q[0], q[1]);
      }
      context.stroke();
      context.beginPath();
      context.arc(p[0], p[1], Math.max(1.5, item.size[0] / 160), 0, 7);
      context.fill();
    }
    requestAnimationFrame(frame);
  }
  requestAnimationFrame(frame);
}

function render() {
  playing++;
  const done = votes.length >= trials.length;
  document.body.classList.toggle("done", done);
  $("progress").textContent = `${votes.length} of ${trials.length}`;
  if (done) {
    $("question").textContent = saved ? "Thank you: the votes are saved." : "Thank you. Save the votes now.";
    return;
  }
  const trial = trials[votes.length];
  $("question").textContent = study.questions[trial.question];
  show("left", study.items[trial.clip][trial.left]);
  show("right", study.items[trial.clip][trial.right]);
  begun = performance.now();
}

function vote(choice) {
  if (votes.length >= trials.length) return;
  const seconds = Math.round((performance.now() - begun) / 100) / 10;
  votes.push({ ...trials[votes.length], choice, seconds });
  saved = false;
  keep();
  render();
}

function back() {
  votes.pop();
  saved = false;
  keep();
  render();
}

function save() {
  const found = {
    format: "kinecast-votes", version: 1, study: study.id, voter,
    questions: study.questions, methods: study.methods,
    votes: votes.map((v) => ({
      clip: study.clips[v.clip], question: v.question, left: study.methods[v.left],
      right: study.methods[v.right], choice: v.choice, seconds: v.seconds,
    })),
  };
  const url = URL.createObjectURL(new Blob([JSON.stringify(found)], { type: "application/json" }));
  element("a", { href: url, download: `votes-${study.id}-${voter}.json` }).click();
  URL.revokeObjectURL(url);
  saved = true;
  render();
}

const KEYS = {
  ArrowLeft: () => vote("left"), ArrowRight: () => vote("right"), ArrowDown: () => vote("tie"),
  Backspace: back, " ": render, e: save, E: save,
};
addEventListener("keydown", (event) => {
  if (!KEYS[event.key] || event.ctrlKey || event.metaKey || event.altKey || event.repeat) return;
  event.preventDefault();
  KEYS[event.key]();
});
for (const button of document.querySelectorAll("[data-choice]")) {
  button.addEventListener("click", () => { button.blur(); vote(button.dataset.choice); });
}
$("save").addEventListener("click", () => { $("save").blur(); save(); });
addEventListener("beforeunload", (event) => { if (!saved) event.preventDefault(); });
render();
