/**
 * A command that k8s-await-election runs on the leader: it sends its term's token with every write.
 *
 *     k8s-await-election node writer.mjs http://127.0.0.1:8080/
 *
 * It writes before it reads. From that first write on no older leader can change what it has read.
 */
const [url = ""] = process.argv.slice(2);
const token = process.env["K8S_AWAIT_ELECTION_FENCING_TOKEN"] ?? "";

for (let count = 1; ; count += 1) {
  const { status } = await fetch(url, {
    method: "PUT",
    headers: { "Fencing-Token": token },
    body: `${token} has written ${count} times`,
  });
  if (status === 409) {
    // The election will say so too, in a moment; there is nothing left to do for this process.
    process.stdout.write(`refused: ${token} leads no more\n`);
    process.exit(3);
  }
  if (count === 1) process.stdout.write(`writing with ${token}\n`);
  await new Promise((resolve) => setTimeout(resolve, 50));
}
