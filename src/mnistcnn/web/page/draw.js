"use strict";

// The drawing: strokes, each a list of points on a paper 640 units wide, over a picture if one was opened.
const WIDTH = 640, STEP = 4, FAR = 16, TAP = 10, AIR = 5, SURE = 0.9;
const find = (id) => document.getElementById(id);
const [paper, boxes, cursor, pen, number] = ["paper", "boxes", "cursor", "pen", "number"].map(find);
const ink = paper.getContext("2d", { willReadFrequently: true });
let strokes = [], picture = null, drawn = null;
let HEIGHT = 320; // `shape` fits it to the screen while the paper is empty
const keyboard = { x: WIDTH / 8, y: HEIGHT / 2, stroke: null };

const BAR = '<span class="track" aria-hidden="true"><span class="bar"></span></span><span class="share"></span>';
find("bars").innerHTML = Array.from("0123456789", (digit) => `<li><span class="digit">${digit}</span>${BAR}</li>`).join("");

// The place and scale of a picture on the paper.
function fit({ width, height }) {
  const scale = Math.min(WIDTH / width, HEIGHT / height);
  return { scale, left: (WIDTH - width * scale) / 2, top: (HEIGHT - height * scale) / 2 };
}

// An empty paper takes the shape that the style sheet gives it on this screen, and keeps it.
function shape() {
  if (strokes.length || picture) return;
  const sheet = find("sheet");
  sheet.removeAttribute("style");
  const { width, height } = sheet.getBoundingClientRect();
  HEIGHT = Math.round((WIDTH * height) / width);
  paper.height = HEIGHT;
  keyboard.y = Math.min(keyboard.y, HEIGHT);
  sheet.style.setProperty("--height", HEIGHT);
  redraw();
}

function redraw() {
  ink.fillStyle = "#fff";
  ink.fillRect(0, 0, WIDTH, HEIGHT);
  if (picture?.image) {
    const { image } = picture, { scale, left, top } = fit(image);
    ink.drawImage(image, left, top, image.width * scale, image.height * scale);
  }
  ink.lineCap = ink.lineJoin = "round";
  ink.strokeStyle = "#000";
  for (const { points, width } of strokes) {
    ink.lineWidth = width;
    ink.beginPath();
    ink.moveTo(points[0].x, points[0].y);
    // Curves through the middles between the points are smooth even with few points.
    for (let i = 1; i < points.length - 1; i++) {
      const a = points[i], b = points[i + 1];
      ink.quadraticCurveTo(a.x, a.y, (a.x + b.x) / 2, (a.y + b.y) / 2);
    }
    ink.lineTo(points.at(-1).x, points.at(-1).y);
    ink.stroke();
  }
  paper.classList.toggle("picture", picture !== null);
  find("undo").disabled = find("clear").disabled = !strokes.length && !picture;
}

function changed() {
  redraw();
  if (strokes.length || picture) return ask();
  sheets++;
  display("–", INVITATION);
}

// Asking: one request at a time; the next one sends the drawing as it is then.
let asking = false, again = false, sheets = 0;

async function ask() {
  again = true;
  if (asking) return;
  asking = true;
  while (again && (strokes.length || picture)) {
    again = false;
    const sheet = sheets, answer = await read();
    if (sheet === sheets) show(answer); // otherwise the paper was cleared meanwhile
  }
  asking = false;
}

// Sends the picture's own file, or the paper once it is drawn on. The boxes in the answer are in its pixels.
async function read() {
  const sent = strokes.length ? null : picture;
  try {
    const body = sent ? sent.file : await new Promise((done) => paper.toBlob(done, "image/png"));
    const type = body.type.startsWith("image/") ? body.type : "image/unknown";
    const answer = await (await fetch("read", { method: "POST", body, headers: { "Content-Type": type } })).json();
    const { scale, left, top } = sent?.image ? fit(sent.image) : { scale: 1, left: 0, top: 0 };
    for (const [i, digit] of (answer.digits ?? []).entries()) {
      digit.probabilities = Array.from({ length: 10 }, (_, j) => digit.top.find((other) => other.digit === j).confidence);
      digit.frame = answer.frames[i];
      digit.responses = answer.responses[i];
      digit.box = digit.box.map((edge, i) => edge * scale + (i % 2 ? top : left) + (i < 2 ? -AIR : AIR));
    }
    boxes.hidden = sent !== null && !sent.image;
    return answer;
  } catch {
    return { error: "The server is not answering. Is “mnistcnn draw” still running?" };
  }
}

// Showing: the number, as large as possible, and a remark on it.
const INVITATION = "Write with a finger, pen or mouse, or open a picture.";
let digits = []; // the digits read; their boxes are in units of the paper
let gaze = null; // the place that the user pointed at; null for the place of the last stroke
let chosen; // the digit at that place

function show(answer) {
  if (answer.error) return display("–", answer.error);
  const nothing = strokes.length > 1 || picture ? "No digit found here." : INVITATION;
  const remark = answer.digits.length ? judge(answer) : nothing;
  const remarks = [remark, ...leftOut(answer)].filter(Boolean).join(" ");
  if (!answer.digits.length) return display("–", remarks);
  display(answer.text ?? answer.digits.map(() => "?").join(""), remarks, answer);
}

// Warnings and notes become remarks, except the warnings that `show` and `judge` put into their own words.
const SAID = ["nothing but background", "probably not a digit", "some of the marks may not be digits"];

function leftOut({ warning, note }) {
  const odd = [];
  if (warning && !SAID.includes(warning)) odd.push(`Careful: ${warning.startsWith("several") ? "this looks like " : ""}${warning}.`);
  if (note) odd.push(`Careful: ${note}.`);
  return odd;
}

function judge({ digits, confidence, warning }) {
  const doubted = digits.find((digit) => digit.doubted);
  if (doubted && digits.length > 1) return "Where there is a ?, there is probably no digit.";
  const named = (digit) => `${digit === 8 ? "an" : "a"} ${digit}`;
  if (doubted) return `Probably not a digit; it would be read as ${named(best(doubted))}.`;
  if (warning) return null; // `leftOut` shows it instead
  if (confidence >= 0.99) return "More than 99 % sure.";
  const sure = `${Math.round(100 * confidence)} % sure.`;
  if (confidence >= SURE) return sure;
  const weakest = digits.reduce((one, other) => (other.confidence < one.confidence ? other : one));
  return `${sure} The ${weakest.digit} could also be ${named(best(weakest, weakest.digit))}.`;
}

// The most probable digit other than `except`.
function best({ probabilities }, except) {
  return probabilities.indexOf(Math.max(...probabilities.filter((_, i) => i !== except)));
}

function display(text, remark, { confidence, warning, digits: read = [] } = {}) {
  digits = read;
  write(find("reading"), text.replaceAll("\n", ", "));
  write(find("remark"), remark);
  find("headline").classList.toggle("doubtful", !(confidence >= SURE) || Boolean(warning));
  const held = number.contains(document.activeElement);
  if (number.textContent !== text) spell(text);
  look();
  if (held && !number.contains(document.activeElement)) (number.querySelector(":checked") ?? paper).focus();
}

// Changes a text only if it is new, so that a screen reader says nothing twice.
function write(element, text) {
  if (element.textContent !== text) element.textContent = text;
}

// The number: a radio button for each digit, between spaces and new lines.
function spell(text) {
  const rows = text.split("\n").map((row) => row.length);
  number.style.cssText = `--rows: ${rows.length}; --columns: ${Math.max(...rows)}`;
  number.innerHTML = text.replace(/[\d?]/g, '<label><input type="radio" name="digit" class="unseen">$&</label>');
}

function frame({ digit, doubted, box: [left, top, right, bottom] }) {
  const box = document.createElement("div");
  box.classList.toggle("doubted", doubted);
  box.dataset.digit = digit ?? "?";
  box.classList.toggle("high", top < 40);
  box.style.inset = [top / HEIGHT, 1 - right / WIDTH, 1 - bottom / HEIGHT, left / WIDTH].map((edge) => `${100 * edge}%`).join(" ");
  return box;
}

// Choosing a digit: the one that the user pointed at, or the one written last.
const middle = ({ box: [left, top, right, bottom] }) => ({ x: (left + right) / 2, y: (top + bottom) / 2 });
const distance = (one, other) => Math.hypot(one.x - other.x, one.y - other.y);
const nearest = (place, among) => [...among].sort((one, other) => distance(middle(one), place) - distance(middle(other), place))[0];

const around = ({ x, y }, { box: [left, top, right, bottom] }) => left <= x && x <= right && top <= y && y <= bottom;
const under = (place) => nearest(place, digits.filter((digit) => around(place, digit)));

function choose(digit) {
  if (!digit || digit === chosen) return;
  gaze = middle(digit);
  look();
}

function look() {
  const points = strokes.at(-1)?.points, place = gaze ?? points?.[points.length >> 1];
  chosen = place ? under(place) ?? nearest(place, digits) : digits.at(-1);
  boxes.replaceChildren(...digits.map(frame));
  digits.forEach((digit, i) => {
    const label = number.children[i], input = label.firstChild, { confidence, doubted } = digit;
    label.className = doubted ? "doubted" : confidence < SURE ? "unsure" : "";
    input.ariaLabel = doubted ? "Probably not a digit" : `${digit.digit}, ${Math.round(100 * confidence)} % sure`;
    input.checked = digit === chosen;
    boxes.children[i].classList.toggle("chosen", digit === chosen);
    if (digit === chosen) find("headline").scrollTop = label.offsetTop;
  });
  explain(chosen ?? {});
}

// Shows the network's input for a digit, its filters' responses and the ten probabilities.
function explain({ digit, probabilities, frame, responses }) {
  const likeliest = probabilities && best({ probabilities });
  [...find("bars").children].forEach((row, i) => {
    row.classList.toggle("best", i === likeliest);
    row.querySelector(".bar").style.transform = `scaleY(${probabilities?.[i] ?? 0})`;
    row.querySelector(".share").textContent = probabilities ? Math.round(1000 * probabilities[i]) / 10 : "–";
  });
  paint(find("frame"), frame && [frame], `The ${digit ?? "doubted mark"} as the network sees it, 28 by 28 pixels`);
  paint(find("responses"), responses, "How strongly each of the 25 filters responded, place by place");
}

number.addEventListener("change", (event) => choose(digits[[...number.children].indexOf(event.target.parentElement)]));

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

// Mouse, pen and finger. A tap on a digit chooses it; longer movements, and taps elsewhere, draw.
function place(event) {
  const { left, top, width } = paper.getBoundingClientRect(), scale = WIDTH / width;
  return { x: scale * (event.clientX - left), y: scale * (event.clientY - top) };
}

function begin(stroke) {
  gaze = null;
  strokes.push(stroke);
  changed();
}

function extend(stroke, points) {
  stroke.points.push(...points);
  if (strokes.includes(stroke)) changed();
}

paper.addEventListener("pointerdown", (event) => {
  if (drawn || event.button !== 0) return;
  liftPen();
  cursor.hidden = true;
  paper.setPointerCapture(event.pointerId);
  const start = place(event);
  drawn = { id: event.pointerId, tapped: under(start), stroke: { points: [start], width: Number(pen.value) } };
  if (!drawn.tapped) begin(drawn.stroke);
});

paper.addEventListener("pointermove", (event) => {
  if (!drawn && event.pointerType === "mouse") choose(under(place(event)));
  if (drawn?.id !== event.pointerId) return;
  const events = event.getCoalescedEvents?.() ?? [], { stroke, tapped } = drawn;
  extend(stroke, (events.length ? events : [event]).map(place));
  if (tapped && distance(stroke.points[0], stroke.points.at(-1)) > TAP) {
    drawn.tapped = null;
    begin(stroke);
  }
});

for (const name of ["pointerup", "pointercancel", "lostpointercapture"]) {
  paper.addEventListener(name, (event) => {
    if (drawn?.id !== event.pointerId) return;
    choose(drawn.tapped);
    drawn = null;
  });
}

// The keyboard.
function liftPen() {
  keyboard.stroke = null;
  cursor.classList.remove("down");
}

function showCursor() {
  cursor.hidden = false;
  cursor.style.left = `${(100 * keyboard.x) / WIDTH}%`;
  cursor.style.top = `${(100 * keyboard.y) / HEIGHT}%`;
  cursor.style.width = `${(100 * Number(pen.value)) / WIDTH}%`;
  cursor.classList.toggle("down", keyboard.stroke !== null);
}

const ARROWS = { ArrowLeft: [-1, 0], ArrowRight: [1, 0], ArrowUp: [0, -1], ArrowDown: [0, 1] };

paper.addEventListener("keydown", (event) => {
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (event.key in ARROWS) {
    const [right, down] = ARROWS[event.key], step = event.shiftKey ? FAR : STEP;
    keyboard.x = Math.min(WIDTH, Math.max(0, keyboard.x + right * step));
    keyboard.y = Math.min(HEIGHT, Math.max(0, keyboard.y + down * step));
    if (keyboard.stroke) extend(keyboard.stroke, [{ x: keyboard.x, y: keyboard.y }]);
  } else if (event.key !== " ") {
    return;
  } else if (keyboard.stroke) {
    liftPen();
  } else begin((keyboard.stroke = { points: [{ x: keyboard.x, y: keyboard.y }], width: Number(pen.value) }));
  showCursor();
  event.preventDefault();
});

paper.addEventListener("blur", () => {
  liftPen();
  cursor.hidden = true;
});
document.addEventListener("keydown", (event) => {
  if (event.key === "Escape") return clear();
  if (!(event.ctrlKey || event.metaKey) || event.key.toLowerCase() !== "z") return;
  event.preventDefault();
  undo();
});

// Buttons.
function restart(kept, below) {
  liftPen();
  drawn = gaze = null;
  [strokes, picture] = [kept, below];
  changed();
}

const clear = () => restart([], null);
const undo = () => restart(strokes.slice(0, -1), strokes.length ? picture : null);
find("undo").addEventListener("click", undo);
find("clear").addEventListener("click", clear);
pen.addEventListener("input", () => cursor.hidden || showCursor());

// Pictures: the browser shows them if it can; the server reads the bytes of the file.
async function take(file) {
  if (!file) return;
  clear();
  // A format that this browser can't show may still be one that is read.
  restart([], { file, image: await createImageBitmap(file).catch(() => null) });
}

for (const id of ["file", "camera"]) {
  find(id).addEventListener("change", (event) => {
    take(event.target.files[0]);
    event.target.value = "";
  });
}
document.addEventListener("paste", (event) => take(event.clipboardData?.files[0]));
for (const name of ["dragover", "dragleave", "drop"]) {
  document.addEventListener(name, (event) => {
    event.preventDefault();
    find("sheet").classList.toggle("over", name === "dragover");
    if (name === "drop") take(event.dataTransfer?.files[0]);
  });
}

addEventListener("resize", shape);
shape();
changed();
