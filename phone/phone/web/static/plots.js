/** Scrolling pictures: waveforms, and the echo's delay over time. */

const SHOWN = 500; // of 20 ms: ten seconds
const DELAYS_SHOWN = 240; // of a quarter of a second: a minute
const SCALES_MS = [20, 50, 100, 200, 500, 1000, 2000, 5000, 10_000];

class Plot {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} color a custom property of the style sheet.
   * @param {number} shown
   */
  constructor(canvas, color, shown) {
    this._canvas = canvas;
    this._color = color;
    this._shown = shown;
    /** @type {number[]} */
    this._values = [];
    this._due = false;
  }

  clear() {
    this._values = [];
    this._schedule();
  }

  /** @param {number} value */
  add(value) {
    this._values.push(value);
    if (this._values.length > this._shown) this._values.shift();
    this._schedule();
  }

  _schedule() {
    if (this._due) return;
    this._due = true;
    requestAnimationFrame(() => {
      this._due = false;
      this._paint();
    });
  }

  _paint() {
    const canvas = this._canvas;
    const scale = devicePixelRatio || 1;
    const width = Math.round(canvas.clientWidth * scale);
    const height = Math.round(canvas.clientHeight * scale);
    if (canvas.width !== width || canvas.height !== height) {
      canvas.width = width;
      canvas.height = height;
    }
    const context = canvas.getContext("2d");
    if (context === null) return;
    context.clearRect(0, 0, width, height);
    context.fillStyle = context.strokeStyle = getComputedStyle(canvas).getPropertyValue(this._color);
    this._draw(context, width, height, scale);
  }

  /**
   * @param {CanvasRenderingContext2D} _context
   * @param {number} _width
   * @param {number} _height
   * @param {number} _scale
   */
  _draw(_context, _width, _height, _scale) {}
}

/** What was said or heard: a bar for the peak of each 20 ms. */
export class Waveform extends Plot {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} color
   */
  constructor(canvas, color) {
    super(canvas, color, SHOWN);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   */
  _draw(context, width, height) {
    const step = width / this._shown;
    const start = this._shown - this._values.length;
    this._values.forEach((peak, i) => {
      const tall = Math.max(1, Math.sqrt(peak) * height * 0.92);
      context.fillRect((start + i) * step, (height - tall) / 2, Math.max(1, step * 0.8), tall);
    });
  }
}

/** The echo's delay: a line, with its scale. */
export class DelayPlot extends Plot {
  /**
   * @param {HTMLCanvasElement} canvas
   * @param {string} color
   */
  constructor(canvas, color) {
    super(canvas, color, DELAYS_SHOWN);
  }

  /**
   * @param {CanvasRenderingContext2D} context
   * @param {number} width
   * @param {number} height
   * @param {number} scale
   */
  _draw(context, width, height, scale) {
    const highest = Math.max(0, ...this._values);
    const most = SCALES_MS.find((scale) => scale >= highest * 1.1) ?? highest;
    const step = width / this._shown;
    const start = this._shown - this._values.length;
    context.font = `${11 * scale}px system-ui, sans-serif`;
    context.fillText(`${Math.round(most)} ms`, 4 * scale, 13 * scale);
    context.fillText("0", 4 * scale, height - 5 * scale);
    context.lineWidth = 2 * scale;
    context.beginPath();
    this._values.forEach((value, i) => {
      const y = height - 2 * scale - (value / most) * (height - 4 * scale);
      if (i === 0) context.moveTo((start + i) * step, y);
      else context.lineTo((start + i) * step, y);
    });
    context.stroke();
  }
}
