// Vonage's SDK for Node, unmodified: does what each line of JSON on its input asks for.
// Takes the URL of a platform, an application's id and its key's file; answers a line for each.
const readline = require("node:readline");
const { Auth } = require("@vonage/auth");
const { Voice } = require("@vonage/voice");

const [url, applicationId, privateKey] = process.argv.slice(2);
const voice = new Voice(new Auth({ applicationId, privateKey }), { apiHost: url });

async function all(query) {
  const calls = [];
  for await (const call of voice.getAllCalls(query)) {
    calls.push(call);
  }
  return calls;
}

const actions = {
  create: (call) => voice.createOutboundCall(call),
  list: all,
  get: (uuid) => voice.getCall(uuid),
  transfer: (uuid, text) => voice.transferCallWithNCCO(uuid, [{ action: "talk", text }]),
  transfer_url: (uuid, to) => voice.transferCallWithURL(uuid, to),
  hangup: (uuid) => voice.hangupCall(uuid),
  mute: (uuid) => voice.muteCall(uuid),
  unmute: (uuid) => voice.unmuteCall(uuid),
  earmuff: (uuid) => voice.earmuffCall(uuid),
  unearmuff: (uuid) => voice.unearmuffCall(uuid),
  talk: (uuid, text) => voice.playTTS(uuid, { text }),
  stop_talk: (uuid) => voice.stopTTS(uuid),
  stream: (uuid, file) => voice.streamAudio(uuid, file),
  stop_stream: (uuid) => voice.stopStreamAudio(uuid),
  dtmf: (uuid, digits) => voice.playDTMF(uuid, digits),
};

(async () => {
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const asked = JSON.parse(line);
    let answer;
    try {
      answer = { result: (await actions[asked.do](...(asked.with ?? []))) ?? null };
    } catch (error) {
      const status = error.response?.status ?? null;
      answer = { error: error.constructor.name, status, text: String(error) };
    }
    console.log(JSON.stringify(answer));
  }
})();
