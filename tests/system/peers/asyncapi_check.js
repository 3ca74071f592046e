// Parse an AsyncAPI document with @asyncapi/parser; print its diagnostics and channels as JSON.
//
//     node asyncapi_check.js NODE_HOME FILE
"use strict";

const [home, file] = process.argv.slice(2);
const { Parser, fromFile } = require(require.resolve("@asyncapi/parser", { paths: [home] }));

async function main() {
  const { document, diagnostics } = await fromFile(new Parser(), file).parse();
  const channels = document ? document.channels().all().map((one) => one.address()) : [];
  console.log(JSON.stringify({ diagnostics, channels }));
}

main();
