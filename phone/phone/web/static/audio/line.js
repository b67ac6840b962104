/** The page's microphone and ear: sources, the audio thread, the recording. */

import { Recording } from "./recording.js";

/**
 * @typedef {object} Told
 * @property {(frame: ArrayBuffer) => void} said a frame for the call.
 * @property {(said: Int16Array, heard: Int16Array) => void} level 20 ms of both, for pictures.
 */

/** A problem that its user can do something about. */
export class AudioProblem extends Error {
  /**
   * @param {string} seen
   * @param {string} advice
   */
  constructor(seen, advice) {
    super(seen);
    this.advice = advice;
  }
}

export class Line {
  /** @param {Told} told */
  constructor(told) {
    this._told = told;
    this.recording = new Recording();
    /** Seconds that wait to be heard, and that the resamplers to and from the wire take. */
    this.depth = 0;
    this.resampling = 0;
    /** How often the buffer of what is heard ran empty, or left something out. */
    this.breaks = 0;
    /** @type {AudioContext | null} */
    this._context = null;
    /** @type {AudioWorkletNode | null} */
    this._node = null;
    /** @type {MediaStream | null} */
    this._microphone = null;
    /** @type {AudioBuffer | null} */
    this._sound = null;
    /** @type {AudioBufferSourceNode | null} */
    this._playing = null;
  }

  /**
   * Begin: open the source and the loudspeaker.
   * @param {"microphone" | "speech" | "file" | "silence"} source
   * @param {File | undefined} file
   * @param {boolean} cancelEcho of the microphone.
   */
  async open(source, file, cancelEcho) {
    if (typeof AudioWorkletNode === "undefined" || !window.isSecureContext) {
      throw new AudioProblem(
        "This browser gives this page no audio.",
        "Open it as http://localhost:… in a current browser; other addresses need https.",
      );
    }
    const microphone = source === "microphone" ? await askForMicrophone(cancelEcho) : null;
    this._microphone = microphone;
    const context = new AudioContext({ latencyHint: "interactive" });
    this._context = context;
    await context.audioWorklet.addModule("/static/audio/processor.js");
    await running(context);
    const node = new AudioWorkletNode(context, "line", {
      numberOfInputs: 1,
      numberOfOutputs: 1,
      outputChannelCount: [1],
      channelCount: 1,
      channelCountMode: "explicit",
    });
    node.port.onmessage = (event) => this._take(event.data);
    node.connect(context.destination);
    this._node = node;
    if (microphone !== null) context.createMediaStreamSource(microphone).connect(node);
    if (source === "speech") this._sound = await decoded(context, await fetched("/speech.wav"));
    if (source === "file") {
      if (file === undefined) {
        throw new AudioProblem("No file is chosen.", "Choose a WAV, FLAC, MP3 or OGG file.");
      }
      this._sound = await decoded(context, await file.arrayBuffer());
    }
  }

  /** Say the sound of the source, if it is one, from its beginning. */
  say() {
    if (this._context === null || this._node === null || this._sound === null) return;
    this._playing?.stop();
    const playing = this._context.createBufferSource();
    playing.buffer = this._sound;
    playing.connect(this._node);
    playing.start();
    this._playing = playing;
  }

  get hasSound() {
    return this._sound !== null;
  }

  /** Milliseconds that the browser says the microphone and the loudspeaker take. */
  get devicesMs() {
    /** @type {(MediaTrackSettings & {latency?: number}) | undefined} */
    const microphone = this._microphone?.getAudioTracks()[0]?.getSettings();
    const context = this._context;
    const output = context === null ? 0 : context.baseLatency + (context.outputLatency || 0);
    return { microphone: 1000 * (microphone?.latency ?? 0), loudspeaker: 1000 * output };
  }

  /** @param {number} rate Hz at which the call wants its frames. */
  rateIs(rate) {
    this._node?.port.postMessage({ rate });
  }

  /** @param {boolean} muted */
  mute(muted) {
    this._node?.port.postMessage({ muted });
  }

  /** @param {ArrayBuffer} heard a frame of the call. */
  hear(heard) {
    this._node?.port.postMessage({ heard }, [heard]);
  }

  /** End: let go of the microphone and the loudspeaker. */
  close() {
    this._node?.port.postMessage({ stop: true });
    this._node?.disconnect();
    this._microphone?.getTracks().forEach((track) => track.stop());
    this._context?.close();
    this._node = this._context = this._microphone = null;
  }

  /** @param {{said?: ArrayBuffer, recorded?: Int16Array[], depth: number, resampling: number,
   *   breaks: number}} message */
  _take(message) {
    if (message.said !== undefined) this._told.said(message.said);
    if (message.recorded !== undefined) {
      const [said, heard] = message.recorded;
      this.recording.add(said, heard);
      this.depth = message.depth;
      this.resampling = message.resampling;
      this.breaks = message.breaks;
      this._told.level(said, heard);
    }
  }
}

/** @param {boolean} echoCancellation */
async function askForMicrophone(echoCancellation) {
  try {
    return await navigator.mediaDevices.getUserMedia({
      audio: { echoCancellation, noiseSuppression: false, autoGainControl: false, channelCount: 1 },
    });
  } catch (error) {
    const name = error instanceof Error ? error.name : "";
    if (name === "NotAllowedError") {
      throw new AudioProblem(
        "The browser may not use the microphone.",
        "Allow it by the icon beside the address, or take the speech sample as source.",
      );
    }
    if (name === "NotFoundError") {
      throw new AudioProblem(
        "There is no microphone.",
        "Plug one in, or take the speech sample or a file as source.",
      );
    }
    throw new AudioProblem(
      `The microphone cannot be used (${name}).`,
      "Does another program hold it? Take the speech sample as source.",
    );
  }
}

/** @param {AudioContext} context */
async function running(context) {
  let timer = 0;
  const late = new Promise((_, reject) => {
    timer = window.setTimeout(() => reject(new Error("late")), 5000);
  });
  try {
    await Promise.race([context.resume(), late]);
  } catch {
    throw new AudioProblem(
      "The browser finds no audio device to play on.",
      "Plug in headphones or a loudspeaker, and call again.",
    );
  } finally {
    window.clearTimeout(timer);
  }
}

/** @param {string} url */
async function fetched(url) {
  return (await fetch(url)).arrayBuffer();
}

/**
 * @param {AudioContext} context
 * @param {ArrayBuffer} data
 */
async function decoded(context, data) {
  try {
    return await context.decodeAudioData(data);
  } catch {
    throw new AudioProblem(
      "The file cannot be read as audio.",
      "Choose a WAV, FLAC, MP3 or OGG file.",
    );
  }
}
