// The references in docs/ are what the program says of itself, the schema explains every option, and config/aws.toml knows
// them all, with their defaults.
import { readFileSync } from 'node:fs';
import { describe, expect, it } from '@jest/globals';
import { parse } from 'smol-toml';
import { declaredSections } from '../../src/infrastructure/config/options.js';
import { references } from '../../scripts/write-references.js';

const options = declaredSections.flatMap(({ path, options: declared }) =>
  declared.map((option) => ({
    ...option,
    section: path,
    name: path === '' ? option.key : `${path}.${option.key}`,
  })),
);

const written = references();

describe('the reference', () => {
  it.each(written)('$file is what `make docs` writes', ({ file, content }) => {
    expect(readFileSync(file, 'utf8')).toBe(content);
  });

  it('says of every option what it is and what it takes', () => {
    const mute = options.filter(
      ({ description, expected }) => !/^\S.*\.$/.test(description) || expected === 'a value',
    );
    expect(mute.map(({ name }) => name)).toEqual([]);
  });

  it('says of every table what it is for', () => {
    expect(declaredSections.filter(({ path, description }) => path !== '' && description === '')).toEqual([]);
  });
});

/** Options that config/aws.toml leaves out, and why. */
const notShown: Readonly<Record<string, string>> = {
  'store.path': 'of SQLite, which production does not use',
  'callers[].service_accounts[].uid': 'named above service_accounts, whose names it narrows',
  'issuers[].jwks_file': 'named beside jwks_uri, which it stands for',
};

/** Options whose value there is an example. */
const examples = ['data_dir', 'callers[].ids', 'callers[].deny', 'security.allow_environment'];

describe('config/aws.toml', () => {
  const lines = readFileSync('config/aws.toml', 'utf8').split('\n');
  const header = /^(?:# )?\[+([a-z_.]+)\]+$/;
  /** The lines of a table and of those within it, with those that are commented out as if they were not. */
  const linesOf = (table: string): readonly string[] => {
    let at = '';
    return lines.flatMap((line) => {
      at = header.exec(line)?.[1]?.split('.')[0] ?? at;
      return at === table ? [line.replace(/^# (?=[a-z_]+ = )/, '')] : [];
    });
  };
  const spelled = ({ section, key }: (typeof options)[number]): readonly string[] =>
    linesOf(section.split(/[[.]/)[0] ?? '').filter((line) =>
      new RegExp(`^(?!#)(?:.*[{,] )?${key} = `).test(line),
    );

  it('shows every option but those that are left out on purpose', () => {
    const missing = options.filter((option) => spelled(option).length === 0).map(({ name }) => name);
    expect(missing).toEqual(Object.keys(notShown));
  });

  it('shows the defaults as they are', () => {
    const shown = options
      .filter(({ default: standard, name }) => standard !== undefined && !examples.includes(name))
      .map((option) => {
        const [line = ''] = spelled(option).filter((each) => each.startsWith(option.key));
        return [option.name, line === '' ? undefined : parse(line)[option.key]] as const;
      });
    const standards = new Map(options.map(({ name, default: standard }) => [name, standard]));
    expect(shown).toEqual(shown.map(([name]) => [name, standards.get(name)]));
  });
});
