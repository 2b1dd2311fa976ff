/**
 * Holds the namespaces of a pod, and carries its connections out of them.
 *
 *     SOCKET PORT    what comes to this port of the loopback interface goes on to the Unix socket
 *     SOCKET ""      nothing is carried: the network is the machine's
 */
import { execFileSync } from "node:child_process";
import { connect, createServer } from "node:net";

const [socket = "", port = ""] = process.argv.slice(2);

if (port === "") {
  process.stdout.write("ready\n");
  setInterval(() => undefined, 60_000);
} else {
  // A new network has a loopback interface, but it is down.
  execFileSync("ip", ["link", "set", "lo", "up"]);
  const server = createServer((client) => {
    const wayOut = connect({ path: socket });
    client.pipe(wayOut).pipe(client);
    for (const end of [client, wayOut]) end.on("error", () => end.destroy());
  });
  server.listen(Number(port), "127.0.0.1", () => process.stdout.write("ready\n"));
}
