// Credentials expire while a service runs. When AWS says so, they are fetched anew and the call is made once more; if it
// still says so, the fault is ours and the caller hears it.
import { errAsync, ResultAsync } from 'neverthrow';

/** The SDK's memoised credential provider, as `client.config.credentials`. */
export type CredentialProvider = (options?: { forceRefresh?: boolean }) => Promise<unknown>;

export function withFreshCredentials<T, F extends { readonly kind: string }>(
  attempt: () => ResultAsync<T, F>,
  credentials: CredentialProvider,
): ResultAsync<T, F> {
  return attempt().orElse((failure) =>
    failure.kind === 'credentials.invalid'
      ? ResultAsync.fromPromise(credentials({ forceRefresh: true }), () => failure).andThen(attempt)
      : errAsync(failure),
  );
}
