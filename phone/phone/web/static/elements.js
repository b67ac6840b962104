/** Elements of the page. Text stays text: nothing here makes markup of it. */

/**
 * @param {string} id
 * @returns {HTMLElement}
 */
export function byId(id) {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`no element ${id}`);
  return found;
}

/**
 * @template {HTMLElement} T
 * @param {string} id
 * @param {new () => T} kind
 * @returns {T}
 */
export function typed(id, kind) {
  const found = byId(id);
  if (!(found instanceof kind)) throw new Error(`${id} is no ${kind.name}`);
  return found;
}

/**
 * Return a new element with text or other elements in it.
 * @param {string} name
 * @param {string} [className]
 * @param {...(string | Node)} content
 */
export function made(name, className = "", ...content) {
  const element = document.createElement(name);
  if (className) element.className = className;
  element.append(...content);
  return element;
}

/**
 * @param {unknown} value
 * @returns {string}
 */
export function pretty(value) {
  return typeof value === "string" ? value : JSON.stringify(value, null, 2);
}

/**
 * Return a path as code that breaks before its parts, such as `[1].endpoint[0].uri`.
 * @param {string} path
 */
export function pathCode(path) {
  const code = made("code");
  for (const part of path.split(/(?=[.[])/)) code.append(made("wbr"), part);
  return code;
}

/**
 * Return a time as minutes and seconds.
 * @param {number} seconds
 */
export function clock(seconds) {
  const whole = Math.floor(seconds);
  return `${Math.floor(whole / 60)}:${String(whole % 60).padStart(2, "0")}`;
}

/**
 * A link to a file of the program.
 * @param {string} text
 * @param {string} href
 * @param {string} [download] the name to save it under; otherwise it opens in a tab of its own.
 */
export function link(text, href, download) {
  const anchor = document.createElement("a");
  anchor.textContent = text;
  anchor.href = href;
  if (download === undefined) anchor.target = "_blank";
  else anchor.download = download;
  return anchor;
}
