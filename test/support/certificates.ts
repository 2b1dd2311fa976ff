/** Certificate authorities and server certificates for tests of TLS; nothing touches the disk. */

// @peculiar/x509 looks for it while it loads, so this import comes first and binds nothing.
// oxlint-disable-next-line import/no-unassigned-import -- the certificate library wants it loaded first
import "reflect-metadata";
import { randomBytes, webcrypto } from "node:crypto";
import {
  BasicConstraintsExtension,
  ExtendedKeyUsage,
  ExtendedKeyUsageExtension,
  type JsonGeneralName,
  KeyUsageFlags,
  KeyUsagesExtension,
  PemConverter,
  SubjectAlternativeNameExtension,
  X509CertificateGenerator,
} from "@peculiar/x509";

export type KeyType = "ecP256" | "ecP384" | "rsa2048" | "ed25519";

export interface Validity {
  /** An hour ago unless told. */
  readonly notBefore?: Date;
  /** In a day unless told. */
  readonly notAfter?: Date;
}

export interface AuthorityOptions extends Validity {
  readonly name?: string;
  readonly keyType?: KeyType;
}

export interface CertificateOptions extends Validity {
  /** `127.0.0.1` and `::1` unless told. */
  readonly addresses?: readonly string[];
  /** DNS names; `localhost` unless told. */
  readonly names?: readonly string[];
  readonly keyType?: KeyType;
  /** A client's, in place of a server's: who it is to an API server. */
  readonly client?: { readonly user: string; readonly group: string };
}

export interface ServerCertificate {
  readonly certPem: string;
  readonly keyPem: string;
}

export interface Authority {
  readonly caPem: string;
  issue(options?: CertificateOptions): Promise<ServerCertificate>;
}

export interface Certificates extends ServerCertificate {
  readonly caPem: string;
}

/** A fresh authority and one certificate of it. */
export async function makeCertificates(options: CertificateOptions = {}): Promise<Certificates> {
  const authority = await createAuthority();
  return { caPem: authority.caPem, ...(await authority.issue(options)) };
}

export async function createAuthority(options: AuthorityOptions = {}): Promise<Authority> {
  const { name = "test authority", keyType = "ecP256" } = options;
  const keys = await generateKeys(keyType);
  const subject = `CN=${name}`;
  const certificate = await X509CertificateGenerator.createSelfSigned({
    name: subject,
    serialNumber: serialNumber(),
    ...validity(options),
    signingAlgorithm: algorithms[keyType],
    keys,
    extensions: [
      new BasicConstraintsExtension(true, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.keyCertSign | KeyUsageFlags.cRLSign, true),
    ],
  });
  return {
    caPem: certificate.toString("pem"),
    issue: (wanted = {}) => issue(subject, keys.privateKey, algorithms[keyType], wanted),
  };
}

const hourMs = 3_600_000;

const algorithms = {
  ecP256: { name: "ECDSA", namedCurve: "P-256", hash: "SHA-256" },
  ecP384: { name: "ECDSA", namedCurve: "P-384", hash: "SHA-384" },
  rsa2048: {
    name: "RSASSA-PKCS1-v1_5",
    hash: "SHA-256",
    modulusLength: 2048,
    publicExponent: new Uint8Array([1, 0, 1]),
  },
  ed25519: { name: "Ed25519" },
} as const satisfies Record<KeyType, object>;

type Algorithm = (typeof algorithms)[KeyType];

async function issue(
  issuer: string,
  signingKey: webcrypto.CryptoKey,
  signingAlgorithm: Algorithm,
  options: CertificateOptions,
): Promise<ServerCertificate> {
  const { addresses = ["127.0.0.1", "::1"], names = ["localhost"], keyType = "ecP256" } = options;
  const { client } = options;
  const keys = await generateKeys(keyType);
  const alternatives: JsonGeneralName[] = [
    ...addresses.map((value) => ({ type: "ip" as const, value })),
    ...names.map((value) => ({ type: "dns" as const, value })),
  ];
  const certificate = await X509CertificateGenerator.create({
    issuer,
    subject: client === undefined ? "CN=test server" : `CN=${client.user},O=${client.group}`,
    serialNumber: serialNumber(),
    ...validity(options),
    signingAlgorithm,
    signingKey,
    publicKey: keys.publicKey,
    extensions: [
      new BasicConstraintsExtension(false, undefined, true),
      new KeyUsagesExtension(KeyUsageFlags.digitalSignature | KeyUsageFlags.keyEncipherment, true),
      new ExtendedKeyUsageExtension([
        client === undefined ? ExtendedKeyUsage.serverAuth : ExtendedKeyUsage.clientAuth,
      ]),
      new SubjectAlternativeNameExtension(alternatives),
    ],
  });
  const key = await webcrypto.subtle.exportKey("pkcs8", keys.privateKey);
  return { certPem: certificate.toString("pem"), keyPem: PemConverter.encode(key, "PRIVATE KEY") };
}

async function generateKeys(keyType: KeyType): Promise<webcrypto.CryptoKeyPair> {
  const keys = await webcrypto.subtle.generateKey(algorithms[keyType], true, ["sign", "verify"]);
  return keys as webcrypto.CryptoKeyPair;
}

function validity(options: Validity): Required<Validity> {
  const { notBefore = new Date(Date.now() - hourMs) } = options;
  const { notAfter = new Date(Date.now() + 24 * hourMs) } = options;
  return { notBefore, notAfter };
}

/** Positive, as clients demand: the first bit is 0. */
function serialNumber(): string {
  const bytes = randomBytes(16);
  bytes[0] = (bytes[0] ?? 0) & 0x7f || 1;
  return bytes.toString("hex");
}
