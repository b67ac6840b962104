/** The view of the stack: readiness, live calls, calls that are over, what the doctor finds. */

import { byId, clock, link, made, typed } from "./elements.js";

const LOOK_MS = 3000;

/**
 * @typedef {{status: number | null, seen: string, reply: Record<string, any>}} Reply
 * @typedef {{name: string, url: string} & Reply} Service
 */

export class StackView {
  constructor() {
    this._shown = ""; // the services' replies: what does not change keeps its selection and focus
    byId("examine").addEventListener("click", () => this._examine());
    addEventListener("hashchange", () => this._show());
    setInterval(() => this.look(), LOOK_MS);
    this._show();
  }

  /** Ask the program, while the view is shown. */
  async look() {
    if (byId("stack-view").hidden) return;
    try {
      const status = await (await fetch("/status")).json();
      const services = JSON.stringify(status.services);
      if (services !== this._shown) this._services(status.services);
      this._shown = services;
      this._live(status.calls);
      this.recent(status.recent);
    } catch {
      this._shown = "";
      byId("services").replaceChildren(made("p", "failure", "The program does not answer."));
    }
  }

  /** @param {import("./protocol.js").CallLine[]} calls */
  recent(calls) {
    const items = calls.map((call) => {
      const time = new Date(call.at).toLocaleTimeString();
      const verdict = call.ok ? "worked" : "did not work";
      const first = made("div", "", made("strong", call.ok ? "ok" : "failure", verdict));
      first.append(` at ${time}, ${call.seconds.toFixed(1)} s, `, made("code", "", call.answer_url));
      const item = made("li", "", first);
      for (const problem of call.problems.slice(0, 3)) item.append(made("div", "quiet", problem.seen));
      item.append(link("Report", `/calls/${call.id}/report`));
      return item;
    });
    byId("recent").replaceChildren(...(items.length ? items : [made("li", "empty", "None yet.")]));
  }

  _show() {
    const shown = location.hash === "#stack";
    byId("stack-view").hidden = !shown;
    byId("call-view").hidden = shown;
    byId("to-stack").ariaCurrent = shown ? "page" : null;
    byId("to-call").ariaCurrent = shown ? null : "page";
    this.look();
  }

  /** @param {Service[]} services */
  _services(services) {
    if (services.length === 0) {
      const hint = "None was named: phone serve --readiness NAME=URL, or run make softphone.";
      byId("services").replaceChildren(made("p", "empty", hint));
      return;
    }
    byId("services").replaceChildren(...services.map(serviceSection));
  }

  /** @param {Reply | null} reply */
  _live(reply) {
    const place = byId("live");
    const calls = reply?.reply.calls;
    if (reply === null) {
      place.replaceChildren(made("p", "empty", "phone serve --calls URL names echo-service's list."));
    } else if (!Array.isArray(calls)) {
      place.replaceChildren(made("p", "failure", reply.seen || `answered ${reply.status}`));
    } else if (calls.length === 0) {
      place.replaceChildren(made("p", "empty", "None."));
    } else {
      const opened = [...place.querySelectorAll("details[open]")].map((open) => open.id);
      place.replaceChildren(...calls.map((call) => liveCall(call, opened)));
    }
  }

  async _examine() {
    const button = typed("examine", HTMLButtonElement);
    const list = byId("checks");
    button.disabled = true;
    list.replaceChildren(made("li", "", "Examining …"));
    try {
      const found = await (await fetch("/doctor", { method: "POST" })).json();
      const items = found.checks.map(checkItem);
      if (found.error) items.push(made("li", "failure", found.error));
      list.replaceChildren(...items);
    } catch {
      list.replaceChildren(made("li", "failure", "The program does not answer."));
    } finally {
      button.disabled = false;
    }
  }
}

/**
 * A live call in a line, as echo-service describes it, which opens to all of it.
 * @param {Record<string, any>} call
 * @param {string[]} opened ids of those that are open.
 */
function liveCall(call, opened) {
  const notes = Object.entries(call.notes ?? {}).map(([name, value]) => `${name} ${value}`);
  const parts = [
    clock(Number(call.seconds) || 0),
    `${Number(call.rate) / 1000} kHz`,
    `${call.frames_in} frames in, ${call.frames_out} out`,
    ...notes,
  ];
  const summary = made("summary", "", made("code", "", String(call.call)), ` ${parts.join(" · ")}`);
  const details = made("details", "", summary, made("pre", "", JSON.stringify(call, null, 2)));
  details.id = `live-${call.call}`;
  details.toggleAttribute("open", opened.includes(details.id));
  return details;
}

/** @param {{name: string, verdict: string, seen: string, advice: string}} check */
function checkItem(check) {
  const item = made("li", "", made("strong", check.verdict, `${check.verdict} `));
  item.append(made("strong", "", `${check.name} `), check.seen);
  if (check.advice) item.append(made("span", "advice", `→ ${check.advice}`));
  return item;
}

/** @param {Service} service */
function serviceSection(service) {
  const ready = service.status === 200;
  const state = made("strong", ready ? "ready" : "down", ready ? "ready" : "not ready");
  const section = made("section", "", made("h4", "", `${service.name}: `, state));
  if (service.seen) section.append(made("p", "failure", service.seen));
  const reasons = service.reply.reasons ?? [];
  for (const reason of Array.isArray(reasons) ? reasons : []) {
    section.append(made("p", "failure", String(reason)));
  }
  for (const name of ["socket", "events"]) {
    const url = service.reply[name]?.url;
    if (typeof url === "string") section.append(copyLine(name, url));
  }
  const details = made("details", "", made("summary", "", "All it says"));
  details.append(made("pre", "", JSON.stringify(service.reply, null, 2)));
  section.append(details);
  return section;
}

/**
 * @param {string} name
 * @param {string} url
 */
function copyLine(name, url) {
  const button = made("button", "", "Copy");
  button.ariaLabel = `Copy the ${name} URL`;
  const shown = made("code", "", url);
  button.addEventListener("click", async () => {
    try {
      await navigator.clipboard.writeText(url);
      button.textContent = "Copied";
    } catch {
      getSelection()?.selectAllChildren(shown); // the browser refuses: one key is left to press
      button.textContent = "Press Ctrl+C";
    }
  });
  return made("div", "copy", made("span", "quiet", name), shown, button);
}
