// What a central keeps: accepted messages, one JSON line each, synced before anything is answered.
"use strict";

const fs = require("node:fs");

class Book {
  constructor(path) {
    this.path = path;
    this.file = fs.openSync(path, "a+");
  }

  /** Return the messages kept, in order; what a power cut left of a line is cut off. */
  read() {
    const bytes = fs.readFileSync(this.path);
    const end = bytes.lastIndexOf("\n") + 1;
    fs.ftruncateSync(this.file, end);
    return bytes.subarray(0, end).toString("utf-8").split("\n").filter(Boolean).map((line) => {
      const { kiosk, what, message } = JSON.parse(line);
      return { kiosk, what, message: Buffer.from(message, "base64") };
    });
  }

  /** Keep one message: this is the COMMIT. */
  keep(kiosk, what, message) {
    const line = JSON.stringify({ kiosk, what, message: message.toString("base64") });
    fs.writeSync(this.file, `${line}\n`);
    fs.fsyncSync(this.file);
  }
}

module.exports = { Book };
