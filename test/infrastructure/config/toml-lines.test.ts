// Where a value stands in a TOML text: every value that the parser reads has a line, and it is the right one.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import fc from 'fast-check';
import { parse, stringify } from 'smol-toml';
import { tomlLines } from '../../../src/infrastructure/config/toml-lines.js';
import { manyRuns } from '../../support/tiers.js';

/** The paths of all that a parsed text holds. */
const pathsIn = (value: unknown, path = ''): readonly string[] => {
  const own = path === '' ? [] : [path];
  if (Array.isArray(value)) return [...own, ...value.flatMap((each, at) => pathsIn(each, `${path}[${at}]`))];
  if (Object.prototype.toString.call(value) !== '[object Object]') return own;
  const inner = Object.entries(value as object).flatMap(([key, each]) =>
    pathsIn(each, path === '' ? key : `${path}.${key}`),
  );
  return [...own, ...inner];
};
const sorted = (paths: Iterable<string>): readonly string[] => [...new Set(paths)].sort();

const everySpelling = `# a comment = 1
title = "a # \\" ] text" # after it
'quoted key' = 'C:\\'
"\\u0061b" . c = 1979-05-27 07:32:00
long = """
[not.a.table]
x = 1 \\""" still
""\"""
raw = '''
''' # no
list = [ 1, # one
  [ "a", 'b' ],
  { x = 1, y.z = [ true ] },
]
[server] # a table
port=8080
[ a . "b" . 'c' ]
d = { e = { f = 1 } }
[[regions]]
name = "x"
  [regions.inner]
  k = 1
[[regions.list]]
v = 1
[[regions.list]]
v = 2
[[regions]]
name = "y"
[[regions.list]]
v = 3
`;

describe('the lines of a TOML text', () => {
  it('are those where the values stand, in every spelling', () => {
    const lines = tomlLines(everySpelling);
    expect(sorted(lines.keys())).toEqual(sorted(pathsIn(parse(everySpelling))));
    expect(
      [
        ...['title', 'quoted key', 'ab.c', 'long', 'raw', 'list', 'list[1][1]', 'list[2].y.z[0]', 'server'],
        ...['server.port', 'a.b.c.d.e.f', 'regions[0].name', 'regions[0].inner.k', 'regions[0].list[1].v'],
        ...['regions[1]', 'regions[1].list[0].v'],
      ].map((path) => lines.get(path)),
    ).toEqual([2, 3, 4, 5, 9, 11, 12, 13, 15, 16, 18, 20, 22, 26, 27, 30]);
  });

  it.each(['config/rkms.toml', 'config/aws.toml'])('name the line of each option in %s', (file) => {
    const toml = readFileSync(file, 'utf8');
    const lines = toml.split('\n');
    for (const [path, line] of tomlLines(toml)) {
      const [name = ''] = /[a-z_]+(?=(\[\d+\])?$)/.exec(path) ?? [];
      expect([path, lines[line - 1]]).toEqual([path, expect.stringContaining(name)]);
    }
  });

  it('are there for all that the parser reads, whatever it is', () => {
    const key = fc.oneof(fc.stringMatching(/^[a-z]{1,4}$/), fc.constantFrom('a b', '"', 'é', '-', '1'));
    const leaf = fc.oneof(fc.string(), fc.string({ unit: 'binary' }), fc.boolean(), fc.double(), fc.date());
    const { tree } = fc.letrec<{ tree: unknown; any: unknown }>((tie) => ({
      any: fc.oneof(leaf, fc.array(leaf), fc.array(tie('tree'), { maxLength: 3 }), tie('tree')),
      tree: fc.dictionary(key, tie('any'), { maxKeys: 4, noNullPrototype: true }),
    }));
    fc.assert(
      fc.property(tree, (document) => {
        const text = textOf(document);
        if (text === undefined) return;
        expect(sorted(tomlLines(text).keys())).toEqual(sorted(pathsIn(parse(text))));
      }),
      { numRuns: manyRuns(300) },
    );
  });

  it('are looked for to an end in whatever is no TOML', () => {
    fc.assert(
      fc.property(
        fc.string({ unit: fc.constantFrom(...('[]{}"\'=.,#\n\\ a1'.match(/[^]/g) ?? [])) }),
        (text) => {
          expect(tomlLines(text)).toBeInstanceOf(Map);
        },
      ),
      { numRuns: manyRuns(2_000) },
    );
  });
});

/** Undefined for what TOML cannot spell. */
function textOf(document: unknown): string | undefined {
  try {
    const text = stringify(document);
    parse(text);
    return text;
  } catch {
    return undefined;
  }
}
