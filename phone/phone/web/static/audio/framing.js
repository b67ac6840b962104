/** Samples to the wire's frames and back: 20 ms of 16 bit, little-endian. Pure. */

export const FRAMES_PER_SECOND = 50;
export const RATES = [8000, 16000, 24000];

/**
 * The rate of a frame, which its size tells; 0 for something else.
 * @param {number} bytes
 */
export function rateOf(bytes) {
  const rate = (bytes / 2) * FRAMES_PER_SECOND;
  return RATES.includes(rate) ? rate : 0;
}

/**
 * @param {Float32Array} samples from -1 to 1; what is beyond is clipped.
 * @returns {Int16Array}
 */
export function toInt16(samples) {
  const out = new Int16Array(samples.length);
  for (let i = 0; i < samples.length; i++) {
    out[i] = Math.round(Math.max(-1, Math.min(1, samples[i])) * 32767);
  }
  return out;
}

/**
 * @param {Int16Array} samples
 * @returns {Float32Array}
 */
export function toFloat(samples) {
  return Float32Array.from(samples, (sample) => sample / 32767);
}

/** Cuts a stream of samples into frames. */
export class Framer {
  /** @param {number} rate Hz. */
  constructor(rate) {
    this._frame = new Float32Array(rate / FRAMES_PER_SECOND);
    this._filled = 0;
  }

  /**
   * @param {Float32Array} samples
   * @returns {Float32Array[]} the frames that are full now.
   */
  push(samples) {
    const frames = [];
    for (let done = 0; done < samples.length; ) {
      const part = samples.subarray(done, done + this._frame.length - this._filled);
      this._frame.set(part, this._filled);
      this._filled += part.length;
      done += part.length;
      if (this._filled === this._frame.length) {
        frames.push(this._frame.slice());
        this._filled = 0;
      }
    }
    return frames;
  }
}
