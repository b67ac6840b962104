/** What the audio thread offers (Web Audio API, AudioWorkletGlobalScope), as far as it is used. */
declare const sampleRate: number;
declare class AudioWorkletProcessor {
  readonly port: MessagePort;
}
declare function registerProcessor(name: string, processor: new () => AudioWorkletProcessor): void;
