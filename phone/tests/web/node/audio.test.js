/** The pure parts of the page's audio: resampling, framing, the jitter buffer, the recording. */

import assert from "node:assert/strict";
import { test } from "node:test";

const AUDIO = "../../../phone/web/static/audio/";
const { Framer, rateOf, toFloat, toInt16 } = await import(`${AUDIO}framing.js`);
const { Playout } = await import(`${AUDIO}playout.js`);
const { Recording, RECORDED_RATE } = await import(`${AUDIO}recording.js`);
const { Resampler } = await import(`${AUDIO}resampler.js`);

const DEVICE_RATES = [44100, 48000];
const WIRE_RATES = [8000, 16000, 24000];
const QUANTUM = 128;

function sine(frequency, rate, seconds) {
  return Float32Array.from({ length: rate * seconds }, (_, i) =>
    0.5 * Math.sin((2 * Math.PI * frequency * i) / rate),
  );
}

/** Convert in the pieces in which an audio thread gives the sound. */
function converted(samples, from, to) {
  const resampler = new Resampler(from, to);
  const parts = [];
  for (let i = 0; i < samples.length; i += QUANTUM) {
    parts.push(...resampler.process(samples.subarray(i, i + QUANTUM)));
  }
  return parts;
}

/** Level of one frequency in dB against a sine of 0.5, from a whole number of its periods. */
function level(samples, frequency, rate) {
  let re = 0;
  let im = 0;
  samples.forEach((sample, i) => {
    re += sample * Math.cos((2 * Math.PI * frequency * i) / rate);
    im += sample * Math.sin((2 * Math.PI * frequency * i) / rate);
  });
  return 20 * Math.log10(Math.hypot(re, im) / samples.length / 0.25);
}

const power = (samples) => samples.reduce((sum, x) => sum + x * x, 0) / samples.length;

for (const device of DEVICE_RATES) {
  for (const wire of WIRE_RATES) {
    for (const [from, to] of [[device, wire], [wire, device]]) {
      test(`a sweep from ${from} to ${to} Hz keeps level and frequency up to 3.4 kHz`, () => {
        for (let frequency = 100; frequency <= 3400; frequency += 100) {
          const out = converted(sine(frequency, from, 0.7), from, to).slice(to / 10, (to * 6) / 10);
          const found = level(out, frequency, to);
          assert.ok(Math.abs(found) < 0.5, `${frequency} Hz: ${found.toFixed(2)} dB`);
          const rest = power(out) - 0.125 * 10 ** (found / 10); // what is at other frequencies
          assert.ok(10 * Math.log10(Math.abs(rest) / 0.125) < -45, `${frequency} Hz is distorted`);
        }
      });
    }
  }
}

test("what the wire cannot carry does not fold back below 3.4 kHz", () => {
  for (const frequency of [4700, 5500, 7000, 12000]) {
    const out = converted(sine(frequency, 48000, 0.5), 48000, 8000).slice(800);
    assert.ok(10 * Math.log10(power(out) / 0.125) < -50, `${frequency} Hz`);
  }
});

test("as many samples come out as the time says", () => {
  const out = converted(new Float32Array(44100), 44100, 16000);
  assert.ok(Math.abs(out.length - 16000) <= 1);
});

test("frames are 20 ms, whatever the pieces", () => {
  const framer = new Framer(16000);
  const samples = Float32Array.from({ length: 1000 }, (_, i) => i / 1000);
  const frames = [];
  for (let i = 0; i < 1000; i += 77) frames.push(...framer.push(samples.subarray(i, i + 77)));
  assert.deepEqual(frames.map((frame) => frame.length), [320, 320, 320]);
  assert.equal(frames[1][0], samples[320]);
  assert.deepEqual([320, 640, 960, 100].map(rateOf), [8000, 16000, 24000, 0]);
});

test("samples of 16 bit come back as they were, and too loud ones are clipped", () => {
  const all = Int16Array.from([0, 1, -1, 32767, -32767, 12345]);
  assert.deepEqual(toInt16(toFloat(all)), all);
  assert.deepEqual([...toInt16(Float32Array.from([2, -2]))], [32767, -32767]);
});

test("a late frame leaves one gap and makes the buffer deeper; it becomes short again", () => {
  const playout = new Playout(48000);
  const out = new Float32Array(QUANTUM);
  playout.pull(out);
  assert.equal(playout.gaps, 0); // nothing has begun
  playout.push(new Float32Array(QUANTUM).fill(1));
  playout.pull(out);
  assert.equal(out[QUANTUM - 1], 1);
  playout.pull(out);
  playout.pull(out);
  assert.equal(playout.gaps, 1);
  assert.equal(out[0], 0);
  playout.push(new Float32Array(9600)); // 200 ms at once
  for (let i = 0; i < 2000; i++) {
    playout.push(new Float32Array(QUANTUM));
    playout.pull(out);
  }
  assert.ok(playout.depth <= 0.021, `${playout.depth}`);
  assert.ok(playout.dropped > 0.1);
});

test("a flood is bounded", () => {
  const playout = new Playout(48000);
  for (let i = 0; i < 100; i++) playout.push(new Float32Array(4800));
  assert.ok(playout.depth <= 0.5);
});

test("a recording is a WAV file with both sides", () => {
  const recording = new Recording();
  recording.add(Int16Array.from([1, 2]), Int16Array.from([-1, -2]));
  const wav = new DataView(recording.wav());
  assert.equal(wav.getUint32(24, true), RECORDED_RATE);
  assert.equal(wav.getUint16(22, true), 2);
  assert.deepEqual([44, 46, 48, 50].map((at) => wav.getInt16(at, true)), [1, -1, 2, -2]);
});
