// Environment variables and Node flags that the start refuses, and the names that `allow_environment` may therefore hold. A name
// that allows nothing is a problem of the configuration: its author expects an effect.
import { z } from 'zod';

interface UnsafeRule {
  /** The whole name of a variable, or of a flag with its dashes. */
  readonly names: RegExp;
  /** What it does, to be read after its name. */
  readonly does: string;
  /** Harmless where no region and no store is on AWS. */
  readonly onlyWithAws?: true;
  /** The only value that does harm; any but the empty one where none is named. */
  readonly value?: string;
}

export const unsafeRules: readonly UnsafeRule[] = [
  { names: /^AWS_ENDPOINT_URL(_.*)?$/, does: 'sends calls to AWS to another host', onlyWithAws: true },
  {
    names: /^NODE_USE_ENV_PROXY$|^--use-env-proxy$/,
    does: 'makes Node fetch credentials and keys of issuers through a proxy',
    onlyWithAws: true,
  },
  {
    names: /^NODE_EXTRA_CA_CERTS$|^--use-(system|openssl)-ca$|^SSL_CERT_(FILE|DIR)$|^NODE_USE_SYSTEM_CA$/,
    does: 'trusts more authorities to speak for AWS',
    onlyWithAws: true,
  },
  { names: /^NODE_TLS_REJECT_UNAUTHORIZED$/, does: 'trusts anybody to be AWS', value: '0' },
  { names: /^SSLKEYLOGFILE$|^--tls-keylog$/, does: 'writes the keys of TLS into a file' },
  { names: /^--trace-tls$/, does: 'prints what TLS protects' },
  { names: /^NODE_DEBUG(_NATIVE)?$/, does: 'prints requests with their tokens' },
  { names: /^--(debug|inspect)(-.*)?$/, does: 'lets a debugger read the memory' },
  { names: /^--(heap-prof|heapsnapshot-.*|abort-on-uncaught-exception)$/, does: 'writes the memory to disk' },
  { names: /^(-r|--(require|import|loader|experimental-loader))$/, does: 'loads other code first' },
  { names: /^--insecure-http-parser$/, does: 'reads requests that are not HTTP' },
  { names: /^--(tls-(min|max)-.*|tls-cipher-list|security-revert|openssl-.*)$/, does: 'weakens TLS' },
  { names: /^OPENSSL_CONF$/, does: 'changes how OpenSSL works' },
];

/** RKMS connects to AWS directly. An environment that offers these has no other path in mind, so they are named to the operator. */
export const proxyVariable = /^(HTTPS?|ALL)_PROXY$/i;

const nameRule = 'a variable or Node flag that the start refuses, as docs/security.md lists them';
const noProxy =
  'no proxy: RKMS connects to AWS directly, and proxies are not supported; use VPC endpoints or a NAT gateway';

export const allowedName = z.string({ error: nameRule }).superRefine((name, context) => {
  // The flags in NODE_OPTIONS are refused and allowed by their own names: its name alone allows nothing.
  if (name === 'NODE_OPTIONS' || unsafeRules.some(({ names }) => names.test(name))) return;
  context.addIssue({ code: 'custom', message: proxyVariable.test(name) ? noProxy : nameRule });
});
