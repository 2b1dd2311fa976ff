/**
 * A store that takes writes of the newest leader only: one value in a file, behind HTTP.
 *
 *     node store.mjs FILE PORT
 *
 *     PUT /  Fencing-Token: 4711   keeps the body, or answers 409 if a greater token was here before
 *     GET /                        gives the body back, with the token that wrote it
 *
 * The token is remembered in the same atomic step as the value: a store that forgets it in a restart
 * protects nobody. To look at the token and to write must be one step, too. Here one process does both
 * without a pause in between; in a database it is one statement or one transaction.
 */
import { closeSync, fsyncSync, openSync, readFileSync, renameSync, writeSync } from "node:fs";
import { createServer } from "node:http";
import { dirname } from "node:path";

const longestBody = 1024 * 1024;
const [file = "", port = "0"] = process.argv.slice(2);
let kept = load();

const server = createServer((request, response) => {
  let body = "";
  request.setEncoding("utf8");
  request.on("data", (part) => {
    body += part;
    if (body.length > longestBody) request.destroy();
  });
  request.on("end", () => answer(request, body, response));
});
server.listen(Number(port), "127.0.0.1", () => say(`stored at port ${server.address().port}`));

function answer({ method, headers }, body, response) {
  if (method === "GET") return reply(response, 200, kept.value);
  if (method !== "PUT") return reply(response, 405, "PUT or GET\n");
  const token = tokenIn(headers["fencing-token"]);
  if (token === undefined) return reply(response, 400, "Fencing-Token must be decimal digits\n");
  if (token < BigInt(kept.token)) {
    say(`refused ${token} after ${kept.token}`);
    return reply(response, 409, `Another leads: its token is ${kept.token}\n`);
  }
  if (token > BigInt(kept.token)) say(`a new leader: ${token} after ${kept.token}`);
  const next = { token: String(token), value: body };
  save(next);
  kept = next;
  return reply(response, 200, "");
}

/** A resourceVersion has any number of digits: as text "9" is greater than "10", as a double 2^53+1 is 2^53. */
function tokenIn(text = "") {
  return /^\d{1,100}$/.test(text) ? BigInt(text) : undefined;
}

function reply(response, status, body) {
  response.writeHead(status, { "Fencing-Token": kept.token }).end(body);
}

function load() {
  try {
    return JSON.parse(readFileSync(file, "utf8"));
  } catch (error) {
    // A file that is there and cannot be read may hold a token: only none at all begins anew.
    if (error.code !== "ENOENT") throw error;
    return { token: "0", value: "" };
  }
}

/** All of it or nothing, also when the machine stops in the middle. */
function save(content) {
  const fresh = openSync(`${file}.new`, "w");
  writeSync(fresh, JSON.stringify(content));
  fsyncSync(fresh);
  closeSync(fresh);
  renameSync(`${file}.new`, file);
  const folder = openSync(dirname(file), "r");
  fsyncSync(folder);
  closeSync(folder);
}

function say(line) {
  process.stdout.write(`${line}\n`);
}
