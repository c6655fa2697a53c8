// A contract is a list of named promises; each runs against a new subject. Contracts are independent of the test runner: the
// author of an adapter runs them with `for (const { name, run } of contract(makeSubject)) test(name, run)`.
import assert from 'node:assert/strict';
import type { Result, ResultAsync } from 'neverthrow';

/** One promise of an implementation, as a sentence; `run` rejects when it does not hold. */
export interface ContractPromise {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** A new implementation; `close` runs after the promise was checked. */
export interface Subject<T> {
  readonly subject: T;
  readonly close?: () => Promise<void>;
}

/** A name that the domain's parser must accept; anything else is a mistake in the contract. */
export function valid<T>(parsed: Result<T, unknown>): T {
  if (parsed.isErr()) assert.fail(`not a valid name: ${JSON.stringify(parsed.error)}`);
  return parsed.value;
}

/** Turns checks into promises. :: name -> what must hold for a new subject */
export const promisesOf = <S extends Subject<unknown>>(
  make: () => Promise<S>,
  checks: Readonly<Record<string, (made: S) => Promise<void>>>,
): readonly ContractPromise[] =>
  Object.entries(checks).map(([name, check]) => ({
    name,
    run: async () => {
      const made = await make();
      try {
        await check(made);
      } finally {
        await made.close?.();
      }
    },
  }));

/** The result of a call, or the kind of its failure. Rejects when the call throws. */
export type Outcome<T> = { readonly answer: T } | { readonly failure: string };

export async function outcomeOf<T>(call: ResultAsync<T, { readonly kind: string }>): Promise<Outcome<T>> {
  const result = await call;
  return result.isOk() ? { answer: result.value } : { failure: result.error.kind };
}

/** The result of a call that must succeed. */
export async function answerOf<T>(call: ResultAsync<T, { readonly kind: string }>): Promise<T> {
  const outcome = await outcomeOf(call);
  if ('failure' in outcome) assert.fail(`failed with ${outcome.failure}`);
  return outcome.answer;
}

/** Asserts that the call fails with one of these kinds. */
export async function assertFails(
  call: ResultAsync<unknown, { readonly kind: string }>,
  ...kinds: readonly [string, ...string[]]
): Promise<void> {
  const outcome = await outcomeOf(call);
  const failure = 'failure' in outcome ? outcome.failure : 'no failure';
  assert.ok(kinds.includes(failure), `expected ${kinds.join(' or ')}, got ${failure}`);
}

/** A signal that never fires. */
export const unbounded = (): AbortSignal => new AbortController().signal;
