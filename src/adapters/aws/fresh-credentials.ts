// Credentials expire while a service runs. When AWS says so, they are fetched anew and the call is made once more; if it
// still says so, the fault is ours and the caller hears it. Of many calls that are refused at once, one tries the fresh
// credentials for all: a region that refuses us is not asked twice as often as one that is well.
import { err, errAsync, ResultAsync, type Result } from 'neverthrow';

/** The SDK's memoised credential provider, as `client.config.credentials`. */
export type CredentialProvider = (options?: { forceRefresh?: boolean }) => Promise<unknown>;

interface Failure {
  readonly kind: string;
}

/** Trials of fresh credentials that are under way: whether they were accepted. */
const trials = new WeakMap<CredentialProvider, Promise<boolean>>();

export function withFreshCredentials<T, F extends Failure>(
  attempt: () => ResultAsync<T, F>,
  credentials: CredentialProvider,
): ResultAsync<T, F> {
  return attempt().orElse((failure) =>
    isRefusal(failure) ? new ResultAsync(onceMore(attempt, credentials, failure)) : errAsync<T, F>(failure),
  );
}

async function onceMore<T, F extends Failure>(
  attempt: () => ResultAsync<T, F>,
  credentials: CredentialProvider,
  failure: F,
): Promise<Result<T, F>> {
  const trial = trials.get(credentials);
  if (trial !== undefined) return (await trial) ? attempt() : err(failure);
  const own = Promise.resolve(
    ResultAsync.fromPromise(credentials({ forceRefresh: true }), () => failure).andThen(attempt),
  );
  const accepted = own.then(
    (result) => result.isOk() || !isRefusal(result.error),
    () => false,
  );
  trials.set(credentials, accepted);
  try {
    return await own;
  } finally {
    trials.delete(credentials);
  }
}

const isRefusal = ({ kind }: Failure): boolean => kind === 'credentials.invalid';
