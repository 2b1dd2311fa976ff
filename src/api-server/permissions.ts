/** Who asks, by bearer token, and what is denied to whom. Everything not denied is allowed. */

export type Verb = "get" | "list" | "watch" | "create" | "update" | "delete";

/** Absent fields mean every user, every verb, every resource. */
export interface Denial {
  readonly user?: string;
  readonly verb?: Verb;
  /** The plural, such as `leases`. */
  readonly resource?: string;
}

export class Permissions {
  readonly #users: Map<string, string>;
  readonly #denials = new Set<Denial>();
  #needsToken: boolean;

  /** Users by token; without any, everybody is let in until the first `admit`. */
  constructor(tokens: Readonly<Record<string, string>> | undefined) {
    this.#users = new Map(Object.entries(tokens ?? {}));
    this.#needsToken = tokens !== undefined;
  }

  /** The user of a token, or `undefined` for nobody. */
  userOf(token: string | undefined): string | undefined {
    if (!this.#needsToken) return "system:anonymous";
    return token === undefined ? undefined : this.#users.get(token);
  }

  isDenied(user: string, verb: string, resource: string): boolean {
    return [...this.#denials].some(
      (denial) =>
        (denial.user ?? user) === user &&
        (denial.verb ?? verb) === verb &&
        (denial.resource ?? resource) === resource,
    );
  }

  /** Whoever is let in may ask what is allowed, unless that very thing is denied. */
  mayAsk(user: string): boolean {
    return ![...this.#denials].some(
      (denial) => (denial.user ?? user) === user && denial.resource === "selfsubjectaccessreviews",
    );
  }

  admit(token: string, user: string): void {
    this.#needsToken = true;
    this.#users.set(token, user);
  }

  revoke(token: string): void {
    this.#users.delete(token);
  }

  /** Returns the way to lift the denial. */
  deny(denial: Denial): () => void {
    this.#denials.add(denial);
    return () => this.#denials.delete(denial);
  }
}
