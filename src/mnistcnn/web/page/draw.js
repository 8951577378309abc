"use strict";

// The drawing: a picture below, perhaps, and strokes on it, each a list of points on a paper of 280×280.
const SIDE = 280, STEP = 4, FAR = 16;
const find = (id) => document.getElementById(id);
const paper = find("paper"), ink = paper.getContext("2d", { willReadFrequently: true }), cursor = find("cursor"), pen = find("pen");
let strokes = [], picture = null, drawn = null;
let keyboard = { x: SIDE / 2, y: SIDE / 2, stroke: null };

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = '<span class="digit"></span><span class="track" aria-hidden="true"><span class="bar"></span></span><span class="share">–</span>';
  row.querySelector(".digit").textContent = digit;
  find("bars").append(row);
  return row;
});

function redraw() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, SIDE, SIDE);
  if (picture) {
    const scale = Math.min(SIDE / picture.image.width, SIDE / picture.image.height);
    const width = picture.image.width * scale, height = picture.image.height * scale;
    ink.drawImage(picture.image, (SIDE - width) / 2, (SIDE - height) / 2, width, height);
  }
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#000";
  for (const { points, width } of strokes) {
    ink.lineWidth = width;
    ink.beginPath();
    ink.moveTo(points[0].x, points[0].y);
    // Curves through the middles between the points: smooth, however few points there are.
    for (let i = 1; i < points.length - 1; i++) {
      const a = points[i], b = points[i + 1];
      ink.quadraticCurveTo(a.x, a.y, (a.x + b.x) / 2, (a.y + b.y) / 2);
    }
    const last = points[points.length - 1];
    ink.lineTo(last.x, last.y);
    ink.stroke();
  }
  find("undo").disabled = find("clear").disabled = !strokes.length && !picture;
}

function changed() {
  redraw();
  ask();
}

// Asking: one question at a time, the next one about the drawing as it is then.
let asking = false, again = false, sheets = 0;

async function ask() {
  if (asking) {
    again = true;
    return;
  }
  asking = true;
  do {
    again = false;
    const sheet = sheets;
    if (!strokes.length && !picture) {
      forget();
      continue;
    }
    try {
      const body = strokes.length ? await new Promise((done) => paper.toBlob(done, "image/png")) : picture.file;
      const type = body.type.startsWith("image/") ? body.type : "image/unknown";
      const answer = await fetch("read", { method: "POST", body, headers: { "Content-Type": type } });
      const found = await answer.json();
      if (sheet !== sheets) continue; // cleared in the meantime
      answer.ok ? show(found) : fail(found.error);
    } catch {
      fail("The server does not answer; is mnistcnn draw still running?");
    }
  } while (again);
  asking = false;
}

function say(text) {
  if (find("verdict").textContent !== text) find("verdict").textContent = text;
}

function percent(share) {
  return (100 * share).toFixed(1) + " %";
}

function show({ digit, confidence, probabilities, warning, frame, responses, seconds }) {
  const second = probabilities.map((p, i) => [p, i]).filter(([, i]) => i !== digit).sort((a, b) => b[0] - a[0])[0];
  const doubt = confidence < 0.9 ? `, or a ${second[1]}` : "";
  say(warning ? `${digit}? Careful: ${warning}.` : `${digit} (${Math.round(100 * confidence)} % sure${doubt})`);
  bars.forEach((row, i) => {
    row.classList.toggle("best", i === digit);
    row.querySelector(".bar").style.transform = `scaleX(${probabilities[i]})`;
    row.querySelector(".share").textContent = percent(probabilities[i]);
  });
  paint(find("frame"), frame, 0, 0);
  responses.forEach((tile, i) => paint(find("responses"), tile, (i % 5) * 10, Math.floor(i / 5) * 10));
  find("frame").setAttribute("aria-label", `The ${digit} as the network sees it, 28 by 28 pixels`);
  find("responses").setAttribute("aria-label", "How strongly each of the 25 first filters answers, place by place");
  document.body.dataset.milliseconds = (1000 * seconds).toFixed(1);
}

function paint(canvas, rows, left, top) {
  const context = canvas.getContext("2d"), image = context.createImageData(rows[0].length, rows.length);
  rows.flat().forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
  context.putImageData(image, left, top);
}

function blank() {
  bars.forEach((row) => {
    row.classList.remove("best");
    row.querySelector(".bar").style.transform = "scaleX(0)";
    row.querySelector(".share").textContent = "–";
  });
  for (const id of ["frame", "responses"]) {
    const canvas = find(id);
    canvas.getContext("2d").clearRect(0, 0, canvas.width, canvas.height);
    canvas.setAttribute("aria-label", "Nothing yet");
  }
}

function forget() {
  blank();
  say("Draw one with mouse, pen or finger.");
}

function fail(message) {
  blank();
  say(message);
}

// Mouse, pen and finger.
function place(event) {
  const box = paper.getBoundingClientRect();
  return { x: ((event.clientX - box.left) / box.width) * SIDE, y: ((event.clientY - box.top) / box.height) * SIDE };
}

paper.addEventListener("pointerdown", (event) => {
  if (drawn || event.button !== 0) return;
  liftPen();
  cursor.hidden = true;
  paper.setPointerCapture(event.pointerId);
  drawn = { id: event.pointerId, stroke: { points: [place(event)], width: Number(pen.value) } };
  strokes.push(drawn.stroke);
  changed();
});

paper.addEventListener("pointermove", (event) => {
  if (drawn?.id !== event.pointerId) return;
  const events = event.getCoalescedEvents?.() ?? [];
  drawn.stroke.points.push(...(events.length ? events : [event]).map(place));
  changed();
});

for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  paper.addEventListener(name, (event) => {
    if (drawn?.id === event.pointerId) drawn = null;
  });
}

// The keyboard.
function liftPen() {
  keyboard.stroke = null;
  cursor.classList.remove("down");
}

function showCursor() {
  cursor.hidden = false;
  cursor.style.left = `${(100 * keyboard.x) / SIDE}%`;
  cursor.style.top = `${(100 * keyboard.y) / SIDE}%`;
  cursor.style.width = cursor.style.height = `${(100 * Number(pen.value)) / SIDE}%`;
  cursor.classList.toggle("down", keyboard.stroke !== null);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

paper.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in ARROWS) {
    const [right, down] = ARROWS[event.key], step = event.shiftKey ? FAR : STEP;
    keyboard.x = Math.min(SIDE, Math.max(0, keyboard.x + right * step));
    keyboard.y = Math.min(SIDE, Math.max(0, keyboard.y + down * step));
    if (keyboard.stroke) {
      keyboard.stroke.points.push({ x: keyboard.x, y: keyboard.y });
      changed();
    }
  } else if (event.key === " ") {
    if (keyboard.stroke) {
      liftPen();
    } else {
      keyboard.stroke = { points: [{ x: keyboard.x, y: keyboard.y }], width: Number(pen.value) };
      strokes.push(keyboard.stroke);
      changed();
    }
  } else {
    return;
  }
  showCursor();
  event.preventDefault();
});

paper.addEventListener("blur", () => {
  liftPen();
  cursor.hidden = true;
});

document.addEventListener("keydown", (event) => {
  if ((event.ctrlKey || event.metaKey) && event.key.toLowerCase() === "z") {
    event.preventDefault();
    undo();
  } else if (event.key === "Escape") {
    clear();
  }
});

// Buttons.
function undo() {
  liftPen();
  drawn = null;
  if (strokes.length) strokes.pop();
  else picture = null;
  changed();
}

function clear() {
  liftPen();
  drawn = picture = null;
  strokes = [];
  sheets++;
  changed();
}

find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
pen.addEventListener("input", () => {
  if (!cursor.hidden) showCursor();
});

// Pictures: shown as the browser can, read from the very bytes of the file.
async function take(file) {
  if (!file) return;
  clear();
  let image;
  try {
    image = await createImageBitmap(file);
  } catch {
    // A format that this browser can't show may still be one that is read.
    image = document.createElement("canvas");
    image.width = image.height = 1;
  }
  picture = { file, image };
  changed();
}

for (const id of ["file", "camera"]) {
  find(id).addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  });
}
document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
document.addEventListener("dragover", (event) => {
  event.preventDefault();
  find("sheet").classList.add("over");
});
document.addEventListener("dragleave", () => find("sheet").classList.remove("over"));
document.addEventListener("drop", (event) => {
  event.preventDefault();
  find("sheet").classList.remove("over");
  take(event.dataTransfer?.files[0]);
});

redraw();
forget();
