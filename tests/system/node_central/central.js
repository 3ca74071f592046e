// A small central by docs/PROTOCOL.md, in another language, that shares no code with ours.
//
//     node central.js run NODE_HOME DIRECTORY PORT KIOSK PEM [DIE_AFTER]
//     node central.js answers KIOSK PEM...   messages on stdin, answers on stdout, one JSON line each
//     node central.js vectors FILE
//
// `run` keeps its key, what it was told and, on SIGUSR1, its rows (rows.json) in DIRECTORY. With DIE_AFTER it
// kills itself after so many commits, before it answers the last one: the worst moment there is.
"use strict";

const crypto = require("node:crypto");
const fs = require("node:fs");
const path = require("node:path");
const readline = require("node:readline");
const { Book } = require("./book.js");
const { Ledger } = require("./ledger.js");
const { checkVectors } = require("./vectors.js");
const { Unacceptable, named, publicKey, sign, unpack } = require("./wire.js");

const EXPIRY_S = 3600;

/** Return central's key, made at the first run; its public half lies beside it. */
function openKey(directory) {
  const file = path.join(directory, "central.key");
  if (!fs.existsSync(file)) {
    const { privateKey } = crypto.generateKeyPairSync("ec", { namedCurve: "P-256" });
    fs.writeFileSync(file, privateKey.export({ type: "pkcs8", format: "pem" }), { mode: 0o600 });
  }
  const key = crypto.createPrivateKey(fs.readFileSync(file));
  const open = named(crypto.createPublicKey(key));
  fs.writeFileSync(path.join(directory, "central.pem"), open.key.export({ type: "spki", format: "pem" }));
  return { key, fingerprint: open.fingerprint };
}

const admittedFrom = (kiosk, ...pems) => pems.map((pem) => ({ kiosk, key: publicKey(fs.readFileSync(pem)) }));

function run([home, directory, port, kiosk, pem, dieAfter = "0"]) {
  const mqtt = require(require.resolve("mqtt", { paths: [home] }));
  const mine = openKey(directory);
  const name = crypto.randomBytes(8).toString("hex");
  const ledger = new Ledger(admittedFrom(kiosk, pem));
  const book = new Book(path.join(directory, "book.jsonl"));
  for (const one of book.read()) ledger.hear(one.kiosk, one.what, one.message);
  let commits = 0;

  const client = mqtt.connect({
    host: "127.0.0.1",
    port: Number(port),
    protocolVersion: 5,
    clientId: `central.${name}`,
    clean: true,
    resubscribe: false,
    reconnectPeriod: 200,
    properties: { sessionExpiryInterval: 0, receiveMaximum: 64 },
  });

  function say(to, what, domain, header) {
    const message = sign(domain, { ...header, key: mine.fingerprint }, mine.key);
    client.publish(`presensi/v1/${to}/down/${what}`, message, {
      qos: 1,
      properties: { messageExpiryInterval: EXPIRY_S },
    });
  }

  const askHello = (to) => say(to, "command", "presensi-command-v1", { kiosk: to, central: name, verb: "hello" });

  function answer(word) {
    if (word?.ask) askHello(word.ask);
    if (word?.receipt) say(word.receipt.kiosk, "receipt", "presensi-receipt-v1", { ...word.receipt, utc: Date.now() });
  }

  function hear({ topic, payload, properties }) {
    const [, , speaker, , what] = topic.split("/");
    try {
      const message = what === "batch" ? unpack(payload, properties?.userProperties?.encoding) : payload;
      const word = ledger.hear(speaker, what, message);
      if (word?.receipt) {
        book.keep(speaker, what, message);
        commits += 1;
        if (commits === Number(dieAfter)) process.kill(process.pid, "SIGKILL");
      }
      answer(word);
    } catch (error) {
      if (!(error instanceof Unacceptable)) throw error;
      const aside = JSON.stringify({ topic, why: error.message, payload: payload.toString("base64") });
      fs.appendFileSync(path.join(directory, "aside.jsonl"), `${aside}\n`);
    }
  }

  // MQTT.js sends the PUBACK when `acknowledge` is called: after the commit, and after the answer.
  client.handleMessage = (packet, acknowledge) => {
    hear(packet);
    acknowledge();
  };
  client.on("connect", async () => {
    await client.subscribeAsync(
      ["hello", "batch"].map((what) => `$share/${name}-${what}/presensi/v1/+/up/${what}`),
      { qos: 1 },
    );
    ledger.kiosks.forEach(askHello);
    console.log("listening");
  });
  client.on("error", (error) => console.error(error.message));
  process.on("SIGUSR1", () => {
    const file = path.join(directory, "rows.json");
    fs.writeFileSync(`${file}.new`, JSON.stringify(ledger.rows));
    fs.renameSync(`${file}.new`, file);
  });
  process.on("SIGTERM", () => client.end(false, {}, () => process.exit(0)));
}

/** Answer {kiosk, what, payload (base64), encoding} lines without a line: null, {receipt}, {ask} or {aside}. */
async function answers([kiosk, ...pems]) {
  const ledger = new Ledger(admittedFrom(kiosk, ...pems));
  for await (const line of readline.createInterface({ input: process.stdin })) {
    const { kiosk: speaker, what, payload, encoding } = JSON.parse(line);
    try {
      console.log(JSON.stringify(ledger.hear(speaker, what, unpack(Buffer.from(payload, "base64"), encoding))));
    } catch (error) {
      if (!(error instanceof Unacceptable)) throw error;
      console.log(JSON.stringify({ aside: error.message }));
    }
  }
  console.log(JSON.stringify(ledger.rows));
}

function vectors([file]) {
  console.log(`${checkVectors(JSON.parse(fs.readFileSync(file, "utf-8")))} checks hold`);
}

const [verb, ...words] = process.argv.slice(2);
const verbs = { run, answers, vectors };
if (!(verb in verbs)) throw new Error(`say one of ${Object.keys(verbs)}`);
verbs[verb](words);
