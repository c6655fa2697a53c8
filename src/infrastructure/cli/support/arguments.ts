// How the texts of arguments and options become values. A text that is not valid ends the command before it does anything, with
// a message that says what was expected.
import { InvalidArgumentError } from 'commander';
import type { Head } from '../../../adapters/audit-file/audit-chain.js';
import { permissions, type Permission } from '../../../domain/access/caller.js';
import { parseIdPattern, type IdPattern } from '../../../domain/access/id-pattern.js';
import {
  parseCallerId,
  parseKeyId,
  parseKeyVersion,
  parseRegion,
  type CallerId,
  type KeyId,
  type KeyVersion,
  type Region,
} from '../../../domain/ids.js';

/** The shells that have a completion script. */
export const shells = ['bash', 'zsh', 'fish'] as const;
export type Shell = (typeof shells)[number];

export function keyIdOf(text: string): KeyId {
  const id = parseKeyId(text);
  if (id.isOk()) return id.value;
  throw new InvalidArgumentError(`An id has ${id.error.expected}.`);
}

export function keyVersionOf(text: string): KeyVersion {
  const version = parseKeyVersion(/^\d{1,10}$/.test(text) ? Number(text) : NaN);
  if (version.isOk()) return version.value;
  throw new InvalidArgumentError(`A version is ${version.error.expected}.`);
}

export function callerOf(text: string): CallerId {
  const caller = parseCallerId(text);
  if (caller.isOk()) return caller.value;
  throw new InvalidArgumentError(`A caller has ${caller.error.expected}.`);
}

export function regionOf(text: string): Region {
  const region = parseRegion(text);
  if (region.isOk()) return region.value;
  throw new InvalidArgumentError(`A region has ${region.error.expected}.`);
}

/** Comma-separated. */
export const permissionsOf = (text: string): readonly Permission[] =>
  text.split(',').map((name) => {
    const known = permissions.find((permission) => permission === name);
    if (known !== undefined) return known;
    throw new InvalidArgumentError(`Permissions are ${permissions.join(', ')}.`);
  });

export function patternOf(text: string): IdPattern {
  const pattern = parseIdPattern(text);
  if (pattern.isOk()) return pattern.value;
  throw new InvalidArgumentError(`Expected ${pattern.error.expected}.`);
}

/** Comma-separated. */
export const patternsOf = (text: string): readonly IdPattern[] => text.split(',').map(patternOf);

/** For an option that may be repeated. */
export const repeated =
  <Value>(parse: (text: string) => Value) =>
  (text: string, before: readonly Value[] = []): readonly Value[] => [...before, parse(text)];

/** As `90d` or `90`. */
export function daysOf(text: string): number {
  const [, days] = /^([1-9]\d{0,4})d?$/.exec(text) ?? [];
  if (days !== undefined) return Number(days);
  throw new InvalidArgumentError('Expected a number of days, for example 90d.');
}

export function secondsOf(text: string): number {
  const seconds = /^\d{1,2}(\.\d)?$/.test(text) ? Number(text) : 0;
  if (seconds >= 0.1 && seconds <= 60) return seconds;
  throw new InvalidArgumentError('Expected a number of seconds from 0.1 to 60.');
}

export const wholeNumber =
  (min: number, max: number) =>
  (text: string): number => {
    const value = /^\d{1,9}$/.test(text) ? Number(text) : NaN;
    if (value >= min && value <= max) return value;
    throw new InvalidArgumentError(`Expected a whole number from ${min} to ${max}.`);
  };

/** The share that a percentage is: above 0 and up to 1. */
export function shareOf(text: string): number {
  const [, percent] = /^(\d{1,3}(?:\.\d{1,6})?)%$/.exec(text) ?? [];
  const value = Number(percent) / 100;
  if (value > 0 && value <= 1) return value;
  throw new InvalidArgumentError('Expected a percentage above 0% and up to 100%, for example 1%.');
}

/** A place in the audit log, as `rkms audit verify` prints it: the number of an entry and its hash. */
export function anchorOf(text: string): Head {
  const [, seq, hash] = /^([1-9]\d{0,15}):([0-9a-f]{64})$/.exec(text) ?? [];
  if (seq !== undefined && hash !== undefined) return { seq: Number(seq), hash };
  throw new InvalidArgumentError('An anchor is <sequence number>:<64 hex digits>.');
}
