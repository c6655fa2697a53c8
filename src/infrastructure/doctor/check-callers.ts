// How callers authenticate: the token file and its valid tokens, and the issuers of JWTs and their keys. Prints names of
// callers, never a token, a hash of one, or a key.
import { existsSync } from 'node:fs';
import { noUsableKey } from '../../adapters/jwt/issuer-keys.js';
import { algorithms, parseKeySet, type KeySet } from '../../adapters/jwt/key-set.js';
import { LastGoodFile } from '../../adapters/jwt/last-good-file.js';
import { tokenState, type StoredToken } from '../../adapters/tokens/stored-token.js';
import { readTokens } from '../../adapters/tokens/token-entries.js';
import type { OperatorError } from '../../adapters/system/operator-error.js';
import { keySetSourceOf } from '../wiring/authentication.js';
import { isEmbedded } from '../config/config.js';
import { certificateNames } from '../config/schema/identities.js';
import type { IssuerConfig } from '../config/schema/issuers.js';
import type { Examination } from './examination.js';
import { Subject, type Finding } from '../checks/finding.js';

const callers = new Subject('callers');
const dayMs = 86_400_000;
/** Tokens last 90 days by default, and a caller may have two valid ones: 14 days are enough to roll out the next one. */
const soonDays = 14;

export function checkTokens({ config, machine }: Examination): readonly Finding[] {
  const path = config.auth.tokens_file;
  if (!existsSync(path)) {
    const others = (config.issuers ?? []).length > 0 || certificateNames(config.callers).size > 0;
    if (others) return [callers.ok('tokens', 'none: callers use certificates or JWTs')];
    if (isEmbedded(config) && !existsSync(config.data_dir))
      return [callers.skipped('tokens', 'not created yet: the first rkms serve creates one')];
  }
  const { value: tokens, refused } = callers.attempt('tokens', () => readTokens(path));
  if (refused) return [refused];
  const nowMs = machine.nowMs();
  const live = tokens.filter((token) => tokenState(token, nowMs) === 'live');
  if (live.length === 0) {
    const hint = 'create one: rkms token create --caller <name> --allow read,create';
    return [callers.broken('tokens', `none of the ${tokens.length} in ${path} is live`, hint)];
  }
  return [
    callers.ok('tokens', `${live.length} of ${tokens.length} in ${path} are live`),
    ...ending(live, nowMs),
  ];
}

/** Callers whose last live token ends soon. */
const ending = (live: readonly StoredToken[], nowMs: number): readonly Finding[] =>
  [...Map.groupBy(live, ({ caller }) => caller)].flatMap(([caller, tokens]) => {
    const lastMs = Math.max(...tokens.map(({ expiresMs }) => expiresMs ?? Infinity));
    const daysLeft = Math.ceil((lastMs - nowMs) / dayMs);
    if (daysLeft > soonDays) return [];
    const hint = `create the next one now; both are valid until then: rkms token create --caller ${caller} ...`;
    return [callers.warning('tokens', `the last token of "${caller}" expires in ${daysLeft} days`, hint)];
  });

export async function checkIssuer(
  terms: IssuerConfig,
  { config, machine }: Examination,
): Promise<readonly Finding[]> {
  const subject = new Subject(`issuer ${terms.issuer}`);
  const place = terms.jwks_uri ?? terms.jwks_file ?? '';
  const problems: OperatorError[] = [];
  const copy =
    terms.jwks_uri === undefined
      ? undefined
      : new LastGoodFile(config.data_dir, terms.issuer, (problem) => problems.push(problem)).load();
  const damaged = problems.map(({ message, hint }) => subject.warning('last good copy', message, hint));
  const read = await keySetSourceOf(terms).read();
  const keys = read.isOk() ? parseKeySet(read.value) : undefined;
  if (keys !== undefined) return [...damaged, checkKeys(subject, place, keys, terms)];
  const why = read.isErr() ? read.error.reason : noUsableKey;
  const found = `no keys from ${place} (${why})`;
  const hint = 'check that the issuer can be reached from here, its certificate, and jwks_uri or jwks_file';
  const untilMs = copy === undefined ? 0 : copy.readMs + terms.last_good_s * 1_000;
  return [
    ...damaged,
    untilMs > machine.nowMs()
      ? subject.warning(
          'keys',
          `${found}; the last keys stay valid until ${new Date(untilMs).toISOString()}`,
          hint,
        )
      : subject.broken('keys', `${found}: its tokens are refused`, hint),
  ];
}

function checkKeys(
  subject: Subject,
  place: string,
  keys: KeySet,
  { algorithms: allowed }: IssuerConfig,
): Finding {
  const kinds = allowed.map((name) => algorithms[name].kty as string);
  if (keys.some(({ kty }) => kinds.includes(kty))) return subject.ok('keys', `${keys.length} from ${place}`);
  return subject.broken(
    'keys',
    `none of the ${keys.length} keys from ${place} is for ${allowed.join(', ')}`,
    'correct algorithms in this [[issuers]] table, or the issuer',
  );
}
