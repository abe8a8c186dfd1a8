import 'reflect-metadata'; // @peculiar/x509 needs it before it is loaded
import { webcrypto } from 'node:crypto';
import { isIP } from 'node:net';
import * as x509 from '@peculiar/x509';

/** PEM texts of a throw-away authority, and of what it signed. */
export interface Certificates {
  readonly ca: string;
  readonly server: { readonly cert: string; readonly key: string };
  readonly client: { readonly cert: string; readonly key: string };
}

/** What a server that uses TLS needs in its folder. */
export function serverFiles({ ca, server }: Certificates): Record<string, string> {
  return { 'ca.pem': ca, 'server.pem': server.cert, 'server.key': server.key };
}

const algorithm = { name: 'ECDSA', namedCurve: 'P-256', hash: 'SHA-256' };

function generateKeys() {
  return webcrypto.subtle.generateKey(algorithm, true, ['sign', 'verify']);
}

async function privateKeyPem(key: webcrypto.CryptoKey): Promise<string> {
  return x509.PemConverter.encode(await webcrypto.subtle.exportKey('pkcs8', key), 'PRIVATE KEY');
}

/** A server certificate for localhost, 127.0.0.1, ::1 and these hosts, and a client certificate; valid for one day. */
export async function makeCertificates(hosts: readonly string[]): Promise<Certificates> {
  const validity = { notBefore: new Date(Date.now() - 3_600_000), notAfter: new Date(Date.now() + 86_400_000) };
  const authorityKeys = await generateKeys();
  const authority = await x509.X509CertificateGenerator.createSelfSigned({
    ...validity,
    name: 'CN=kv test authority',
    keys: authorityKeys,
    signingAlgorithm: algorithm,
    extensions: [
      new x509.BasicConstraintsExtension(true, undefined, true),
      new x509.KeyUsagesExtension(x509.KeyUsageFlags.keyCertSign | x509.KeyUsageFlags.cRLSign, true),
    ],
  });

  async function issue(subject: string, extensions: x509.Extension[]) {
    const keys = await generateKeys();
    const certificate = await x509.X509CertificateGenerator.create({
      ...validity,
      subject,
      issuer: authority.subject,
      publicKey: keys.publicKey,
      signingKey: authorityKeys.privateKey,
      signingAlgorithm: algorithm,
      extensions: [
        new x509.BasicConstraintsExtension(false),
        new x509.KeyUsagesExtension(x509.KeyUsageFlags.digitalSignature, true),
        ...extensions,
      ],
    });
    return { cert: certificate.toString('pem'), key: await privateKeyPem(keys.privateKey) };
  }

  const { serverAuth, clientAuth } = x509.ExtendedKeyUsage;
  return {
    ca: authority.toString('pem'),
    server: await issue('CN=localhost', [
      // As a client too: etcd's JSON gateway connects to the server with the server's own certificate.
      new x509.ExtendedKeyUsageExtension([serverAuth, clientAuth]),
      new x509.SubjectAlternativeNameExtension(
        [...new Set(['localhost', '127.0.0.1', '::1', ...hosts])].map((value) => ({
          type: isIP(value) ? 'ip' : 'dns',
          value,
        })),
      ),
    ]),
    // Without a common name, which etcd would take for a user and then refuse on its JSON gateway.
    client: await issue('O=kv test client', [new x509.ExtendedKeyUsageExtension([clientAuth])]),
  };
}
