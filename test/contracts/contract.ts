// What a contract is made of: named promises, each kept by a subject of its own. Knows no test runner: whoever writes an
// adapter hands the promises to theirs, as `for (const { name, run } of contract(makeSubject)) test(name, run)`.
import assert from 'node:assert/strict';
import type { Result, ResultAsync } from 'neverthrow';

/** One sentence that an implementation promises; `run` rejects when the promise is broken. */
export interface ContractPromise {
  readonly name: string;
  readonly run: () => Promise<void>;
}

/** A fresh implementation, and what to do when the promise was tried. */
export interface Subject<T> {
  readonly subject: T;
  readonly close?: () => Promise<void>;
}

/** A name that the domain's parser must accept; anything else is a mistake in the contract. */
export function valid<T>(parsed: Result<T, unknown>): T {
  if (parsed.isErr()) assert.fail(`not a valid name: ${JSON.stringify(parsed.error)}`);
  return parsed.value;
}

/** Turns checks into promises. :: name -> what must hold of a fresh subject */
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

/** What a call answered, or the kind of its failure. Rejects when the call throws. */
export type Outcome<T> = { readonly answer: T } | { readonly failure: string };

export async function outcomeOf<T>(call: ResultAsync<T, { readonly kind: string }>): Promise<Outcome<T>> {
  const result = await call;
  return result.isOk() ? { answer: result.value } : { failure: result.error.kind };
}

/** The answer of a call that must not fail. */
export async function answerOf<T>(call: ResultAsync<T, { readonly kind: string }>): Promise<T> {
  const outcome = await outcomeOf(call);
  if ('failure' in outcome) assert.fail(`failed with ${outcome.failure}`);
  return outcome.answer;
}

/** Holds when the call fails, and in one of these ways. */
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
