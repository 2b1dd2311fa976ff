/** What a native file is made of. */

/** A piece of software inside it. */
export interface Part {
  readonly name: string;
  /** Absent where nobody tells it. */
  readonly version?: string;
  /** Names it among all software, and so among the parts: https://github.com/package-url/purl-spec. */
  readonly purl: string;
  /** An SPDX expression. */
  readonly license: string;
  /** Of its archive, where the lock file knows it. */
  readonly sha256?: string;
  /** Every licence and notice that came with it, as text. */
  readonly texts: readonly string[];
  /** The `purl` of every part that it uses itself. */
  readonly uses: readonly string[];
}

export interface NativeFile {
  readonly name: string;
  readonly sha256: string;
  readonly parts: readonly Part[];
  /** The `purl` of every part that its own source uses. */
  readonly uses: readonly string[];
}

/** Parts of several files, each once and in the order of their names. */
export function mergeParts(lists: readonly (readonly Part[])[]): readonly Part[] {
  const merged = new Map<string, Part>();
  for (const part of lists.flat()) {
    const uses = [...(merged.get(part.purl)?.uses ?? []), ...part.uses];
    merged.set(part.purl, { ...part, uses: [...new Set(uses)].sort() });
  }
  return [...merged.values()].sort((one, other) => (one.purl < other.purl ? -1 : 1));
}
