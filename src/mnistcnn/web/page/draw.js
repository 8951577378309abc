"use strict";

// The drawing: a picture below, perhaps, and strokes on it, each a list of points on a paper of 280×280.
const SIDE = 280, STEP = 4, FAR = 16;
const find = (id) => document.getElementById(id);
const paper = find("paper"), ink = paper.getContext("2d", { willReadFrequently: true }), cursor = find("cursor"), pen = find("pen");
let strokes = [], picture = null, drawn = null;
let keyboard = { x: SIDE / 2, y: SIDE / 2, stroke: null };

const bars = Array.from({ length: 10 }, (_, digit) => {
  const row = document.createElement("li");
  row.innerHTML = '<span class="digit"></span><span class="track" aria-hidden="true"><span class="bar"></span></span><span class="share"></span>';
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
  paper.classList.toggle("picture", picture !== null);
  find("undo").disabled = find("clear").disabled = !strokes.length && !picture;
}

function changed() {
  redraw();
  if (strokes.length || picture) ask();
  else forget();
}

// Asking: one question at a time, the next one about the drawing as it is then.
let asking = false, again = false, sheets = 0;

async function ask() {
  again = true;
  if (asking) return;
  asking = true;
  while (again && (strokes.length || picture)) {
    again = false;
    const sheet = sheets, answer = await read();
    if (sheet === sheets) show(answer); // else the paper was cleared in the meantime
  }
  asking = false;
}

async function read() {
  try {
    const body = strokes.length ? await new Promise((done) => paper.toBlob(done, "image/png")) : picture.file;
    const type = body.type.startsWith("image/") ? body.type : "image/unknown";
    return await (await fetch("read", { method: "POST", body, headers: { "Content-Type": type } })).json();
  } catch {
    return { error: "The server is not answering. Is “mnistcnn draw” still running?" };
  }
}

// Showing: what was read, as large as can be, a remark on it, and what the network saw.
const INVITATION = "Draw with a finger, pen or mouse, or open a picture.";
let begun = false; // whether a digit has been read on this paper

function show(answer) {
  if (answer.error) return display("–", answer.error);
  if (answer.digit === null) return display("–", begun || picture ? "No digit found here." : INVITATION);
  begun = true;
  display(String(answer.digit), judge(answer), answer);
}

function forget() {
  begun = false;
  sheets++;
  display("–", INVITATION);
}

function judge({ digit, confidence, probabilities, warning }) {
  if (warning) return `Careful: this looks like ${warning}.`;
  if (confidence >= 0.99) return "More than 99% sure.";
  const sure = `${Math.round(100 * confidence)}% sure.`;
  if (confidence >= 0.9) return sure;
  const second = probabilities.indexOf(Math.max(...probabilities.filter((_, i) => i !== digit)));
  return `${sure} It could also be ${second === 8 ? "an" : "a"} ${second}.`;
}

function display(reading, remark, { digit, confidence, probabilities, warning, frame, responses } = {}) {
  write(find("reading"), reading);
  write(find("remark"), remark);
  find("reading").classList.toggle("doubtful", !(confidence >= 0.9) || Boolean(warning));
  bars.forEach((row, i) => {
    row.classList.toggle("best", i === digit);
    row.querySelector(".bar").style.transform = `scaleY(${probabilities?.[i] ?? 0})`;
    row.querySelector(".share").textContent = probabilities ? Math.round(1000 * probabilities[i]) / 10 : "–";
  });
  paint(find("frame"), frame && [frame], `The ${digit} as the network sees it, 28 by 28 pixels`);
  paint(find("responses"), responses, "How strongly each of the 25 filters responded, place by place");
}

// Only what is new, so that a screen reader says nothing twice.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// Square tiles of grey levels, 0 to 255, in rows of five.
function paint(canvas, tiles, label) {
  const context = canvas.getContext("2d");
  context.clearRect(0, 0, canvas.width, canvas.height);
  canvas.setAttribute("aria-label", tiles ? label : "Nothing yet");
  tiles?.forEach((rows, tile) => {
    const side = rows.length, image = context.createImageData(side, side);
    rows.flat().forEach((grey, i) => image.data.set([grey, grey, grey, 255], 4 * i));
    context.putImageData(image, (tile % 5) * (side + 1), Math.floor(tile / 5) * (side + 1));
  });
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
