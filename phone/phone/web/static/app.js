/** The page: its form, its buttons, and what becomes of the program's messages. */

import { AudioProblem, Line } from "./audio/line.js";
import { CallView } from "./call_view.js";
import { Connection } from "./connection.js";
import { byId, typed } from "./elements.js";
import { StackView } from "./stack_view.js";

/** @typedef {"microphone" | "speech" | "file" | "silence"} Source */

const PING_MS = 500;
const FRAMING_MS = 20; // a frame leaves when its last sample is there
const ANOTHERS = "The call was placed by another telephone, which has its report.";
const CUT_OFF = "The connection to the program broke, which hung up; its report is in the stack's view.";

const view = new CallView();
const stack = new StackView();
const form = typed("dial", HTMLFormElement);
const source = typed("source", HTMLSelectElement);
const mute = typed("mute", HTMLButtonElement);

/** @type {Line | null} */
let line = null;
/** @type {Line | null} */
let opening = null; // the line until it is open
let busy = false; // from the click until the call is over
let muted = false;
let began = false; // to say the sound of the source
let ringing = false;
let cameIn = false; // the call in progress

const connection = new Connection(
  take,
  (frame) => line?.hear(frame),
  (reason) => {
    if (busy && line !== null) view.kept(line.recording, "The call was cut off.", CUT_OFF);
    cameIn = false;
    ended();
    if (reason) view.error(reason, "Close another tab; trying again …");
    else view.error("The program does not answer.", "Is `phone serve` still running? Trying again …");
  },
);

/** @param {import("./protocol.js").FromProgram} message */
function take(message) {
  switch (message.type) {
    case "hello":
      view.hello(message);
      stack.recent(message.calls);
      break;
    case "state":
      if (message.state === "idle") ended();
      else if (message.state === "calling") view.state("Calling …");
      else view.connected();
      if (message.state === "connected") begin(); // there is no socket to wait for
      break;
    case "rate":
      line?.rateIs(message.rate);
      view.rate(message.rate);
      break;
    case "ringing":
      ringing = true;
      view.ringing(message.caller);
      break;
    case "missed":
      ringing = false;
      if (cameIn) forget(); // the answer came too late
      view.ringing(null);
      view.state(`${message.caller} gave up.`);
      break;
    case "moment":
      view.moment(message);
      if (message.kind === "conversation") begin();
      break;
    case "figures":
      view.figures(message);
      begin();
      break;
    case "ncco":
      view.ncco(message);
      break;
    case "problem":
      view.problem(message);
      break;
    case "caption":
      view.caption(message.text);
      break;
    case "key":
      view.keyHeard(message.digit);
      break;
    case "error":
      ended();
      view.error(message.seen, message.advice);
      break;
    case "pong":
      if (line !== null && message.wait_ms !== undefined) {
        view.ownDelay(
          {
            framing: FRAMING_MS,
            resampling: 1000 * line.resampling,
            "the way to the program and back": performance.now() - message.at,
            "the program's jitter buffer": message.wait_ms,
            "the page's": 1000 * line.depth,
          },
          line.devicesMs,
        );
        view.breaks(line.breaks, message.breaks ?? 0);
      }
      break;
    case "report":
      cameIn = false;
      view.report(message, line?.recording ?? view.recording);
      stack.look();
      break;
  }
}

/** Begin to say the sound of the source: somebody hears it now. */
function begin() {
  if (!began && line !== null) {
    began = true;
    line.say();
  }
}

/** Open the source and the loudspeaker; return whether that worked, and nobody hung up meanwhile. */
async function openLine() {
  const opened = new Line({
    said: (frame) => connection.say(frame),
    level: (said, heard) => view.levels(said, heard),
  });
  opening = opened;
  busy = true;
  view.begin();
  view.buttons({ busy, hasSound: false });
  view.state(source.value === "microphone" ? "Opening the microphone …" : "Opening the sound …");
  byId("hang-up").focus(); // the button that was pressed is disabled now
  try {
    const file = typed("file", HTMLInputElement).files?.[0];
    const cancel = typed("cancel-echo", HTMLInputElement).checked;
    await opened.open(/** @type {Source} */ (source.value), file, cancel);
  } catch (error) {
    opened.close();
    if (opening !== opened) return false;
    ended();
    if (error instanceof AudioProblem) view.error(error.message, error.advice);
    else view.error(`The sound could not be opened (${error}).`, "Reload the page.");
    return false;
  }
  if (opening !== opened) {
    opened.close();
    return false;
  }
  opening = null;
  line = opened;
  view.recording = opened.recording;
  began = muted = false;
  view.buttons({ busy, hasSound: opened.hasSound });
  return true;
}

function ended() {
  if (cameIn && line !== null) view.kept(line.recording, "The call is over.", ANOTHERS);
  cameIn = false;
  line?.close();
  line = opening = null;
  busy = ringing = muted = false;
  mute.ariaPressed = "false";
  view.ended();
}

/** End a call that came in, and in which nobody was. */
function forget() {
  cameIn = false;
  ended();
}

async function call() {
  if (busy || !(await openLine())) return;
  view.state("Calling …");
  connection.send({ type: "call", ...view.request() });
}

function hangUp() {
  if (!busy) return;
  ringing = false; // who is being answered is rejected
  connection.send({ type: "hangup" });
  if (line === null) ended();
  else view.state("Hanging up …");
}

/** @param {"answer" | "reject"} takes */
async function decide(takes) {
  if (!ringing || (busy && takes === "answer")) return;
  view.ringing(null);
  const taken = takes === "answer" && (await openLine());
  if (taken && !ringing) {
    forget(); // the caller gave up while the microphone was opened
    return;
  }
  ringing = false;
  connection.send({ type: "decide", takes: taken ? "answer" : "reject" });
  cameIn = taken;
}

/** @param {string} digit */
function press(digit) {
  if (!busy) return;
  connection.send({ type: "key", digit });
  view.keyPressed(digit);
}

form.addEventListener("submit", (event) => {
  event.preventDefault();
  call();
});
byId("hang-up").addEventListener("click", hangUp);
byId("answer").addEventListener("click", () => decide("answer"));
byId("reject").addEventListener("click", () => decide("reject"));
byId("say").addEventListener("click", () => line?.say());
mute.addEventListener("click", () => {
  muted = !muted;
  line?.mute(muted);
  mute.ariaPressed = String(muted);
});
byId("keypad").addEventListener("click", (event) => {
  if (event.target instanceof HTMLElement && event.target.dataset.key) {
    press(event.target.dataset.key);
  }
});
document.addEventListener("keydown", (event) => {
  const choosing = event.target instanceof HTMLSelectElement; // Escape closes its list
  const writing = choosing || event.target instanceof HTMLInputElement;
  if (event.ctrlKey || event.metaKey || event.altKey) return;
  if (!writing && /^[0-9*#]$/.test(event.key)) press(event.key);
  if (event.key === "Escape" && !choosing) {
    if (busy) hangUp();
    else decide("reject");
  }
});
source.addEventListener("change", () => view.sourceChanged());
setInterval(() => {
  if (line !== null) connection.send({ type: "ping", at: performance.now() });
}, PING_MS);
