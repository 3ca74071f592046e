// Holds this implementation to docs/vectors.json; throws at the first thing that is not so.
"use strict";

const assert = require("node:assert/strict");
const { Ledger } = require("./ledger.js");
const schema = require("./schema.js");
const wire = require("./wire.js");

const NO_LINE_AFTER = "\n"; // a head within an entry has no line feed after line 2

/** Return how many things were checked. */
function checkVectors(vectors) {
  let checks = 0;
  const same = (ours, theirs) => {
    assert.deepEqual(ours, theirs);
    checks += 1;
  };
  const refused = (doing) => {
    assert.throws(doing, wire.Unacceptable);
    checks += 1;
  };
  const device = wire.publicKey(vectors.device_public_pem);
  const central = wire.publicKey(vectors.central_public_pem);
  same(device.fingerprint, vectors.device_fingerprint);
  same(central.fingerprint, vectors.central_fingerprint);

  // The chain and the origins.
  let hash = wire.genesis(vectors.kiosk, vectors.epoch, device.der);
  same(hash, vectors.genesis);
  for (const entry of vectors.entries) {
    hash = wire.link(hash, Buffer.from(entry.body));
    same(hash, entry.hash);
    const said = schema.read("entry", entry.body);
    same(said.kind === "presence" ? wire.origin(said) : undefined, entry.origin);
  }

  // Every message is signed, by whom it says, for its own purpose only.
  const { messages } = vectors;
  const forms = { answer: "receipt", answer_after_a_loss: "receipt" };
  for (const [name, text] of Object.entries(messages)) {
    const form = forms[name] ?? name;
    const parts = wire.takeApart(Buffer.from(name === "head" ? text + NO_LINE_AFTER : text));
    const said = schema.read(form, parts.line);
    const signer = said.key === device.fingerprint ? device : central;
    same(said.key, signer.fingerprint);
    same(wire.isSignedBy(`presensi-${form}-v1`, parts, signer.key), true);
    same(wire.isSignedBy(`presensi-other-v1`, parts, signer.key), false);
    parts.line = Buffer.concat([parts.line, Buffer.from(" ")]);
    same(wire.isSignedBy(`presensi-${form}-v1`, parts, signer.key), false);
  }
  for (const state of vectors.state) same(schema.read("state", JSON.stringify(state)).boot, state.boot);

  // The conversation: hello, answer, batch, receipt.
  const packed = wire.unpack(Buffer.from(vectors.packed.batch, "hex"), vectors.packed.encoding);
  same(wire.takeApart(packed).rest, wire.takeApart(Buffer.from(messages.batch)).rest);
  const word = (name) => {
    const { key, utc, lost, ...rest } = schema.read("receipt", messages[name].split("\n")[0]);
    return rest;
  };
  const ledger = new Ledger([{ kiosk: vectors.kiosk, key: device }]);
  same(ledger.hear(vectors.kiosk, "batch", packed), { ask: vectors.kiosk });
  same(ledger.hear(vectors.kiosk, "hello", Buffer.from(messages.hello)).receipt, word("answer"));
  for (const batch of [packed, Buffer.from(messages.batch)]) {
    same(ledger.hear(vectors.kiosk, "batch", batch).receipt, word("receipt"));
  }
  same(ledger.presences.map((one) => one.seq), [2, 3, 4]);

  // What is not as it should be.
  refused(() => ledger.hear("kiosk-lain", "hello", Buffer.from(messages.hello)));
  refused(() => ledger.hear(vectors.kiosk, "batch", Buffer.from(messages.hello)));
  refused(() => ledger.hear(vectors.kiosk, "batch", Buffer.from(`${messages.batch}\n{}`)));
  refused(() => ledger.hear(vectors.kiosk, "batch", Buffer.from(messages.batch.replace("K40", "K41"))));
  const other = new Ledger([{ kiosk: vectors.kiosk, key: central }]);
  refused(() => other.hear(vectors.kiosk, "hello", Buffer.from(messages.hello)));
  refused(() => wire.unpack(Buffer.from(vectors.packed.batch, "hex").subarray(0, -5), "zlib"));
  refused(() => wire.unpack(Buffer.alloc(262145), "plain"));
  return checks;
}

module.exports = { checkVectors };
