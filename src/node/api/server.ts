/** Where the API server is, and the credentials for it. */

/** Where the API server is and what proves who we are; asked for anew by every exchange. */
export interface Server {
  /** A name or an address, IPv6 without brackets. */
  readonly host: string;
  readonly port: number;
  /** What stands before every path, without a slash at its end: some servers are behind a gateway. */
  readonly basePath: string;
  /** Absent for plain HTTP, which only a loopback address may have. */
  readonly tls?: Tls;
  /** Authorization and the like. Never to be logged. */
  readonly headers: Readonly<Record<string, string>>;
}

export interface Tls {
  /** The name, or the address, that the server's certificate must be for. */
  readonly serverName: string;
  /** Certificates to trust, and no others; without it those of the system. */
  readonly ca?: string;
  readonly cert?: string;
  readonly key?: string;
}

export interface Access {
  /** Why the API server cannot be addressed, worded for the user. It may be gone at a later try. */
  readonly problem?: string;
  readonly podUid?: string;
  readonly podName?: string;
  /**
   * The server with credentials at most a minute old, or older where they cannot be read again.
   *
   * @throws Error worded like `problem` when there are no credentials at all.
   */
  server(): Promise<Server>;
  /** The server answered 401: the next `server()` reads the credentials again. */
  refused(): void;
}
