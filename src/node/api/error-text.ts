/** Wording errors for the program: one short line, with the code that people search for. */
import { redact } from "../../core/redact.ts";

const limitCharacters = 300;

/** OpenSSL's codes for a certificate that is of another authority than the one we trust. */
const untrusted: ReadonlySet<string> = new Set([
  "UNABLE_TO_VERIFY_LEAF_SIGNATURE",
  "UNABLE_TO_GET_ISSUER_CERT",
  "UNABLE_TO_GET_ISSUER_CERT_LOCALLY",
  "SELF_SIGNED_CERT_IN_CHAIN",
  "DEPTH_ZERO_SELF_SIGNED_CERT",
  "CERT_SIGNATURE_FAILURE",
]);

/** The message of whatever was thrown, on one line, cut, and without anything like a secret. */
export function messageOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return redact(text.replace(/\s+/gu, " ")).slice(0, limitCharacters);
}

/** Such as `ECONNREFUSED 10.0.0.1:443`, or with the message where that says more than the code. */
export function describeError(error: unknown, peer: string): string {
  const { code, syscall } = error as NodeJS.ErrnoException;
  if (code === undefined) return messageOf(error);
  // A failed system call has a message that only repeats the code and the address.
  if (syscall !== undefined) return messageOf(`${code} ${peer}`);
  const reason = untrusted.has(code) ? "its certificate is not signed by our CA" : messageOf(error);
  return messageOf(`${code} ${peer}: ${reason}`);
}
