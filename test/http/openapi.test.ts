// The OpenAPI document tells the truth and all of it: every route is in it and every one in it is a route; every answer
// that it lists was had here from the listeners, and none was had that it does not list.
import { once } from 'node:events';
import { readFileSync } from 'node:fs';
import type { IncomingMessage } from 'node:http';
import { afterAll, afterEach, beforeAll, describe, expect, it } from '@jest/globals';
import { createConfig, lintFromString } from '@redocly/openapi-core';
import { parse } from 'yaml';
import { operations } from '../../src/adapters/http/openapi/key-operations.js';
import type { Operation } from '../../src/adapters/http/openapi/operation.js';
import { openApiDocument } from '../../src/adapters/http/openapi/document.js';
import { maxBodyBytes } from '../../src/adapters/http/keys/key-json.js';
import {
  problemStatus,
  problemTypePrefix,
  type HttpFailure,
} from '../../src/adapters/http/server/problems.js';
import type { Route } from '../../src/adapters/http/server/dispatch.js';
import { parseKeyId, parseRegion } from '../../src/domain/ids.js';
import { begin, type HttpAnswer, type HttpQuestion } from '../support/http-client.js';
import { InterfaceCheck, InterfaceLab, outcomeOf, type Described } from '../support/interface-lab.js';

const file = readFileSync('docs/openapi.yaml', 'utf8');
const document = JSON.parse(JSON.stringify(openApiDocument)) as Described;
const check = new InterfaceCheck(document);

let lab: InterfaceLab;
beforeAll(async () => {
  lab = await new InterfaceLab().open();
});
afterEach(() => {
  lab.failure = undefined;
  lab.bug = undefined;
  lab.ready = true;
});
afterAll(() => lab.close());

describe('the OpenAPI document', () => {
  it('in docs/openapi.yaml is the one that is served: `npm run openapi` writes it', () => {
    expect(parse(file)).toEqual(document);
  });

  it('gives a public linter nothing to say, not even a warning', async () => {
    const config = await createConfig({ extends: ['recommended-strict'] });
    const found = await lintFromString({ source: file, absoluteRef: 'docs/openapi.yaml', config });
    expect(found.map(({ ruleId, message }) => `${ruleId}: ${message}`)).toEqual([]);
  });

  it.each(['keys', 'operations'] as const)(
    'has every route of the listener for %s, and no other',
    (listener) => {
      const nameOf = ({ template, path, method }: Route): string => `${method} ${template ?? path}`;
      const listed = operations.filter((each) => each.listener === listener);
      expect(listed.map(({ method, path }) => `${method.toUpperCase()} ${path}`).sort()).toEqual(
        [...new Set(lab.routes[listener].map(nameOf))].sort(),
      );
      for (const { method, path, isPublic } of listed) {
        const route = lab.routes[listener].find((each) => nameOf(each) === `${method.toUpperCase()} ${path}`);
        expect([path, route?.access]).toEqual([path, isPublic ? 'public' : 'authenticated']);
      }
    },
  );

  it('has every kind of problem with its status, and an example of each that is one', () => {
    const listed = [...check.listed().values()].flatMap((outcomes) => [...outcomes]);
    const problems = listed.filter((outcome) => outcome.includes(problemTypePrefix));
    const known = Object.entries(problemStatus).map(
      ([kind, status]) => `${status} ${problemTypePrefix}${kind}`,
    );
    expect([...new Set(problems)].sort()).toEqual(known.sort());
    expect(Object.keys(openApiDocument.components.examples).sort()).toEqual(
      Object.keys(problemStatus).sort(),
    );
  });

  it('describes ids and regions as their parsers read them', () => {
    const { KeyId, Region } = openApiDocument.components.schemas;
    const fits = ({ pattern, maxLength }: typeof KeyId | typeof Region, text: string): boolean =>
      new RegExp(pattern, 'u').test(text) && text.length <= maxLength;
    const everyCharacter = Array.from({ length: 0x180 }, (_, code) => String.fromCharCode(code));
    const texts = everyCharacter.flatMap((one) => [one, `a${one}`, `${one}a`]);
    for (const text of [...texts, '', 'a'.repeat(64), 'a'.repeat(65), 'a'.repeat(255), 'a'.repeat(256)]) {
      expect([text, fits(KeyId, text)]).toEqual([text, parseKeyId(text).isOk()]);
      expect([text, fits(Region, text)]).toEqual([text, parseRegion(text).isOk()]);
    }
  });

  it.each(['keys', 'operations'] as const)(
    'is served by the listener for %s to everybody',
    async (listener) => {
      const answer = await lab.ask(listener, { target: '/openapi.json' });
      expect([answer.status, JSON.parse(answer.body)]).toEqual([200, document]);
    },
  );
});

const authorization = 'Bearer x';
const json = { authorization, 'content-type': 'application/json' };
const name = '{"id":"orders/7"}';

/** A request for the operation that is answered well. */
function goodQuestion({ path, method, requestBody }: Operation): HttpQuestion {
  const target = path.replace('{region}', 'us-east-1');
  if (requestBody) return { method: 'POST', target, headers: json, body: name };
  const query = path.endsWith('/key') ? '?id=orders/7' : '';
  return { method: method.toUpperCase(), target: target + query, headers: { authorization } };
}

/** Ways to ask that are wrong for this operation. */
function badQuestions(operation: Operation): readonly HttpQuestion[] {
  const good = goodQuestion(operation);
  const [target = ''] = good.target.split('?');
  const many = Object.fromEntries(Array.from({ length: 101 }, (_, index) => [`x-${index}`, '1']));
  const any: readonly HttpQuestion[] = [
    { ...good, headers: {} },
    { ...good, target: `${target}#` },
    { ...good, headers: { ...good.headers, ...many } },
    { ...good, target: `${target}?${'x'.repeat(1_024)}` },
    { ...good, method: 'DELETE', body: '' },
  ];
  const without = [{ ...good, headers: { ...good.headers, 'content-length': 1 }, body: 'x' }];
  const queries = ['', '?id=', '?id=a&id=b', '?id=%00', '?id=a+b', '?x=1'];
  const inQuery = queries.map((query) => ({ ...good, target: target + query }));
  const bodies = ['[]', '{"id":" "}', 'x'.repeat(maxBodyBytes + 1)];
  const inBody = [
    ...bodies.map((body) => ({ ...good, body })),
    { ...good, headers: { authorization, 'content-type': 'text/plain' } },
    { ...good, target: `${target}?id=a` },
  ];
  const elsewhere = [{ ...good, target: target.replace('us-east-1', 'eu-west-1') }];
  return [
    ...any,
    ...(operation.requestBody ? inBody : without),
    ...(operation.requestBody || !target.endsWith('/key') ? [] : inQuery),
    ...(operation.path.includes('{region}') ? elsewhere : []),
  ];
}

/** What the application behind an operation can say, besides what is asked wrongly. */
const failuresOf = ({ problems }: Operation): readonly HttpFailure[] =>
  problems
    .filter((kind) => !/^(request\.|internal$|authentication\.)/.test(kind))
    .map(
      (kind) =>
        ({
          kind,
          permission: 'read',
          limit: 'rate',
          retryAfterMs: 1_500,
          attempts: [],
        }) as unknown as HttpFailure,
    );

const dripping = ({ method, path }: Operation): string =>
  `${method.toUpperCase()} ${path.replace('{region}', 'us-east-1')} HTTP/1.1\r\nHost: a\r\n`;

async function streamed(operation: Operation): Promise<HttpAnswer> {
  const sent = begin(lab.urlOf('operations'), {
    ...goodQuestion(operation),
    headers: { authorization, accept: 'text/event-stream' },
  });
  const [answer] = (await once(sent, 'response')) as [IncomingMessage];
  const { statusCode: status = 0, headers } = answer;
  answer.on('error', () => undefined);
  sent.destroy();
  return { status, headers, body: '' };
}

describe('what the listeners answer', () => {
  it('is what the document lists, and all that it lists is answered', async () => {
    const heard = new Map<string, Set<string>>();
    const wrong: string[] = [];
    const hear = ({ path, method }: Operation, answer: HttpAnswer): void => {
      const operation = `${method} ${path}`;
      heard.set(operation, (heard.get(operation) ?? new Set()).add(outcomeOf(answer)));
      wrong.push(...check.problemsOf(path, method, answer).map((problem) => `${operation}: ${problem}`));
    };
    const slow = operations.map(async (each) => {
      hear(each, await lab.askRaw(each.listener, dripping(each)));
    });
    for (const each of operations) {
      const asked = [goodQuestion(each), ...badQuestions(each)];
      for (const question of asked) hear(each, await lab.ask(each.listener, question));
      for (const failure of failuresOf(each)) {
        lab.failure = failure;
        hear(each, await lab.ask(each.listener, goodQuestion(each)));
      }
      lab.failure = undefined;
      lab.bug = new Error('a bug');
      hear(each, await lab.ask(each.listener, goodQuestion(each)));
      lab.bug = undefined;
      if (each.path === '/regions') hear(each, await streamed(each));
      if (each.path === '/readyz') {
        lab.ready = false;
        hear(each, await lab.ask(each.listener, goodQuestion(each)));
        lab.ready = true;
      }
    }
    await Promise.all(slow);
    expect(wrong).toEqual([]);
    const sorted = (all: ReadonlyMap<string, ReadonlySet<string>>): unknown =>
      Object.fromEntries([...all].map(([operation, outcomes]) => [operation, [...outcomes].sort()]));
    expect(sorted(heard)).toEqual(sorted(check.listed()));
  }, 60_000);
});
