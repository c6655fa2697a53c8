// A store in three regions in virtual time: each region works until its script says otherwise, and remembers when it was
// asked. In the mode `strong` all regions see one state; in the mode `home` each has its own, and a test says when a
// replica catches up.
import { errAsync, ResultAsync } from 'neverthrow';
import {
  ReplicatedRepository,
  type ReplicationMode,
} from '../../src/application/store/replicated-repository.js';
import { StoreRegions } from '../../src/application/store/store-regions.js';
import type { StoreReadFailure, StoreWriteFailure } from '../../src/domain/failures/store-failures.js';
import type { Region } from '../../src/domain/ids.js';
import type { KeyRepository } from '../../src/ports/key-repository.js';
import { InMemoryKeyRepository } from './in-memory-key-repository.js';
import { ManualClock } from './manual-clock.js';
import { region } from './names.js';
import { RecordingRegionSelector } from './recording-region-selector.js';
import { RecordingTelemetry } from './recording-telemetry.js';

export const east = region('us-east-1');
export const ohio = region('us-east-2');
export const west = region('us-west-2');
export const storeRegions = [east, ohio, west] as const;

export const attemptTimeoutMs = 300;
export const hedgeAfterMs = 100;
export const writeTimeoutMs = 400;

/**
 * What a region does with a call. `lost`: it does it, and the answer is lost; `vanished`: it does not, nor says so;
 * `late`: a read that is answered when the test says so.
 */
export type Act =
  | 'answer'
  | 'lost'
  | 'vanished'
  | 'silent'
  | 'done-silently'
  | 'late'
  | 'refused'
  | 'throttled'
  | 'misconfigured'
  | 'no-credentials'
  | 'unreadable'
  | 'conflict'
  | 'throw';

const readFailures = {
  refused: { kind: 'store.unavailable', cause: 'refused' },
  throttled: { kind: 'store.throttled' },
  misconfigured: { kind: 'store.misconfigured', detail: 'no table' },
  'no-credentials': { kind: 'credentials.invalid' },
  unreadable: { kind: 'key.unreadable', reason: 'broken', detail: 'format' },
} as const satisfies Partial<Record<Act, StoreReadFailure>>;
const writeFailures = {
  ...readFailures,
  refused: { kind: 'store.outcome-unknown', cause: 'refused' },
  conflict: { kind: 'store.conflicted' },
  vanished: { kind: 'store.outcome-unknown', cause: 'vanished' },
} as const satisfies Partial<Record<Act, StoreWriteFailure>>;
const lost: StoreWriteFailure = { kind: 'store.outcome-unknown', cause: 'lost' };

type Method = keyof KeyRepository;
type Args<M extends Method> = Parameters<KeyRepository[M]>;
type Answer<M extends Method> = ReturnType<KeyRepository[M]>;

export class ScriptedReplica implements KeyRepository {
  /** What the next calls do; afterwards `always`. */
  readonly script: Act[] = [];
  always: Act = 'answer';
  /** Lets a call that is `late` be answered. */
  release: () => void = () => undefined;

  constructor(
    readonly inner: InMemoryKeyRepository,
    private readonly onCall: (method: Method) => void,
  ) {}

  find(...args: Args<'find'>): Answer<'find'> {
    return this.read('find', () => this.inner.find(...args));
  }

  insert(...args: Args<'insert'>): Answer<'insert'> {
    return this.write('insert', () => this.inner.insert(...args));
  }

  addCiphertexts(...args: Args<'addCiphertexts'>): Answer<'addCiphertexts'> {
    return this.write('addCiphertexts', () => this.inner.addCiphertexts(...args));
  }

  dropCiphertexts(...args: Args<'dropCiphertexts'>): Answer<'dropCiphertexts'> {
    return this.write('dropCiphertexts', () => this.inner.dropCiphertexts(...args));
  }

  count(...args: Args<'count'>): Answer<'count'> {
    return this.read('count', () => this.inner.count(...args));
  }

  page(...args: Args<'page'>): Answer<'page'> {
    return this.read('page', () => this.inner.page(...args));
  }

  genesis(...args: Args<'genesis'>): Answer<'genesis'> {
    return this.read('genesis', () => this.inner.genesis(...args));
  }

  initialise(...args: Args<'initialise'>): Answer<'initialise'> {
    return this.write('initialise', () => this.inner.initialise(...args));
  }

  private read<T>(
    method: Method,
    act: () => ResultAsync<T, StoreReadFailure>,
  ): ResultAsync<T, StoreReadFailure> {
    const what = this.next(method);
    if (what === 'silent') return silence();
    if (what === 'late') return this.late().andThen(act);
    return what in readFailures ? errAsync(readFailures[what as keyof typeof readFailures]) : act();
  }

  private write<T, F>(method: Method, act: () => ResultAsync<T, F>): ResultAsync<T, F | StoreWriteFailure> {
    const what = this.next(method);
    if (what === 'silent') return silence();
    if (what === 'done-silently') return act().andThen(() => silence<T, F>());
    if (what === 'lost') return act().andThen(() => errAsync<T, StoreWriteFailure>(lost));
    return what in writeFailures ? errAsync(writeFailures[what as keyof typeof writeFailures]) : act();
  }

  private late(): ResultAsync<void, never> {
    return ResultAsync.fromSafePromise(new Promise((resolve) => (this.release = resolve)));
  }

  private next(method: Method): Act {
    this.onCall(method);
    const what = this.script.shift() ?? this.always;
    if (what === 'throw') throw new Error('a bug of the store');
    return what;
  }
}

const silence = <T, F>(): ResultAsync<T, F> => new ResultAsync(new Promise(() => undefined));

export class ReplicatedStore {
  readonly clock = new ManualClock();
  readonly telemetry = new RecordingTelemetry();
  readonly guide = new RecordingRegionSelector([...storeRegions], { attemptTimeoutMs, hedgeAfterMs });
  /** `[ms, region, method]` of every call, in order. */
  readonly calls: (readonly [number, Region, Method])[] = [];
  readonly at: Readonly<Record<Region, ScriptedReplica>>;
  readonly regions: StoreRegions;
  readonly repository: ReplicatedRepository;

  constructor(mode: ReplicationMode = { kind: 'strong' }) {
    const shared = new InMemoryKeyRepository();
    const replicas = storeRegions.map((name) => ({
      region: name,
      repository: new ScriptedReplica(
        mode.kind === 'strong' ? shared : new InMemoryKeyRepository(),
        (method) => this.calls.push([this.clock.monotonicMs(), name, method]),
      ),
    }));
    this.at = Object.fromEntries(replicas.map(({ region: name, repository }) => [name, repository]));
    this.regions = new StoreRegions(replicas, this.guide, this.clock, this.telemetry, { writeTimeoutMs });
    this.repository = new ReplicatedRepository(this.regions, mode);
  }

  replica(name: Region): ScriptedReplica {
    const replica = this.at[name];
    if (replica === undefined) throw new Error(`the store is not in ${name}`);
    return replica;
  }

  /** What each region does from now on, in the order of preference. */
  all(...acts: readonly Act[]): void {
    storeRegions.forEach((name, index) => {
      this.replica(name).always = acts[index] ?? 'answer';
    });
  }

  /** The replica now has everything that the home region has. */
  catchUp(from: Region, to: Region): void {
    for (const [name, row] of this.replica(from).inner.rows) this.replica(to).inner.rows.set(name, row);
  }
}
