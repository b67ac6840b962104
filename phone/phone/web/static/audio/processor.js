/** The audio thread's end of a line: frames of what is said, sound of what is heard. */

import { Framer, rateOf, toFloat, toInt16 } from "./framing.js";
import { Playout } from "./playout.js";
import { RECORDED_RATE } from "./recording.js";
import { Resampler } from "./resampler.js";

const FIRST_RATE = 16000;

class LineProcessor extends AudioWorkletProcessor {
  constructor() {
    super();
    this._muted = false;
    this._running = true;
    this._playout = new Playout(sampleRate);
    this._toWire = new Resampler(sampleRate, FIRST_RATE);
    this._framer = new Framer(FIRST_RATE);
    /** @type {Resampler | null} */
    this._fromWire = null;
    this._recordSaid = new Resampler(sampleRate, RECORDED_RATE);
    this._recordHeard = new Resampler(sampleRate, RECORDED_RATE);
    this._saidFramer = new Framer(RECORDED_RATE);
    this._heardFramer = new Framer(RECORDED_RATE);
    this._silence = new Float32Array(128);
    this.port.onmessage = (event) => this._take(event.data);
  }

  /** @param {{rate?: number, muted?: boolean, heard?: ArrayBuffer, stop?: boolean}} message */
  _take(message) {
    if (message.rate !== undefined && message.rate !== this._toWire.to) {
      this._toWire = new Resampler(sampleRate, message.rate);
      this._framer = new Framer(message.rate);
    }
    if (message.muted !== undefined) this._muted = message.muted;
    if (message.heard !== undefined) this._hear(message.heard);
    if (message.stop) this._running = false;
  }

  /** @param {ArrayBuffer} frame */
  _hear(frame) {
    const rate = rateOf(frame.byteLength);
    if (rate === 0) return;
    if (this._fromWire === null || this._fromWire.from !== rate) {
      this._fromWire = new Resampler(rate, sampleRate);
    }
    this._playout.push(this._fromWire.process(toFloat(new Int16Array(frame))));
  }

  /**
   * @param {Float32Array[][]} inputs
   * @param {Float32Array[][]} outputs
   */
  process(inputs, outputs) {
    const output = outputs[0][0];
    const input = this._muted ? undefined : inputs[0][0];
    if (this._silence.length !== output.length) this._silence = new Float32Array(output.length);
    const said = input ?? this._silence;
    for (const frame of this._framer.push(this._toWire.process(said))) {
      const data = toInt16(frame).buffer;
      this.port.postMessage({ said: data }, [data]);
    }
    this._playout.pull(output);
    for (const channel of outputs[0].slice(1)) channel.set(output);
    this._record(said, output);
    return this._running;
  }

  /**
   * @param {Float32Array} said
   * @param {Float32Array} heard
   */
  _record(said, heard) {
    const left = this._saidFramer.push(this._recordSaid.process(said));
    const right = this._heardFramer.push(this._recordHeard.process(heard));
    left.forEach((frame, i) => {
      const both = [toInt16(frame), toInt16(right[i])];
      this.port.postMessage(
        {
          recorded: both,
          depth: this._playout.depth,
          resampling: this._toWire.delay + (this._fromWire?.delay ?? 0),
          breaks: this._playout.gaps + this._playout.skips,
        },
        both.map((samples) => samples.buffer),
      );
    });
  }
}

registerProcessor("line", LineProcessor);
