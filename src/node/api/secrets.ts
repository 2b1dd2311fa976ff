/** The credentials in use, so that they can be kept out of every text. */
import type { Access, Server } from "./server.ts";

export interface Secretive {
  readonly access: Access;
  /** The newest first: an exchange that is under way may have older ones. */
  readonly secrets: () => readonly string[];
}

const most = 8;

/** Takes note of what is handed out. */
export function keepSecrets(access: Access): Secretive {
  let secrets: readonly string[] = [];
  return {
    access: {
      ...access,
      async server() {
        const server = await access.server();
        secrets = [...new Set([...secretsOf(server), ...secrets])].slice(0, most);
        return server;
      },
    },
    secrets: () => secrets,
  };
}

/** `Bearer TOKEN`, or `Basic` and name and password in base64. */
function secretsOf({ headers }: Server): string[] {
  return Object.values(headers).flatMap((value) => {
    const [scheme = "", credentials = ""] = value.split(" ");
    if (scheme.toLowerCase() !== "basic") return [credentials || scheme];
    const pair = Buffer.from(credentials, "base64").toString("utf8");
    return [credentials, pair.slice(pair.indexOf(":") + 1)];
  });
}
