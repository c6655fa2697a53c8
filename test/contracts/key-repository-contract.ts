// The contract of every KeyRepository, with the promises of the comments in ports/key-repository.ts. Each promise runs against
// an empty store of its own.
import assert from 'node:assert/strict';
import { randomBytes } from 'node:crypto';
import type { Commitment } from '../../src/domain/keys/data-key.js';
import type { Genesis } from '../../src/domain/keys/genesis.js';
import {
  firstVersion,
  parseDeployment,
  parseKeyId,
  parseKeyVersion,
  parseRegion,
  type KeyId,
  type KeyVersion,
} from '../../src/domain/ids.js';
import { newKeyRecord, type KeyRecord } from '../../src/domain/keys/key-record.js';
import { maxCiphertextBytes, type RegionalCiphertext } from '../../src/domain/keys/regional-ciphertext.js';
import type { KeyRepository, PageEntry } from '../../src/ports/key-repository.js';
import {
  answerOf,
  assertFails,
  outcomeOf,
  promisesOf,
  unbounded,
  valid,
  type ContractPromise,
  type Outcome,
  type Subject,
} from './contract.js';

export function keyRepositoryContract(
  makeStore: () => Promise<Subject<KeyRepository>>,
): readonly ContractPromise[] {
  return [reading, inserting, adding, dropping, paging, beginning, aborting].flatMap((checks) =>
    promisesOf(makeStore, checks),
  );
}

/** A store whose records a test can change directly, without the repository. */
export interface SpoilableStore extends Subject<KeyRepository> {
  /** Changes a stored record to a newer format, or so that no RKMS can read it. */
  readonly corrupt: (id: KeyId, version: KeyVersion, how: 'newer-format' | 'broken') => Promise<void>;
  /** The stored record in full, as text to compare. */
  readonly stored: (id: KeyId, version: KeyVersion) => Promise<string>;
}

/** The promises about records that cannot be read. */
export function unreadableRecordContract(
  makeStore: () => Promise<SpoilableStore>,
): readonly ContractPromise[] {
  return [
    ...(['newer-format', 'broken'] as const).flatMap((how) => promisesOf(makeStore, unreadable(how))),
    ...promisesOf(makeStore, newerFormat),
  ];
}

type Checks = Readonly<Record<string, (made: Subject<KeyRepository>) => Promise<void>>>;

const keyId = (text: string): KeyId => valid(parseKeyId(text));
const keyVersion = (value: number): KeyVersion => valid(parseKeyVersion(value));
const id = keyId('orders/7');

const ciphertextOf = (region: string, bytes: Uint8Array = randomBytes(184)): RegionalCiphertext => ({
  region: valid(parseRegion(region)),
  kmsKey: `arn:aws:kms:${region}:111122223333:key/1234abcd-12ab-34cd-56ef-1234567890ab`,
  bytes,
});

interface RecordChoices {
  readonly id?: KeyId;
  readonly version?: KeyVersion;
  readonly createdAtMs?: number;
  readonly ciphertexts?: readonly RegionalCiphertext[];
}

/** A new record, with a different commitment each time. */
function aRecord(choices: RecordChoices = {}): KeyRecord {
  const commitment = randomBytes(32).toString('base64url') as Commitment;
  const ciphertexts = choices.ciphertexts ?? ['us-east-1', 'eu-west-1'].map((region) => ciphertextOf(region));
  return newKeyRecord(
    { id, version: firstVersion, createdAtMs: 1_800_000_000_123, ...choices, commitment },
    ciphertexts,
  );
}

/** All fields of a record as plain values to compare, in a fixed order and with bytes as hex. */
function plain(record: KeyRecord | undefined): object | undefined {
  if (record === undefined) return undefined;
  const { version, commitment, createdAtMs, revision } = record;
  const ciphertexts = [...record.ciphertexts].map(
    ([at, { region, kmsKey, bytes }]) => [at, region, kmsKey, Buffer.from(bytes).toString('hex')] as const,
  );
  ciphertexts.sort(([a], [b]) => (a < b ? -1 : 1));
  return { id: record.id, version, commitment, createdAtMs, revision, ciphertexts };
}

const find = async (store: KeyRepository, wanted: KeyId = id, version = firstVersion): Promise<unknown> =>
  plain(await answerOf(store.find(wanted, version, unbounded())));
const insert = async (store: KeyRepository, record: KeyRecord): Promise<unknown> =>
  plain(await answerOf(store.insert(record, unbounded())));
const add = (
  store: KeyRepository,
  record: KeyRecord,
  ...added: readonly RegionalCiphertext[]
): Promise<Outcome<KeyRecord>> => outcomeOf(store.addCiphertexts(record, added, unbounded()));

const specialIds = [
  ...Array.from('._:/-@+=', (special) => `a${special}`),
  'A.b_c:d/e-f@g+h=i',
  'a//b',
  'a/../b',
  '0',
  'x'.repeat(255),
].map(keyId);

const reading: Checks = {
  'a key that was never stored is not found, which is not a failure': async ({ subject }) => {
    assert.deepEqual(await outcomeOf(subject.find(id, firstVersion, unbounded())), { answer: undefined });
  },
  'an inserted record is found unchanged': async ({ subject }) => {
    const record = aRecord();
    assert.deepEqual(await insert(subject, record), plain(record));
    assert.deepEqual(await find(subject), plain(record));
  },
  'ciphertexts are stored byte for byte, from 1 byte to the maximum length': async ({ subject }) => {
    const record = aRecord({
      ciphertexts: [
        ciphertextOf('one-byte', Buffer.of(0)),
        ciphertextOf(
          'every-byte',
          Uint8Array.from({ length: 256 }, (_, byte) => byte),
        ),
        ciphertextOf('longest', randomBytes(maxCiphertextBytes)),
        ciphertextOf('part-of-a-buffer', randomBytes(64).subarray(7, 40)),
      ],
    });
    await insert(subject, record);
    assert.deepEqual(await find(subject), plain(record));
  },
  'the smallest and the largest numbers are stored exactly': async ({ subject }) => {
    const smallest = aRecord({ createdAtMs: 0 });
    const largest = aRecord({ version: keyVersion(2 ** 31 - 1), createdAtMs: Number.MAX_SAFE_INTEGER });
    for (const record of [smallest, largest]) {
      await insert(subject, record);
      assert.deepEqual(await find(subject, id, record.version), plain(record));
    }
  },
  'an id may use every allowed character, and up to 255 of them': async ({ subject }) => {
    const records = specialIds.map((special) => aRecord({ id: special }));
    for (const record of records) await insert(subject, record);
    for (const record of records) assert.deepEqual(await find(subject, record.id), plain(record));
  },
  'ids are compared byte for byte': async ({ subject }) => {
    const records = ['orders', 'Orders', 'ORDERS', 'orders.', 'orders/'].map((text) =>
      aRecord({ id: keyId(text) }),
    );
    for (const record of records) assert.deepEqual(await insert(subject, record), plain(record));
    for (const record of records) assert.deepEqual(await find(subject, record.id), plain(record));
  },
  'the versions of one id are separate records': async ({ subject }) => {
    const records = [1, 2, 10].map((version) => aRecord({ version: keyVersion(version) }));
    for (const record of records) await insert(subject, record);
    for (const record of records) assert.deepEqual(await find(subject, id, record.version), plain(record));
    assert.equal(await find(subject, id, keyVersion(3)), undefined);
  },
  'a ciphertext of an unknown region is kept': async ({ subject }) => {
    const record = aRecord({ ciphertexts: [ciphertextOf('moon-base-1'), ciphertextOf('us-east-1')] });
    await insert(subject, record);
    await add(subject, record, ciphertextOf('eu-west-1'));
    const found = await answerOf(subject.find(id, firstVersion, unbounded()));
    assert.deepEqual([...(found?.ciphertexts.keys() ?? [])].sort(), [
      'eu-west-1',
      'moon-base-1',
      'us-east-1',
    ]);
  },
};

const inserting: Checks = {
  'the first write wins, and the second gets the winner': async ({ subject }) => {
    const [first, second] = [aRecord(), aRecord()];
    await insert(subject, first);
    assert.deepEqual(await insert(subject, second), plain(first));
    assert.deepEqual(await find(subject), plain(first));
  },
  'of 32 concurrent inserts one wins, and all get the same winner': async ({ subject }) => {
    const records = Array.from({ length: 32 }, () => aRecord());
    const told = await Promise.all(records.map((record) => insert(subject, record)));
    const winner = await find(subject);
    assert.ok(records.some(({ commitment }) => (winner as KeyRecord).commitment === commitment));
    for (const answer of told) assert.deepEqual(answer, winner);
  },
  'inserting the same record twice changes nothing': async ({ subject }) => {
    const record = aRecord();
    await insert(subject, record);
    assert.deepEqual(await insert(subject, record), plain(record));
    assert.deepEqual(await find(subject), plain(record));
  },
  'an insert of an existing key gets the current revision of its record': async ({ subject }) => {
    const record = aRecord();
    await insert(subject, record);
    await add(subject, record, ciphertextOf('ap-south-1'));
    const present = await find(subject);
    assert.deepEqual(await insert(subject, aRecord()), present);
    assert.deepEqual(await find(subject), present);
  },
};

/** The record after an addition that must succeed. */
function recordOf(outcome: Outcome<KeyRecord>): KeyRecord {
  if ('failure' in outcome) assert.fail(`failed with ${outcome.failure}`);
  return outcome.answer;
}

const assertStale = (store: KeyRepository, record: KeyRecord): Promise<void> =>
  assertFails(
    store.addCiphertexts(record, [ciphertextOf('ca-central-1')], unbounded()),
    'store.revision-stale',
  );

const adding: Checks = {
  'an added ciphertext is stored beside the others, and the revision increases by one': async ({
    subject,
  }) => {
    const record = aRecord();
    const added = [ciphertextOf('ap-south-1'), ciphertextOf('sa-east-1')];
    await insert(subject, record);
    const next = recordOf(await add(subject, record, ...added));
    const all = [...record.ciphertexts.values(), ...added];
    const ciphertexts = new Map(all.map((ciphertext) => [ciphertext.region, ciphertext]));
    assert.deepEqual(plain(next), plain({ ...record, revision: 2, ciphertexts }));
    assert.deepEqual(await find(subject), plain(next));
  },
  'an added ciphertext replaces only the one of the same region': async ({ subject }) => {
    const record = aRecord();
    const better = ciphertextOf('us-east-1');
    await insert(subject, record);
    const next = recordOf(await add(subject, record, better));
    const ciphertexts = new Map([...record.ciphertexts, [better.region, better]]);
    assert.deepEqual(plain(next), plain({ ...record, revision: 2, ciphertexts }));
    assert.deepEqual(await find(subject), plain(next));
  },
  'each addition can continue from the result of the previous one': async ({ subject }) => {
    let record = aRecord();
    await insert(subject, record);
    for (const region of ['ap-south-1', 'sa-east-1', 'us-west-2']) {
      record = recordOf(await add(subject, record, ciphertextOf(region)));
    }
    assert.deepEqual([record.revision, record.ciphertexts.size], [4, 5]);
    assert.deepEqual(await find(subject), plain(record));
  },
  'an addition to one record changes no other': async ({ subject }) => {
    const record = aRecord();
    const others = [aRecord({ version: keyVersion(2) }), aRecord({ id: keyId('orders/8') })];
    for (const each of [record, ...others]) await insert(subject, each);
    recordOf(await add(subject, record, ciphertextOf('ap-south-1')));
    for (const other of others) {
      assert.deepEqual(await find(subject, other.id, other.version), plain(other));
    }
  },
  'an addition to an old revision is stale, and writes nothing': async ({ subject }) => {
    const record = aRecord();
    await insert(subject, record);
    const next = recordOf(await add(subject, record, ciphertextOf('ap-south-1')));
    await assertStale(subject, record);
    await assertStale(subject, { ...record, revision: 3 });
    assert.deepEqual(await find(subject), plain(next));
  },
  'an addition to the record of another key is stale, even if the revisions are equal': async ({
    subject,
  }) => {
    const [winner, loser] = [aRecord(), aRecord()];
    await insert(subject, winner);
    await assertStale(subject, loser);
    assert.deepEqual(await find(subject), plain(winner));
  },
  'of 16 concurrent additions to one revision exactly one succeeds': async ({ subject }) => {
    const record = aRecord();
    await insert(subject, record);
    const regions = Array.from({ length: 16 }, (_, index) => `region-${index}`);
    const outcomes = await Promise.all(regions.map((region) => add(subject, record, ciphertextOf(region))));
    const successes = outcomes.filter((outcome) => 'answer' in outcome);
    assert.equal(successes.length, 1);
    assert.deepEqual(await find(subject), plain(successes[0]?.answer));
    const failures = outcomes.flatMap((outcome) => ('failure' in outcome ? [outcome.failure] : []));
    assert.deepEqual(new Set(failures), new Set(['store.revision-stale']));
  },
  'an addition to a missing record is stale, and creates none': async ({ subject }) => {
    await assertStale(subject, aRecord());
    assert.equal(await find(subject), undefined);
  },
};

const drop = (
  store: KeyRepository,
  record: KeyRecord,
  ...regions: readonly string[]
): Promise<Outcome<KeyRecord>> =>
  outcomeOf(
    store.dropCiphertexts(
      record,
      regions.map((name) => valid(parseRegion(name))),
      unbounded(),
    ),
  );

const threeCopies = (): KeyRecord =>
  aRecord({ ciphertexts: ['us-east-1', 'eu-west-1', 'sa-east-1'].map((region) => ciphertextOf(region)) });

const without = (record: KeyRecord, revision: number, ...regions: readonly string[]): KeyRecord => ({
  ...record,
  revision,
  ciphertexts: new Map([...record.ciphertexts].filter(([region]) => !regions.includes(region))),
});

const dropping: Checks = {
  'dropped ciphertexts are removed, the others stay, and the revision increases by one': async ({
    subject,
  }) => {
    const record = threeCopies();
    await insert(subject, record);
    const next = recordOf(await drop(subject, record, 'us-east-1', 'sa-east-1'));
    assert.deepEqual(plain(next), plain(without(record, 2, 'us-east-1', 'sa-east-1')));
    assert.deepEqual(await find(subject), plain(next));
  },
  'a region without a ciphertext in the record is ignored': async ({ subject }) => {
    const record = threeCopies();
    await insert(subject, record);
    const second = recordOf(await drop(subject, record, 'moon-base-1', 'sa-east-1'));
    assert.deepEqual(plain(second), plain(without(record, 2, 'sa-east-1')));
    const third = recordOf(await drop(subject, second, 'moon-base-1'));
    assert.deepEqual(plain(third), plain(without(record, 3, 'sa-east-1')));
    assert.deepEqual(await find(subject), plain(third));
  },
  'a drop that would leave no ciphertext is refused, and writes nothing': async ({ subject }) => {
    const record = aRecord();
    await insert(subject, record);
    assert.deepEqual(await drop(subject, record, 'us-east-1', 'eu-west-1'), { failure: 'key.copies-needed' });
    assert.deepEqual(await find(subject), plain(record));
  },
  'a drop from an old revision is stale, and writes nothing': async ({ subject }) => {
    const record = threeCopies();
    await insert(subject, record);
    const next = recordOf(await add(subject, record, ciphertextOf('ap-south-1')));
    for (const old of [record, { ...next, revision: 3 }]) {
      assert.deepEqual(await drop(subject, old, 'sa-east-1'), { failure: 'store.revision-stale' });
    }
    assert.deepEqual(await find(subject), plain(next));
  },
  'a drop from the record of another key is stale, even if the revisions are equal': async ({ subject }) => {
    const [winner, loser] = [threeCopies(), threeCopies()];
    await insert(subject, winner);
    assert.deepEqual(await drop(subject, loser, 'sa-east-1'), { failure: 'store.revision-stale' });
    assert.deepEqual(await find(subject), plain(winner));
  },
  'a drop from a missing record is stale, and creates none': async ({ subject }) => {
    assert.deepEqual(await drop(subject, threeCopies(), 'sa-east-1'), { failure: 'store.revision-stale' });
    assert.equal(await find(subject), undefined);
  },
  'of concurrent drops and additions to one revision exactly one succeeds': async ({ subject }) => {
    const record = threeCopies();
    await insert(subject, record);
    const outcomes = await Promise.all([
      ...['us-east-1', 'eu-west-1', 'sa-east-1'].map((name) => drop(subject, record, name)),
      ...['ap-south-1', 'eu-north-1'].map((name) => add(subject, record, ciphertextOf(name))),
    ]);
    const successes = outcomes.filter((outcome) => 'answer' in outcome);
    assert.equal(successes.length, 1);
    assert.deepEqual(await find(subject), plain(successes[0]?.answer));
  },
};

/** All entries of a scan, page by page; `between` runs after each page. */
async function scan(
  store: KeyRepository,
  limit: number,
  between: (page: number) => Promise<void> = () => Promise.resolve(),
): Promise<readonly PageEntry[]> {
  const entries: PageEntry[] = [];
  let after: string | undefined;
  for (let count = 1; count === 1 || after !== undefined; count += 1) {
    assert.ok(count <= 1_000, 'the scan does not end');
    const page = await answerOf(store.page(after, limit, unbounded()));
    assert.ok(page.entries.length <= limit, 'a page is longer than its limit');
    entries.push(...page.entries);
    after = page.next;
    await between(count);
  }
  return entries;
}

const inOrder = (values: readonly object[]): readonly string[] =>
  values.map((value) => JSON.stringify(value)).sort();

const scanned = (entries: readonly PageEntry[]): readonly string[] =>
  inOrder(
    entries.map(({ id: named, version, record }) => ({
      id: named,
      version,
      record: record.isOk() ? plain(record.value) : record.error.kind,
    })),
  );

const expectedScan = (records: readonly KeyRecord[]): readonly string[] =>
  inOrder(records.map((record) => ({ id: record.id, version: record.version, record: plain(record) })));

async function storeTwentyFive(store: KeyRepository): Promise<readonly KeyRecord[]> {
  const ids = [...specialIds, ...['a', 'A', 'b', 'B', 'zz'].map(keyId)];
  const records = [
    ...ids.map((each) => aRecord({ id: each })),
    ...Array.from({ length: 25 - ids.length }, (_, index) => aRecord({ version: keyVersion(index + 1) })),
  ];
  await Promise.all(records.map((record) => insert(store, record)));
  return records;
}

const genesisOf = (deployment: string, createdAtMs = 1_800_000_000_000): Genesis => ({
  deployment: valid(parseDeployment(deployment)),
  createdAtMs,
});

const paging: Checks = {
  'a scan of an empty store ends at once': async ({ subject }) => {
    assert.deepEqual(await scan(subject, 10), []);
  },
  ...Object.fromEntries(
    [1, 2, 7, 25, 1_000].map((limit): [string, Checks[string]] => [
      `a scan in pages of at most ${limit} returns every record exactly once, and never the genesis`,
      async ({ subject }) => {
        await answerOf(subject.initialise(genesisOf('production'), unbounded()));
        const records = await storeTwentyFive(subject);
        assert.deepEqual(scanned(await scan(subject, limit)), expectedScan(records));
      },
    ]),
  ),
  'the number of records is about right, or unknown': async ({ subject }) => {
    await answerOf(subject.initialise(genesisOf('production'), unbounded()));
    const records = await storeTwentyFive(subject);
    const counted = await answerOf(subject.count(unbounded()));
    assert.ok(counted === undefined || Math.abs(counted - records.length) <= 1, `counted ${String(counted)}`);
  },
  'a scan returns each older record exactly once, even if records are stored meanwhile': async ({
    subject,
  }) => {
    const records = await storeTwentyFive(subject);
    const entries = await scan(subject, 4, async (page) => {
      if (page <= 4) await insert(subject, aRecord({ id: keyId(`new/${page}`) }));
    });
    const older = entries.filter((entry) => !entry.id.startsWith('new/'));
    assert.deepEqual(scanned(older), expectedScan(records));
  },
};

const beginning: Checks = {
  'an uninitialised store has no genesis': async ({ subject }) => {
    assert.deepEqual(await outcomeOf(subject.genesis(unbounded())), { answer: undefined });
  },
  'the genesis is found unchanged': async ({ subject }) => {
    const genesis = genesisOf('production');
    assert.deepEqual({ ...(await answerOf(subject.initialise(genesis, unbounded()))) }, genesis);
    assert.deepEqual({ ...(await answerOf(subject.genesis(unbounded()))) }, genesis);
  },
  'the first initialisation wins, and the second gets the winner': async ({ subject }) => {
    const first = genesisOf('production');
    await answerOf(subject.initialise(first, unbounded()));
    const second = genesisOf('staging', 1_900_000_000_000);
    assert.deepEqual({ ...(await answerOf(subject.initialise(second, unbounded()))) }, first);
    assert.deepEqual({ ...(await answerOf(subject.genesis(unbounded()))) }, first);
  },
  'of concurrent initialisations one wins, and all get the same winner': async ({ subject }) => {
    const all = Array.from({ length: 16 }, (_, index) => genesisOf(`deployment-${index}`));
    const told = await Promise.all(all.map((each) => answerOf(subject.initialise(each, unbounded()))));
    const winner = { ...(await answerOf(subject.genesis(unbounded()))) };
    for (const answer of told) assert.deepEqual({ ...answer }, winner);
  },
  'the genesis is not a key, and a key is not the genesis': async ({ subject }) => {
    await insert(subject, aRecord({ id: keyId('rkms/genesis') }));
    await insert(subject, aRecord({ id: keyId('genesis') }));
    assert.equal(await answerOf(subject.genesis(unbounded())), undefined);
    await answerOf(subject.initialise(genesisOf('production'), unbounded()));
    assert.equal((await scan(subject, 10)).length, 2);
  },
};

const aborting: Checks = {
  'a read whose signal has fired ends with call.aborted': async ({ subject }) => {
    const signal = AbortSignal.abort();
    await insert(subject, aRecord());
    await assertFails(subject.find(id, firstVersion, signal), 'call.aborted');
    await assertFails(subject.page(undefined, 10, signal), 'call.aborted');
    await assertFails(subject.count(signal), 'call.aborted');
    await assertFails(subject.genesis(signal), 'call.aborted');
  },
  'a write whose signal has fired ends with store.outcome-unknown': async ({ subject }) => {
    const signal = AbortSignal.abort();
    const record = aRecord();
    await insert(subject, record);
    const added = [ciphertextOf('ap-south-1')];
    await assertFails(subject.insert(aRecord({ id: keyId('other') }), signal), 'store.outcome-unknown');
    await assertFails(subject.addCiphertexts(record, added, signal), 'store.outcome-unknown');
    const [dropped] = record.ciphertexts.keys();
    await assertFails(
      subject.dropCiphertexts(record, dropped ? [dropped] : [], signal),
      'store.outcome-unknown',
    );
    await assertFails(subject.initialise(genesisOf('production'), signal), 'store.outcome-unknown');
  },
};

type SpoilableChecks = Readonly<Record<string, (made: SpoilableStore) => Promise<void>>>;

const unreadable = (how: 'newer-format' | 'broken'): SpoilableChecks => {
  const what = how === 'broken' ? 'broken record' : 'record of a newer format';
  return {
    [`a ${what} is unreadable, never absent`]: async ({ subject, corrupt }) => {
      await insert(subject, aRecord());
      await corrupt(id, firstVersion, how);
      const found = await subject.find(id, firstVersion, unbounded());
      const failure = found.isErr() ? found.error : undefined;
      const reason = failure?.kind === 'key.unreadable' ? failure.reason : failure?.kind;
      assert.equal(reason, how);
    },
    [`an insert of the key of a ${what} fails and changes nothing`]: async ({ subject, corrupt, stored }) => {
      await insert(subject, aRecord());
      await corrupt(id, firstVersion, how);
      const before = await stored(id, firstVersion);
      await assertFails(subject.insert(aRecord(), unbounded()), 'key.unreadable');
      assert.equal(await stored(id, firstVersion), before);
    },
    [`a scan reports a ${what} and continues`]: async ({ subject, corrupt }) => {
      const others = ['a', 'zz'].map((text) => aRecord({ id: keyId(text) }));
      for (const record of [aRecord(), ...others]) await insert(subject, record);
      await corrupt(id, firstVersion, how);
      for (const limit of [1, 10]) {
        const spoilt = { id, version: 1, record: 'key.unreadable' };
        const expected = [...expectedScan(others), JSON.stringify(spoilt)].sort();
        assert.deepEqual(scanned(await scan(subject, limit)), expected);
      }
    },
  };
};

const newerFormat: SpoilableChecks = {
  'a record that now has a newer format is not changed based on an older read': async (made) => {
    const { subject, corrupt, stored } = made;
    const record = aRecord();
    await insert(subject, record);
    await corrupt(id, firstVersion, 'newer-format');
    const before = await stored(id, firstVersion);
    const call = subject.addCiphertexts(record, [ciphertextOf('ap-south-1')], unbounded());
    await assertFails(call, 'store.revision-stale', 'key.unreadable');
    const [region] = record.ciphertexts.keys();
    const drop = subject.dropCiphertexts(record, region ? [region] : [], unbounded());
    await assertFails(drop, 'store.revision-stale', 'key.unreadable');
    assert.equal(await stored(id, firstVersion), before);
  },
};
