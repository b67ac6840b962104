/** The socket to the program; it comes back by itself when it breaks. */

const AGAIN_MS = 1000;

export class Connection {
  /**
   * @param {(message: import("./protocol.js").FromProgram) => void} take
   * @param {(frame: ArrayBuffer) => void} hear
   * @param {(reason: string) => void} lost told once, until it is there again; with the
   *   program's reason if it has given one.
   */
  constructor(take, hear, lost) {
    this._take = take;
    this._hear = hear;
    this._lost = lost;
    this._told = false;
    /** @type {WebSocket | null} */
    this._socket = null;
    this._open();
  }

  get isOpen() {
    return this._socket?.readyState === WebSocket.OPEN;
  }

  /** @param {object} message */
  send(message) {
    if (this.isOpen) this._socket?.send(JSON.stringify(message));
  }

  /** @param {ArrayBuffer} frame */
  say(frame) {
    if (this.isOpen) this._socket?.send(frame);
  }

  _open() {
    const socket = new WebSocket(`${location.protocol.replace("http", "ws")}//${location.host}/line`);
    socket.binaryType = "arraybuffer";
    socket.onmessage = (event) => {
      this._told = false;
      if (typeof event.data === "string") this._take(JSON.parse(event.data));
      else this._hear(event.data);
    };
    socket.onclose = (event) => {
      if (!this._told) this._lost(event.reason);
      this._told = true;
      setTimeout(() => this._open(), AGAIN_MS);
    };
    this._socket = socket;
  }
}
