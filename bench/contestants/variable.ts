/**
 * A setting of a contestant of ours; all of them have the entry point's names.
 *
 * @throws where `K8S_AWAIT_ELECTION_<name>` is not set.
 */
export function variable(name: string): string {
  const value = process.env[`K8S_AWAIT_ELECTION_${name}`];
  if (value === undefined) throw new Error(`Cannot join: K8S_AWAIT_ELECTION_${name} is not set.`);
  return value;
}
