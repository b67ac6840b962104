/** What the view of a call shows. */

import { byId, clock, link, made, pathCode, pretty, typed } from "./elements.js";
import { DelayPlot, Waveform } from "./plots.js";

/** @typedef {import("./protocol.js").Figures} Figures */
/** @typedef {import("./audio/recording.js").Recording} Recording */

const MOMENTS_SHOWN = 500;
const FOLDED_SHOWN = 100;
const MARKS = { taken: "✓ taken", refused: "✗ refused", warning: "! warning", unused: "– not used" };

export class CallView {
  constructor() {
    /** @type {Recording | null} of the latest call */
    this.recording = null;
    this._speaks = false;
    this._said = new Waveform(typed("said", HTMLCanvasElement), "--said");
    this._heard = new Waveform(typed("heard", HTMLCanvasElement), "--heard");
    this._delay = new DelayPlot(typed("delay", HTMLCanvasElement), "--delay");
    this._recordingUrl = "";
    this._timer = 0;
  }

  /** @param {import("./protocol.js").Hello} hello */
  hello(hello) {
    this._speaks = hello.speaks;
    byId("number").textContent = `This page's number is ${hello.number}`;
    byId("error").hidden = true;
  }

  /** Return what the form asks for. */
  request() {
    const value = (/** @type {string} */ id) => typed(id, HTMLSelectElement).value;
    /** @type {string[]} */
    const faults = [];
    for (const box of document.querySelectorAll("[data-fault]")) {
      if (!(box instanceof HTMLInputElement) || !box.checked) continue;
      const name = box.dataset.fault;
      const amount = document.querySelector(`[data-value-of="${name}"]`);
      faults.push(amount instanceof HTMLInputElement ? `${name}=${amount.value}` : `${name}`);
    }
    return {
      answer_url: typed("answer-url", HTMLInputElement).value.trim(),
      method: value("method"),
      rate: Number(value("rate")),
      signed: typed("signed", HTMLInputElement).checked,
      expect: value("expect"),
      faults,
    };
  }

  sourceChanged() {
    const isFile = typed("source", HTMLSelectElement).value === "file";
    document.querySelectorAll(".for-file").forEach((element) => {
      if (element instanceof HTMLElement) element.hidden = !isFile;
    });
  }

  /** A call begins: forget the one before. */
  begin() {
    byId("error").hidden = true;
    byId("result").hidden = true;
    byId("timeline").replaceChildren();
    byId("ncco").replaceChildren();
    byId("caption").textContent = byId("clock").textContent = "";
    byId("keys").textContent = "";
    for (const plot of [this._said, this._heard, this._delay]) plot.clear();
    document.querySelectorAll("#figures dd").forEach((element) => (element.textContent = "–"));
    byId("delay-now").textContent = "–";
  }

  ended() {
    const wasInCall = document.activeElement?.matches("#keypad button, #mute, #say, #hang-up");
    this.buttons({ busy: false, hasSound: false });
    if (wasInCall) byId("call").focus(); // what is disabled keeps no focus
    clearInterval(this._timer);
    this.ringing(null);
    if ("speechSynthesis" in window) speechSynthesis.cancel();
    this.state("Ready.");
    typed("said-level", HTMLMeterElement).value = 0;
    typed("heard-level", HTMLMeterElement).value = 0;
  }

  /** @param {{busy: boolean, hasSound: boolean}} now */
  buttons({ busy, hasSound }) {
    const off = { call: busy, "hang-up": !busy, mute: !busy, say: !hasSound };
    for (const [id, disabled] of Object.entries(off)) typed(id, HTMLButtonElement).disabled = disabled;
    document.querySelectorAll("#keypad button").forEach((button) => {
      if (button instanceof HTMLButtonElement) button.disabled = !busy;
    });
  }

  /** @param {string} text */
  state(text) {
    byId("state").textContent = text;
  }

  /** The call is connected: show for how long. */
  connected() {
    this.state("In the call.");
    const since = performance.now();
    const show = () => (byId("clock").textContent = clock((performance.now() - since) / 1000));
    clearInterval(this._timer);
    this._timer = window.setInterval(show, 1000);
    show();
  }

  /**
   * @param {string} seen
   * @param {string} advice
   */
  error(seen, advice) {
    const box = byId("error");
    box.replaceChildren(made("p", "", seen));
    if (advice) box.append(made("p", "", advice));
    box.hidden = false;
  }

  /** @param {string | null} caller */
  ringing(caller) {
    byId("ringing").hidden = caller === null;
    // A name in letters from right to left does not turn around what stands beside it.
    byId("ringing-text").replaceChildren(...(caller === null ? [] : [made("bdi", "", caller), " calls"]));
    if (caller !== null) byId("answer").focus();
  }

  /** @param {number} rate */
  rate(rate) {
    byId("f-rate").textContent = `${rate / 1000} kHz`;
  }

  /**
   * @param {Int16Array} said
   * @param {Int16Array} heard
   */
  levels(said, heard) {
    for (const [id, plot, samples] of /** @type {const} */ ([
      ["said-level", this._said, said],
      ["heard-level", this._heard, heard],
    ])) {
      let peak = 0;
      for (const sample of samples) peak = Math.max(peak, Math.abs(sample));
      plot.add(peak / 32768);
      const meter = typed(id, HTMLMeterElement);
      meter.value = Math.max(peak / 32768, meter.value * 0.85);
    }
  }

  /** @param {Figures} figures */
  figures(figures) {
    const texts = {
      "f-sent": figures.sent.toLocaleString("en"),
      "f-received": figures.received.toLocaleString("en"),
      "f-missing": figures.missing.toLocaleString("en"),
      "f-late": figures.late.toLocaleString("en"),
      "f-depth": `${figures.depth_ms} ms`,
      "f-moved": figures.gaps_ms.map((gap) => (gap === null ? "unheard" : `${Math.round(gap)} ms`)).join(", ") || "–",
      "delay-now": figures.delay_ms === null ? "–" : `${figures.delay_ms.toFixed(figures.delay_ms < 10 ? 1 : 0)} ms`,
    };
    for (const [id, text] of Object.entries(texts)) byId(id).textContent = text;
    if (figures.delay_ms !== null) this._delay.add(figures.delay_ms);
  }

  /**
   * Both in milliseconds, by what takes them.
   * @param {Record<string, number>} page
   * @param {Record<string, number>} devices
   */
  ownDelay(page, devices) {
    showSum("f-own", page);
    showSum("f-devices", devices);
  }

  /**
   * How often a jitter buffer ran empty or left something out.
   * @param {number} here
   * @param {number} program
   */
  breaks(here, program) {
    byId("f-breaks").textContent = `${here + program}`;
    byId("f-breaks").title = `${here} in the page, ${program} in the program`;
  }

  /** @param {import("./protocol.js").Moment} moment */
  moment(moment) {
    const notify = moment.behind.some(isNotify);
    if (notify && this._fold(moment)) return;
    const what = moment.behind.length ? opening(moment.text, moment.behind) : made("p", "text", moment.text);
    const step = this._step(moment.seconds, moment.kind, what);
    if (notify) step.dataset.folded = "1";
  }

  /**
   * Put a notify or its answer into the step before, if that is one: some applications send 25 a second.
   * @param {import("./protocol.js").Moment} moment
   */
  _fold(moment) {
    const step = byId("timeline").lastElementChild;
    const details = step?.querySelector("details");
    if (!(step instanceof HTMLElement) || !step.dataset.folded || !details) return false;
    step.dataset.folded = `${Number(step.dataset.folded) + 1}`;
    details.firstElementChild?.replaceChildren(`${step.dataset.folded} notify and answers, the latest ${moment.text}`);
    for (const part of moment.behind) details.append(made("pre", "", pretty(part)));
    while (details.childElementCount > FOLDED_SHOWN) details.children[1].remove();
    return true;
  }

  /** @param {import("./protocol.js").Problem} problem */
  problem(problem) {
    const advice = made("span", "advice", `→ ${problem.advice}`);
    // The step at which it was seen is often there already, without the number of attempts.
    const seen = problem.seen.replace(/ \(\d+ attempts?\)$/, "");
    const same = [...byId("timeline").children].reverse().find((step) => {
      const [, kind, what] = step.children;
      return kind?.textContent === problem.step && what.textContent?.includes(seen);
    });
    if (same === undefined) {
      this._step(null, problem.step, made("p", "text", problem.seen, advice), problem.severity);
    } else if (!same.className) {
      same.className = problem.severity;
      (same.querySelector("summary") ?? same.children[2]).append(advice);
    }
  }

  /** @param {string} text */
  caption(text) {
    byId("caption").textContent = `“${text}”`;
    if (this._speaks && "speechSynthesis" in window) {
      speechSynthesis.speak(new SpeechSynthesisUtterance(text));
    }
  }

  /** @param {string} digit */
  keyPressed(digit) {
    byId("keys").textContent += digit;
  }

  /** @param {string} digit */
  keyHeard(digit) {
    this._step(null, "key", made("p", "text", `somebody else pressed ${digit}`));
  }

  /** @param {import("./protocol.js").Ncco} ncco */
  ncco(ncco) {
    const body = made("tbody");
    for (const row of ncco.rows) {
      const mark = made("td", `mark ${row.verdict}`, MARKS[row.verdict]);
      const value = made("td", "", made("code", "", row.value || "missing"));
      if (row.words) value.append(made("div", row.verdict, row.words));
      body.append(made("tr", "", mark, made("td", "path", pathCode(row.where || "the NCCO")), value));
    }
    const table = made("table", "", made("caption", "quiet", `from ${ncco.url}`), body);
    byId("ncco").append(table);
  }

  /**
   * @param {import("./protocol.js").Report} report
   * @param {Recording | null} recording the page's own.
   */
  report(report, recording) {
    const verdict = byId("verdict");
    verdict.textContent = report.ok ? "The call worked." : "The call did not work.";
    verdict.className = report.ok ? "ok" : "failure";
    byId("problems").replaceChildren(...report.problems.map(problemItem));
    byId("summary").textContent = report.summary;
    const links = [link("Call report", `/calls/${report.id}/report`)];
    if (report.heard) links.push(link("What you heard (WAV)", `/calls/${report.id}/heard.wav`, "heard.wav"));
    this._links(links, recording);
  }

  /**
   * A call without a report is over.
   * @param {Recording} recording the page's own.
   * @param {string} verdict
   * @param {string} why there is no report.
   */
  kept(recording, verdict, why) {
    byId("verdict").textContent = verdict;
    byId("verdict").className = "";
    byId("problems").replaceChildren();
    byId("summary").textContent = why;
    this._links([], recording);
  }

  /**
   * @param {HTMLAnchorElement[]} links
   * @param {Recording | null} recording
   */
  _links(links, recording) {
    if (recording !== null && recording.seconds > 0) {
      URL.revokeObjectURL(this._recordingUrl);
      this._recordingUrl = URL.createObjectURL(new Blob([recording.wav()], { type: "audio/wav" }));
      links.push(link("Both sides, as recorded by the page (WAV)", this._recordingUrl, "both-sides.wav"));
    }
    byId("links").replaceChildren(...links);
    byId("result").hidden = false;
  }

  /**
   * @param {number | null} seconds
   * @param {string} kind
   * @param {Node} what
   * @param {string} [severity]
   */
  _step(seconds, kind, what, severity = "") {
    const list = byId("timeline");
    if (list.childElementCount >= MOMENTS_SHOWN) list.firstElementChild?.remove();
    const atEnd = list.scrollHeight - list.scrollTop - list.clientHeight < 40;
    const time = made("time", "", seconds === null ? "" : `${seconds.toFixed(3)} s`);
    const step = made("li", severity, time, made("span", "kind", kind), what);
    list.append(step);
    if (atEnd) list.scrollTop = list.scrollHeight;
    return step;
  }
}

/**
 * @param {string} id
 * @param {Record<string, number>} parts in milliseconds.
 */
function showSum(id, parts) {
  const entries = Object.entries(parts);
  byId(id).textContent = `${Math.round(entries.reduce((sum, [, part]) => sum + part, 0))} ms`;
  byId(id).title = entries.map(([name, part]) => `${name} ${part.toFixed(1)} ms`).join(", ");
}

/** @param {any} part what stands behind a moment. */
function isNotify(part) {
  return part?.message?.action === "notify" || part?.message?.event === "websocket:notify";
}

/**
 * @param {string} text
 * @param {unknown[]} behind
 */
function opening(text, behind) {
  const details = made("details", "", made("summary", "", text));
  for (const part of behind) details.append(made("pre", "", pretty(part)));
  return details;
}

/** @param {import("./protocol.js").Problem} problem */
export function problemItem(problem) {
  const where = made("strong", problem.severity, `${problem.severity}: ${problem.step} `);
  return made("li", "", where, problem.seen, made("span", "advice", `→ ${problem.advice}`));
}
