/**
 * Jitter buffer of what is heard. Pure.
 *
 * It adapts by itself. Samples that come too late leave a gap of silence, and stay behind in the
 * buffer. Those that nobody needed for a while are left out; after each gap that while is twice as
 * long, after each without one half.
 */

const SPARE_SECONDS = 0.005; // that may wait all the time
const MAX_SECONDS = 0.5;
const WATCHED_SECONDS = 1; // in which no more than twice the spare may have waited once
const WATCHED_MOST = 16;

export class Playout {
  /** @param {number} rate Hz. */
  constructor(rate) {
    this.rate = rate;
    /** Gaps of silence in a running stream. */
    this.gaps = 0;
    /** Seconds left out to keep the delay short, and how often. */
    this.dropped = 0;
    this.skips = 0;
    /** @type {Float32Array[]} */
    this._parts = [];
    this._used = 0; // samples of the first part
    this._waiting = 0;
    this._least = Infinity;
    this._watched = 0;
    this._patience = WATCHED_SECONDS;
    this._running = false;
    this._gap = false;
  }

  /** Seconds that wait. */
  get depth() {
    return this._waiting / this.rate;
  }

  /** @param {Float32Array} samples */
  push(samples) {
    this._parts.push(samples);
    this._waiting += samples.length;
    if (this.depth > MAX_SECONDS) this._skip(this.depth - MAX_SECONDS);
  }

  /**
   * Fill `output` with what is due.
   * @param {Float32Array} output
   */
  pull(output) {
    const wanted = Math.min(output.length, this._waiting);
    this._read(output, wanted);
    output.fill(0, wanted);
    if (wanted < output.length && this._running) {
      this.gaps += 1;
      this._running = false; // one gap, however long
      this._gap = true;
      this._patience = Math.min(2 * this._patience, WATCHED_MOST);
    } else if (wanted === output.length) {
      this._running = true;
    }
    this._least = Math.min(this._least, this.depth);
    this._watched += output.length / this.rate;
    if (this._watched >= this._patience) {
      if (this._least > 2 * SPARE_SECONDS) this._skip(this._least - SPARE_SECONDS);
      if (!this._gap) this._patience = Math.max(this._patience / 2, WATCHED_SECONDS);
      this._watched = 0;
      this._least = Infinity;
      this._gap = false;
    }
  }

  /** @param {number} seconds */
  _skip(seconds) {
    const count = Math.min(this._waiting, Math.round(seconds * this.rate));
    this._read(new Float32Array(count), count);
    this.dropped += count / this.rate;
    this.skips += 1;
  }

  /**
   * @param {Float32Array} output
   * @param {number} count
   */
  _read(output, count) {
    for (let done = 0; done < count; ) {
      const part = this._parts[0].subarray(this._used, this._used + count - done);
      output.set(part, done);
      done += part.length;
      this._used += part.length;
      if (this._used === this._parts[0].length) {
        this._parts.shift();
        this._used = 0;
      }
    }
    this._waiting -= count;
  }
}
