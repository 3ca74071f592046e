// What travels: hashes, keys, signed messages, packed bytes (docs/PROTOCOL.md 2 to 6). No state, no I/O.
"use strict";

const crypto = require("node:crypto");
const zlib = require("node:zlib");

const MOST_HEADER_BYTES = 4096;
const MOST_SIGNATURE_LINE_BYTES = 128;
const MOST_MESSAGE_BYTES = 262144;
const MOST_BODY_BYTES = 8192;
const MOST_ENTRIES = 500;
const MOST_NUMBER = 2 ** 53;

/** A message that cannot be believed: it is kept aside and gets no answer. */
class Unacceptable extends Error {}

function check(condition, why) {
  if (!condition) throw new Unacceptable(why);
}

function sha256(...parts) {
  const hash = crypto.createHash("sha256");
  for (const part of parts) hash.update(part);
  return hash.digest();
}

// The chain and the origin: for ever.

const joined = (...parts) => Buffer.concat(parts.flatMap((part) => [Buffer.from([0]), Buffer.from(part)]).slice(1));
const genesis = (kiosk, epoch, der) => sha256(joined("presensi/v1", kiosk, epoch, der)).toString("hex");
const link = (previous, body) => sha256(Buffer.from(previous, "hex"), sha256(body)).toString("hex");

/** Return the key of what makes a presence that punch; `said` has its defaults filled in. */
function origin(said) {
  const time = said.time || `raw:${said.raw_sha256 || sha256(fromHex(said.raw)).toString("hex")}`;
  const parts = ["presensi/origin/v1", said.terminal, said.user, time, String(said.ordinal)];
  return sha256(joined(...parts)).subarray(0, 16).toString("hex");
}

function fromHex(text) {
  check(/^([0-9a-f]{2})*$/.test(text), "raw is not hexadecimal");
  return Buffer.from(text, "hex");
}

// Keys and signatures.

/** Return a public key with its DER bytes and its name. */
function named(key) {
  const der = key.export({ type: "spki", format: "der" });
  return { key, der, fingerprint: sha256(der).toString("hex") };
}

const publicKey = (pem) => named(crypto.createPublicKey(pem));

const spoken = (domain, line) => Buffer.concat([Buffer.from(`${domain}\0`), line]);

/** Return the signed message whose line 1 is `header`; there is nothing after line 2. */
function sign(domain, header, privateKey) {
  const line = Buffer.from(JSON.stringify(header));
  const signature = crypto.sign("sha256", spoken(domain, line), { key: privateKey, dsaEncoding: "der" });
  return Buffer.concat([line, Buffer.from(`\n${signature.toString("base64")}\n`)]);
}

/** Return the parts of a signed message, not verified yet. */
function takeApart(message) {
  const first = message.indexOf(0x0a);
  check(first >= 0 && first <= MOST_HEADER_BYTES, "no first line within 4096 bytes");
  const second = message.indexOf(0x0a, first + 1);
  check(second >= 0 && second - first - 1 <= MOST_SIGNATURE_LINE_BYTES, "no signature line");
  const signature = message.subarray(first + 1, second).toString("latin1");
  check(signature.length % 4 === 0 && /^[A-Za-z0-9+/]*={0,2}$/.test(signature), "the signature is not base64");
  return {
    line: message.subarray(0, first),
    signature: Buffer.from(signature, "base64"),
    rest: message.subarray(second + 1),
  };
}

function isSignedBy(domain, parts, key) {
  return crypto.verify("sha256", spoken(domain, parts.line), { key, dsaEncoding: "der" }, parts.signature);
}

/** Return the message in a payload. `encoding` is the user property, undefined where there is none. */
function unpack(payload, encoding = "plain") {
  check(encoding === "plain" || encoding === "zlib", `encoding ${encoding}`);
  check(encoding === "zlib" || payload.length <= MOST_MESSAGE_BYTES, "too long");
  if (encoding === "plain") return payload;
  try {
    return zlib.inflateSync(payload, { maxOutputLength: MOST_MESSAGE_BYTES });
  } catch (error) {
    throw new Unacceptable(`zlib: ${error.message}`);
  }
}

/** Return the entries behind a batch's header, hashed one after another. */
function entries(header, rest) {
  const count = header.last - header.first + 1;
  check(header.first >= 1 && count >= 1 && count <= MOST_ENTRIES, "1 to 500 entries, from 1");
  const found = [];
  let prev = header.prev;
  let start = 0;
  while (start <= rest.length) {
    const feed = rest.indexOf(0x0a, start);
    const body = rest.subarray(start, feed < 0 ? rest.length : feed);
    check(body.length >= 1 && body.length <= MOST_BODY_BYTES, "a body is empty or too long");
    const hash = link(prev, body);
    found.push({ seq: header.first + found.length, prev, hash, body });
    check(found.length <= count, "more entries than announced");
    prev = hash;
    start += body.length + 1;
  }
  check(found.length === count, "fewer entries than announced");
  check(prev === header.head, "the entries do not lead to the head");
  return found;
}

module.exports = {
  MOST_NUMBER, Unacceptable, check, entries, genesis, isSignedBy, link, named, origin, publicKey, sign, takeApart, unpack,
};
