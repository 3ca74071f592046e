// Read a terminal with node-zklib or zkteco-js and print what it says, one JSON value per line.
//
//     node npm_client.js NODE_HOME LIBRARY read|live HOST PORT EVENTS
//
// Both libraries write to the console themselves; our lines begin with "say ".
"use strict";

const [home, library, mode, host, port, events] = process.argv.slice(2);
const Terminal = require(require.resolve(library, { paths: [home] }));
const TIMEOUT_MS = 10000;
const UDP_PORT_OF_OURS = 5000;

const say = (value) => process.stdout.write(`say ${JSON.stringify(value)}\n`);

function local(time) {
  const t = new Date(time);
  const two = (n) => String(n).padStart(2, "0");
  const day = `${t.getFullYear()}-${two(t.getMonth() + 1)}-${two(t.getDate())}`;
  return `${day}T${two(t.getHours())}:${two(t.getMinutes())}:${two(t.getSeconds())}`;
}

// The two libraries have different names for the same fields; node-zklib leaves two of them out.
const punch = (row) => [
  row.deviceUserId ?? row.user_id,
  local(row.recordTime ?? row.record_time),
  row.type ?? null,
  row.state ?? null,
];

async function main() {
  const terminal = new Terminal(host, Number(port), TIMEOUT_MS, UDP_PORT_OF_OURS);
  await terminal.createSocket();
  if (mode === "read") {
    const users = await terminal.getUsers();
    say(users.data.map((user) => [user.uid, user.userId, user.name]));
    const log = await terminal.getAttendances();
    say(log.data.map(punch));
    await terminal.disconnect();
    return;
  }
  let left = Number(events);
  await terminal.getRealTimeLogs(async (event) => {
    say([event.userId, local(event.attTime), null, null]);
    left -= 1;
    if (left === 0) process.exit(0);
  });
}

main().catch((error) => {
  console.error(error);
  process.exit(1);
});
