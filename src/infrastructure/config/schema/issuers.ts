// [[issuers]]: which issuers' tokens (JWT) are accepted, for which audience, and where the keys are that verify them. No
// default accepts more than the file says.
import { z } from 'zod';
import { algorithms, type Algorithm } from '../../../adapters/jwt/key-set.js';
import type { ConfigProblem } from './problems.js';
import { choice, isLoopback, listOf, text, whole } from './rules.js';
import { fieldOf, listIn, type Raw } from './raw-config.js';

const names = Object.keys(algorithms) as [Algorithm, ...Algorithm[]];
const someAlgorithms = `a list of algorithms, at least one of ${names.join(', ')}`;
const urlRule = 'an https:// URL, or an http:// URL of this machine, without credentials';
const oneOfTwo = 'either jwks_uri or jwks_file';

const jwksUri = z
  .string({ error: urlRule })
  .refine(
    (value) => {
      const url = URL.parse(value);
      const plain = url?.username === '' && url.password === '' && !/[\s#]/.test(value);
      return plain && (url.protocol === 'https:' || (url.protocol === 'http:' && isLoopback(url.hostname)));
    },
    { error: urlRule },
  )
  .meta({ expected: urlRule });

const issuer = z
  .strictObject(
    {
      issuer: text('the claim "iss" of its tokens').describe('The issuer; compared byte for byte.'),
      audience: text('the claim "aud" of its tokens for this service').describe(
        'The value that "aud" must be or contain.',
      ),
      algorithms: listOf(choice(names), someAlgorithms)
        .min(1, { error: someAlgorithms })
        .describe('The signature algorithms that are accepted.'),
      jwks_uri: jwksUri.optional().describe('Where its public keys are. Either this or jwks_file.'),
      jwks_file: text('the path of a file')
        .optional()
        .describe('A file with its public keys; RKMS reads it again when it changes.'),
      jwks_ca_file: text('the path of a file').optional().meta({
        description: 'The authority that signs the certificate of jwks_uri.',
        whenUnset: 'public ones',
      }),
      jwks_token_file: text('the path of a file')
        .optional()
        .describe('A file with the bearer token that jwks_uri requires.'),
      kubernetes: z
        .boolean({ error: 'true or false' })
        .meta({ expected: 'true or false' })
        .default(false)
        .describe('Whether its callers are service accounts of Kubernetes.'),
      max_lifetime_s: whole(60, 31_536_000, 'seconds')
        .default(86_400)
        .describe('The longest time from "iat" to "exp" of a token.'),
      last_good_s: whole(600, 2_592_000, 'seconds')
        .default(259_200)
        .describe('How long the last keys stay valid while the issuer cannot be reached.'),
    },
    { error: ({ code }) => (code === 'invalid_type' ? 'an [[issuers]] table' : undefined) },
  )
  .refine((value) => (value.jwks_uri === undefined) !== (value.jwks_file === undefined), {
    path: ['jwks_uri'],
    error: oneOfTwo,
  });

export const issuersSchema = listOf(issuer, 'a list of [[issuers]] tables');
export type IssuerConfig = z.infer<typeof issuer>;

/** By the raw file: an issuer that is there twice. */
export function issuerProblems({ issuers }: Raw): readonly ConfigProblem[] {
  const known = listIn(issuers).map((each) => fieldOf(each, 'issuer'));
  return known.flatMap((name, index) =>
    typeof name === 'string' && known.indexOf(name) < index
      ? [
          {
            path: `issuers[${index}].issuer`,
            found: `${JSON.stringify(name)} a second time`,
            expected: 'each issuer once',
          },
        ]
      : [],
  );
}
