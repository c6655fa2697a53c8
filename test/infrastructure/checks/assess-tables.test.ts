// What is made of the tables that the regions of a store describe, or do not describe: nothing is taken for granted that could
// create two keys for one id.
import { describe, expect, it } from '@jest/globals';
import type { TableFacts } from '../../../src/adapters/dynamodb/describe-table.js';
import { assessTables, type InspectedTable } from '../../../src/infrastructure/checks/assess-tables.js';
import type { DynamoDbConfig } from '../../../src/infrastructure/config/config.js';
import type { WritePlace } from '../../../src/domain/ids.js';
import { deployment as deploymentOf, region as regionOf } from '../../support/names.js';

const names = ['us-east-1', 'us-east-2', 'us-west-2'].map(regionOf);
const [first = regionOf('us-east-1'), ...others] = names;
const strongFacts: TableFacts = {
  status: 'ACTIVE',
  hasRightKeys: true,
  isStrong: true,
  replicas: names,
  isDeletionProtected: true,
};

const inspected = (more: Partial<InspectedTable>, writes?: WritePlace): InspectedTable => ({
  region: first,
  facts: undefined,
  isDenied: false,
  isRecoverable: true,
  genesis: { deployment: deploymentOf('assessed'), createdAtMs: 1, ...(writes && { writes }) },
  failure: undefined,
  ...more,
});
const store = (mode: DynamoDbConfig['mode'], regions = names): DynamoDbConfig => ({
  kind: 'dynamodb',
  table: 'rkms',
  timeout_ms: 1_000,
  mode,
  regions: [{ name: regions[0] ?? first }, ...regions.slice(1).map((name) => ({ name }))],
});
const strong = store({ kind: 'strong', isAssumed: false });

const problemsOf = (tables: readonly InspectedTable[], config: DynamoDbConfig): readonly unknown[] =>
  assessTables(tables, config)
    .filter(({ check }) => check === 'consistency' || check === 'genesis')
    .map(({ severity, check, mayPass = false }) => [severity, check, mayPass]);
const inAll = (more: Partial<InspectedTable>): readonly InspectedTable[] =>
  names.map((region) => inspected({ ...more, region }, 'anywhere'));

describe('multi-Region strong consistency', () => {
  it('that one region proves is proven for all of them', () => {
    const [one, ...rest] = inAll({ isDenied: true });
    expect(problemsOf([{ ...inspected({}), ...one, facts: strongFacts }, ...rest], strong)).toEqual([]);
  });

  it.each([
    ['that no region may describe is refused for good', true, false],
    ['that no region described is refused until one does', false, true],
  ])('%s', (_, isDenied, mayPass) => {
    expect(problemsOf(inAll({ isDenied }), strong)).toEqual([['broken', 'consistency', mayPass]]);
  });

  it('that the configuration states is a warning', () => {
    const stated = store({ kind: 'strong', isAssumed: true });
    expect(problemsOf(inAll({ isDenied: true }), stated)).toEqual([['warning', 'consistency', false]]);
  });

  it('that the configuration states is refused where a region shows that the table lacks it', () => {
    const facts = { ...strongFacts, isStrong: false };
    const stated = store({ kind: 'strong', isAssumed: true });
    expect(problemsOf(inAll({ facts }), stated)).toContainEqual(['broken', 'consistency', false]);
  });
});

describe('a genesis record that does not say where the table is written', () => {
  const single = store({ kind: 'single' }, [first]);
  const home = store({ kind: 'home', home: first }, [first, ...others]);
  it.each([
    ['is refused in one region of a table that was not described', single, inspected({})],
    [
      'is refused in one region of a table with replicas',
      single,
      inspected({ facts: { ...strongFacts, isStrong: false } }),
    ],
    ['is refused with a home', home, inspected({ facts: { ...strongFacts, isStrong: false } })],
  ])('%s', (_, config, table) => {
    expect(problemsOf([table], config)).toEqual([['broken', 'genesis', false]]);
  });

  it('is accepted for a table that is known to be in one region', () => {
    const facts = { ...strongFacts, isStrong: false, replicas: [] };
    expect(problemsOf([inspected({ facts })], single)).toEqual([]);
  });
});
