// One flight for all who ask for one name; each gets a result of their own and may leave without disturbing others.
import { beforeEach, describe, expect, it } from '@jest/globals';
import { err, ok, ResultAsync, type Result } from 'neverthrow';
import { SingleFlight } from '../../../src/application/resilience/single-flight.js';
import { settle } from '../../support/manual-clock.js';
import { patience } from '../../support/virtual-service.js';

interface Parcel {
  readonly name: string;
  discarded: boolean;
}
type Landing = Result<Parcel, string>;

/** Every flight that was begun, to be landed by the test. */
class Airport {
  readonly signals: AbortSignal[] = [];
  readonly parcels: Parcel[] = [];
  readonly flights = new SingleFlight<Parcel, string>(
    {
      copy: (parcel) => this.parcel(`copy of ${parcel.name}`),
      discard: (parcel) => {
        parcel.discarded = true;
      },
    },
    'left',
  );
  readonly #landings: { land: (landing: Landing) => void; crash: (bug: Error) => void }[] = [];

  parcel(name: string): Parcel {
    const parcel = { name, discarded: false };
    this.parcels.push(parcel);
    return parcel;
  }

  join(name = 'a', signal = patience()): Promise<Result<Parcel, string>> {
    return this.flights.join(name, signal, (own) => {
      this.signals.push(own);
      return new ResultAsync(
        new Promise<Landing>((land, crash) => {
          this.#landings.push({ land, crash });
        }),
      );
    });
  }

  land(flight: number, landing: Landing = ok(this.parcel(`parcel ${flight}`))): void {
    this.#landings[flight]?.land(landing);
  }

  crash(flight: number): void {
    this.#landings[flight]?.crash(new Error('a bug'));
  }

  get begun(): number {
    return this.signals.length;
  }

  get aborted(): readonly boolean[] {
    return this.signals.map(({ aborted }) => aborted);
  }
}

let airport: Airport;
beforeEach(() => {
  airport = new Airport();
});

const namesOf = async (rides: readonly PromiseLike<Landing>[]): Promise<readonly Result<string, string>[]> =>
  (await Promise.all(rides)).map((result) => result.map(({ name }) => name));

describe('waiters of one execution', () => {
  it('share one result and get a copy each, the last one the original', async () => {
    const rides = [airport.join(), airport.join(), airport.join()];
    airport.land(0);
    const copy = ok('copy of parcel 0');
    expect(await namesOf(rides)).toEqual([copy, copy, ok('parcel 0')]);
    const parcels = (await Promise.all(rides)).map((ride) => ride._unsafeUnwrap());
    expect(new Set(parcels).size).toBe(3);
    expect(airport.parcels).toHaveLength(3);
    expect(airport.begun).toBe(1);
  });

  it('need no copy when there is only one: it gets the original', async () => {
    const ride = airport.join();
    airport.land(0);
    expect(await namesOf([ride])).toEqual([ok('parcel 0')]);
    expect(airport.parcels).toEqual([{ name: 'parcel 0', discarded: false }]);
  });

  it('all get a failure', async () => {
    const rides = [airport.join(), airport.join()];
    airport.land(0, err('failed'));
    expect(await namesOf(rides)).toEqual([err('failed'), err('failed')]);
    expect(airport.parcels).toEqual([]);
  });

  it('all get a bug', async () => {
    const rides = [airport.join(), airport.join()];
    airport.crash(0);
    const outcomes = await Promise.allSettled(rides);
    expect(outcomes.map(({ status }) => status)).toEqual(['rejected', 'rejected']);
  });

  it('may leave, without effect on the others', async () => {
    const leaver = new AbortController();
    const rides = [airport.join(), airport.join('a', leaver.signal), airport.join()];
    leaver.abort();
    expect(await rides[1]).toEqual(err('left'));
    expect(airport.aborted).toEqual([false]);
    airport.land(0);
    expect(await namesOf(rides)).toEqual([ok('copy of parcel 0'), err('left'), ok('parcel 0')]);
  });

  it('may start the execution and leave it to others', async () => {
    const leaver = new AbortController();
    const rides = [airport.join('a', leaver.signal), airport.join()];
    leaver.abort();
    airport.land(0);
    expect(await namesOf(rides)).toEqual([err('left'), ok('parcel 0')]);
    expect(airport.aborted).toEqual([false]);
  });

  it('may leave after the end without taking the result from the others', async () => {
    const leaver = new AbortController();
    const rides = [airport.join('a', leaver.signal), airport.join()];
    airport.land(0);
    await Promise.all(rides);
    leaver.abort();
    await settle();
    expect(airport.parcels.map(({ discarded }) => discarded)).toEqual([false, false]);
    expect(airport.aborted).toEqual([false]);
  });
});

describe('an execution without waiters', () => {
  it('is aborted when the last waiter leaves, and not before', async () => {
    const [one, two] = [new AbortController(), new AbortController()];
    const rides = [airport.join('a', one.signal), airport.join('a', two.signal)];
    one.abort();
    expect(airport.aborted).toEqual([false]);
    two.abort();
    expect(airport.aborted).toEqual([true]);
    expect(await namesOf(rides)).toEqual([err('left'), err('left')]);
  });

  it('has its result discarded when there is one all the same', async () => {
    const leaver = new AbortController();
    const ride = airport.join('a', leaver.signal);
    leaver.abort();
    airport.land(0);
    await settle();
    expect(await ride).toEqual(err('left'));
    expect(airport.parcels).toEqual([{ name: 'parcel 0', discarded: true }]);
  });

  it('has its result discarded when it ended in the moment of leaving', async () => {
    const leaver = new AbortController();
    const ride = airport.join('a', leaver.signal);
    airport.land(0);
    leaver.abort();
    await settle();
    expect(await ride).toEqual(err('left'));
    expect(airport.parcels).toEqual([{ name: 'parcel 0', discarded: true }]);
  });

  it('may fail or throw without an unhandled rejection', async () => {
    for (const end of [
      () => {
        airport.land(0, err('failed'));
      },
      () => {
        airport.crash(1);
      },
    ]) {
      const leaver = new AbortController();
      const ride = airport.join('a', leaver.signal);
      leaver.abort();
      end();
      await settle();
      expect(await ride).toEqual(err('left'));
    }
  });

  it('is not joined any more: the next call starts a new execution, which the old one does not end', async () => {
    const leaver = new AbortController();
    const left = airport.join('a', leaver.signal);
    leaver.abort();
    const ride = airport.join();
    airport.land(0);
    await settle();
    expect(airport.flights.has('a')).toBe(true);
    airport.land(1);
    expect(await namesOf([left, ride])).toEqual([err('left'), ok('parcel 1')]);
    expect(airport.aborted).toEqual([true, false]);
  });

  it('is that of a waiter who had left before the beginning', async () => {
    expect(await airport.join('a', AbortSignal.abort())).toEqual(err('left'));
    expect(airport.aborted.every((aborted) => aborted)).toBe(true);
    expect(airport.flights.has('a')).toBe(false);
  });
});

describe('executions', () => {
  it('of different names are independent', async () => {
    const rides = [airport.join('a'), airport.join('b')];
    airport.land(1);
    expect(await namesOf([rides[1] ?? airport.join('c')])).toEqual([ok('parcel 1')]);
    expect([airport.flights.has('a'), airport.flights.has('b')]).toEqual([true, false]);
    airport.land(0);
    expect(await namesOf(rides)).toEqual([ok('parcel 0'), ok('parcel 1')]);
  });

  it.each(['land', 'crash'] as const)('run until they %s, and then start again', async (end) => {
    expect(airport.flights.has('a')).toBe(false);
    const ride = airport.join();
    expect(airport.flights.has('a')).toBe(true);
    airport[end](0);
    await Promise.allSettled([ride]);
    expect(airport.flights.has('a')).toBe(false);
    const next = airport.join();
    airport.land(1);
    expect(await namesOf([next])).toEqual([ok('parcel 1')]);
    expect(airport.begun).toBe(2);
  });
});
