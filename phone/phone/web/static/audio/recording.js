/** The page's own recording: left what was said, right what was heard, on one clock. Pure. */

export const RECORDED_RATE = 24000; // the highest of the wire's
const SECONDS_MAX = 1800;

export class Recording {
  constructor() {
    /** @type {Int16Array[]} */
    this._parts = [];
    this._length = 0;
  }

  get seconds() {
    return this._length / RECORDED_RATE;
  }

  /**
   * @param {Int16Array} said
   * @param {Int16Array} heard as many samples.
   */
  add(said, heard) {
    if (this.seconds >= SECONDS_MAX) return;
    const both = new Int16Array(2 * said.length);
    for (let i = 0; i < said.length; i++) {
      both[2 * i] = said[i];
      both[2 * i + 1] = heard[i];
    }
    this._parts.push(both);
    this._length += said.length;
  }

  /** Return it as the bytes of a WAV file. */
  wav() {
    const size = 4 * this._length;
    const view = new DataView(new ArrayBuffer(44 + size));
    /** @param {number} at @param {string} text */
    const put = (at, text) => [...text].forEach((c, i) => view.setUint8(at + i, c.charCodeAt(0)));
    put(0, "RIFF");
    view.setUint32(4, 36 + size, true);
    put(8, "WAVEfmt ");
    view.setUint32(16, 16, true);
    view.setUint16(20, 1, true); // PCM
    view.setUint16(22, 2, true); // channels
    view.setUint32(24, RECORDED_RATE, true);
    view.setUint32(28, 4 * RECORDED_RATE, true);
    view.setUint16(32, 4, true);
    view.setUint16(34, 16, true);
    put(36, "data");
    view.setUint32(40, size, true);
    const samples = new Int16Array(view.buffer, 44);
    let at = 0;
    for (const part of this._parts) {
      samples.set(part, at);
      at += part.length;
    }
    return view.buffer;
  }
}
