// What a central holds, and what it answers (docs/PROTOCOL.md 6). In memory: no line, no file, no clock.
//
// The same messages in the same order make the same ledger, so a file of messages is all that is kept.
"use strict";

const { MOST_NUMBER, Unacceptable, check, entries, genesis, isSignedBy, origin, takeApart } = require("./wire.js");
const schema = require("./schema.js");

const MOST_LOST = 50;
const HASH = /^[0-9a-f]{64}$/;
const EPOCH = /^[A-Za-z0-9._-]{1,64}$/;
const NONCE = /^[!-~]{0,128}$/;

/** One epoch of one kiosk. `through` and `head` are the end of the contiguous prefix. */
class Epoch {
  constructor(start) {
    this.genesis = start;
    this.through = 0;
    this.head = start;
    this.lost = [];
    this.held = new Map(); // "seq hash" -> entry; two at one place contradict each other
    this.following = new Map(); // "seq prev" -> the entry that arrived first to follow there
  }

  holds(seq, hash) {
    return this.held.get(`${seq} ${hash}`);
  }

  add(entry) {
    const place = `${entry.seq} ${entry.prev}`;
    this.held.set(`${entry.seq} ${entry.hash}`, entry);
    if (!this.following.has(place)) this.following.set(place, entry);
  }

  /** Move the prefix through what is held already. */
  runOn() {
    let next;
    while ((next = this.following.get(`${this.through + 1} ${this.head}`))) {
      this.through = next.seq;
      this.head = next.hash;
    }
  }

  /** Go on from `anchor`, the hash of entry `seq`: what is missing before it nobody has any more. */
  giveUp(seq, anchor) {
    let one;
    while (seq > this.through && (one = this.holds(seq, anchor))) {
      seq -= 1;
      anchor = one.prev;
    }
    if (seq === this.through) return; // an island that leads back to another history than ours
    this.lost.push([this.through + 1, seq]);
    this.through = seq;
    this.head = anchor;
    this.runOn();
  }
}

class Ledger {
  /** `admitted`: of each admitted kiosk its id and its public key, as wire.publicKey gives it. */
  constructor(admitted) {
    this.keys = new Map(admitted.map(({ kiosk, key }) => [key.fingerprint, { kiosk, ...key }]));
    this.epochs = new Map();
    this.origins = new Map();
    this.presences = [];
    this.unreadable = 0;
  }

  get kiosks() {
    return [...new Set([...this.keys.values()].map((one) => one.kiosk))];
  }

  /**
   * Take in an unpacked message from `up/{what}` of `kiosk`; return what is to be answered when it is safe:
   * {receipt}, {ask: kiosk} for a hello, or null. Throws Unacceptable; nothing has changed then.
   */
  hear(kiosk, what, message) {
    check(what === "hello" || what === "batch", `nothing is said on ${what}`);
    const parts = takeApart(message);
    const said = schema.read(what, parts.line);
    const key = this.keys.get(said.key);
    check(said.kiosk === kiosk && key?.kiosk === kiosk, "the topic's, the line's and the key's kiosk differ");
    check(EPOCH.test(said.epoch) && NONCE.test(said.nonce), "a name is out of bounds");
    check(isSignedBy(`presensi-${what}-v1`, parts, key.key), "the signature is not that key's");
    return what === "hello" ? this.hearHello(said, key) : this.hearBatch(said, parts.rest);
  }

  hearHello(said, key) {
    checkNumbers(said.number, said.first, said.last, said.clock.up);
    check(HASH.test(said.anchor) && HASH.test(said.head), "a hash has 64 digits");
    check(said.first >= 1 && said.last >= said.first - 1, "the range contradicts itself");
    check(said.last >= said.first || said.head === said.anchor, "no entries, and a head");
    const born = said.born ? this.keys.get(said.born) : key;
    if (born?.kiosk !== said.kiosk) return null; // whose epoch this is, nobody can tell
    const start = genesis(said.kiosk, said.epoch, born.der);
    const epoch = this.epochs.get(`${said.kiosk} ${said.epoch}`) ?? new Epoch(start);
    if (epoch.genesis !== start || (said.first === 1 && said.anchor !== start)) return null;
    this.epochs.set(`${said.kiosk} ${said.epoch}`, epoch);
    if (said.first > epoch.through + 1) epoch.giveUp(said.first - 1, said.anchor);
    return this.receipt(said, epoch, epoch.lost.slice(-MOST_LOST));
  }

  hearBatch(said, rest) {
    checkNumbers(said.first, said.last);
    check(HASH.test(said.prev) && HASH.test(said.head), "a hash has 64 digits");
    const arrived = entries(said, rest);
    const epoch = this.epochs.get(`${said.kiosk} ${said.epoch}`);
    if (epoch === undefined) return { ask: said.kiosk };
    for (const entry of arrived) {
      if (epoch.holds(entry.seq, entry.hash)) continue;
      epoch.add(entry);
      this.derive(said, entry);
    }
    epoch.runOn();
    return this.receipt(said, epoch, []);
  }

  receipt({ kiosk, epoch: name, nonce }, epoch, lost) {
    const word = { kiosk, epoch: name, through: epoch.through, head: epoch.head, nonce };
    return { receipt: lost.length > 0 ? { ...word, lost } : word };
  }

  /** Add the row of an entry that is a presence and can be read. */
  derive({ kiosk, epoch }, { seq, hash, body }) {
    let said, key;
    try {
      said = schema.read("entry", body);
      if (said.kind !== "presence") return;
      key = origin(said);
    } catch (error) {
      if (!(error instanceof Unacceptable)) throw error;
      this.unreadable += 1;
      return;
    }
    const again = this.origins.has(key);
    if (!again) this.origins.set(key, { kiosk, epoch, seq });
    const first = this.origins.get(key);
    const { source, terminal, user, time, zone, person, mark, method, state, witness, drift } = said;
    this.presences.push({
      kiosk, epoch, seq, hash, source, terminal, user, time, zone, person, mark, method, state, witness, drift, again,
      first_kiosk: first.kiosk, first_epoch: first.epoch, first_seq: first.seq,
    });
  }

  get rows() {
    const epochs = [...this.epochs].map(([name, { through, head, lost, held }]) => ({
      name, through, head, lost, entries: held.size,
    }));
    return { presences: this.presences, unreadable: this.unreadable, epochs };
  }
}

function checkNumbers(...numbers) {
  for (const number of numbers) check(number >= 0 && number <= MOST_NUMBER, "a number is out of bounds");
}

module.exports = { Ledger };
