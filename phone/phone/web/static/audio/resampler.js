/** Conversion of a stream of samples to another rate, by a windowed sinc filter. Pure. */

const ZERO_CROSSINGS = 32; // on each side of the filter's centre, at the lower of both rates
const KAISER_BETA = 6; // some 63 dB of attenuation
const CUTOFF = 0.945; // of half the lower rate: 3.4 kHz pass at 8 kHz, what folds lands above them

/**
 * Modified Bessel function of the first kind, order 0.
 * @param {number} x
 */
function bessel(x) {
  let sum = 1;
  let term = 1;
  for (let k = 1; term > 1e-10 * sum; k++) {
    term *= (x / (2 * k)) ** 2;
    sum += term;
  }
  return sum;
}

/**
 * @param {number} a
 * @param {number} b
 * @returns {number}
 */
function divisor(a, b) {
  return b === 0 ? a : divisor(b, a % b);
}

/** Takes samples at one rate, gives such at another, some milliseconds later. */
export class Resampler {
  /**
   * @param {number} from Hz, a whole number.
   * @param {number} to Hz, a whole number.
   */
  constructor(from, to) {
    const common = divisor(from, to);
    this.from = from;
    this.to = to;
    this._up = to / common;
    this._down = from / common;
    const lower = Math.min(1, to / from);
    const half = Math.ceil(ZERO_CROSSINGS / lower);
    this._taps = 2 * half;
    /** @type {Float32Array[]} one filter for each place of an output sample between two inputs */
    this._phases = [];
    for (let phase = 0; phase < this._up; phase++) {
      this._phases.push(filter(phase / this._up, half, lower * CUTOFF));
    }
    this._history = new Float32Array(this._taps);
    this._place = 0; // of the next output sample, in 1/up of an input sample
  }

  /** Seconds by which the output is behind the input. */
  get delay() {
    return this._taps / 2 / this.from;
  }

  /**
   * @param {Float32Array} input
   * @returns {Float32Array} as many samples as are due, perhaps none.
   */
  process(input) {
    if (this.from === this.to) return input.slice();
    const taps = this._taps;
    const all = new Float32Array(taps + input.length);
    all.set(this._history);
    all.set(input, taps);
    const end = input.length * this._up;
    const output = new Float32Array(Math.max(0, Math.ceil((end - this._place) / this._down)));
    for (let i = 0; i < output.length; i++, this._place += this._down) {
      const first = Math.floor(this._place / this._up) + 1;
      const weights = this._phases[this._place % this._up];
      let sum = 0;
      for (let k = 0; k < taps; k++) sum += all[first + k] * weights[k];
      output[i] = sum;
    }
    this._place -= end;
    this._history = all.slice(input.length);
    return output;
  }
}

/**
 * @param {number} fraction of an input sample at which the output sample lies.
 * @param {number} half of the number of taps.
 * @param {number} cutoff as a share of half the input's rate.
 */
function filter(fraction, half, cutoff) {
  const weights = new Float32Array(2 * half);
  let sum = 0;
  for (let k = 0; k < 2 * half; k++) {
    const x = k - (half - 1) - fraction;
    const window = bessel(KAISER_BETA * Math.sqrt(Math.max(0, 1 - (x / half) ** 2)));
    const t = Math.PI * cutoff * x;
    weights[k] = (t === 0 ? 1 : Math.sin(t) / t) * window;
    sum += weights[k];
  }
  return weights.map((weight) => weight / sum); // a constant stays what it is
}
