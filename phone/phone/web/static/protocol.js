/**
 * What goes between page and program: JSON as text, 20 ms of sound as binary.
 *
 * @typedef {object} Problem
 * @property {string} step
 * @property {string} seen
 * @property {string} advice
 * @property {"failure" | "warning"} severity
 *
 * @typedef {object} CallLine
 * @property {string} id
 * @property {string} at
 * @property {boolean} ok
 * @property {string} answer_url
 * @property {number} seconds
 * @property {Problem[]} problems
 * @property {boolean} heard
 *
 * @typedef {{where: string, value: string, verdict: "taken" | "refused" | "warning" | "unused", words: string}} Row
 *
 * @typedef {{type: "hello", number: string, speaks: boolean, calls: CallLine[]}} Hello
 * @typedef {{type: "state", state: "idle" | "calling" | "talking" | "connected"}} State
 * @typedef {{type: "rate", rate: number}} Rate
 * @typedef {{type: "ringing" | "missed", caller: string}} Ringing
 * @typedef {{type: "moment", seconds: number, kind: string, text: string, behind: unknown[]}} Moment
 * @typedef {{type: "ncco", url: string, rows: Row[], document: string}} Ncco
 * @typedef {{type: "problem"} & Problem} ProblemMessage
 * @typedef {{type: "caption", text: string}} Caption
 * @typedef {{type: "key", digit: string}} Key
 * @typedef {{type: "error", seen: string, advice: string}} ErrorMessage
 * @typedef {{type: "pong", at: number, wait_ms?: number, breaks?: number}} Pong
 * @typedef {{type: "figures", rate: number, sent: number, received: number, missing: number,
 *   late: number, overflowed: number, depth_ms: number, delay_ms: number | null,
 *   gaps_ms: (number | null)[]}} Figures
 * @typedef {{type: "report", summary: string, report: unknown} & CallLine} Report
 *
 * @typedef {Hello | State | Rate | Ringing | Moment | Ncco | ProblemMessage | Caption | Key
 *   | ErrorMessage | Pong | Figures | Report} FromProgram
 */

export {};
