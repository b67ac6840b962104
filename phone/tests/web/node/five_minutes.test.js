/**
 * A call of five minutes through the pure parts, in simulated time: what the audio thread does with
 * frames that come with jitter, from a program whose clock is not the device's.
 */

import assert from "node:assert/strict";
import { test } from "node:test";

const AUDIO = "../../../phone/web/static/audio/";
const { Framer } = await import(`${AUDIO}framing.js`);
const { Playout } = await import(`${AUDIO}playout.js`);
const { Resampler } = await import(`${AUDIO}resampler.js`);

const SECONDS = 300;
const DEVICE = 48000;
const WIRE = 16000;
const QUANTUM = 128;
const FRAME_SECONDS = 0.02;

/** Numbers from 0 to 1 that look random, and are the same each time. */
function numbers(seed) {
  return () => {
    seed = (Math.imul(seed, 1664525) + 1013904223) >>> 0;
    return seed / 2 ** 32;
  };
}

/**
 * Hear for five minutes of the device's clock.
 * @param {number} drift of the program's clock against the device's, as a share.
 * @param {(random: () => number) => number} jitter seconds by which a frame is late.
 */
function hear(drift, jitter) {
  const random = numbers(1);
  const playout = new Playout(DEVICE);
  const out = new Float32Array(QUANTUM);
  const frame = new Float32Array(DEVICE * FRAME_SECONDS); // as resampled
  const depths = [];
  let sent = 0;
  let arrival = 0;
  for (let time = 0; time < SECONDS; time += QUANTUM / DEVICE) {
    while (arrival <= time) {
      playout.push(frame);
      sent += 1;
      // A socket keeps the order: a late frame holds up those behind it.
      arrival = Math.max(arrival, (sent * FRAME_SECONDS) / (1 + drift) + jitter(random));
    }
    playout.pull(out);
    depths.push(playout.depth);
  }
  return { playout, depths };
}

/** The mean depth of a minute, in ms. */
function minute(depths, number) {
  const size = depths.length / (SECONDS / 60);
  const part = depths.slice(size * number, size * (number + 1));
  return (1000 * part.reduce((sum, depth) => sum + depth, 0)) / part.length;
}

const quiet = (random) => 0.004 * random();
// A machine that does something else now and then: 20 ms every second, 150 ms every half a minute.
const busy = (random) => 0.004 * random() + (random() < 0.02 ? 0.02 : 0) + (random() < 0.0007 ? 0.15 : 0);

// The mean depth in a minute, in ms, and the gaps in all: as measured, and a half more.
for (const [name, jitter, most, gaps] of [["quiet", quiet, 28, 40], ["busy", busy, 200, 60]]) {
  for (const ppm of [-100, 0, 100]) {
    test(`five minutes on a ${name} machine, its clocks ${ppm} ppm apart, do not drift or grow`, () => {
      const { playout, depths } = hear(ppm / 1e6, jitter);
      const means = [0, 1, 2, 3, 4].map((number) => minute(depths, number));
      assert.ok(Math.max(...means) < most, `${means}`);
      assert.ok(means[4] < means[0] + 10, `${means}`);
      assert.ok(playout.gaps < gaps, `${playout.gaps}`);
      assert.ok(Math.max(...depths) <= 0.5);
    });
  }
}

test("five minutes of a microphone are as many frames", () => {
  const device = 44100;
  const resampler = new Resampler(device, WIRE);
  const framer = new Framer(WIRE);
  const piece = new Float32Array(QUANTUM);
  let frames = 0;
  for (let done = 0; done < SECONDS * device; done += QUANTUM) {
    frames += framer.push(resampler.process(piece)).length;
  }
  assert.ok(Math.abs(frames - SECONDS / FRAME_SECONDS) <= 1, `${frames}`);
});
