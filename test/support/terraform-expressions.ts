// Evaluates the Terraform expressions that our modules use, from the syntax tree of HashiCorp's parser. Any other expression
// throws. Terraform itself is in neither npm nor Debian; where it is installed, a test compares the results.
import { getExpressionAst } from './hcl2json.js';

export type Value =
  string | number | boolean | null | readonly Value[] | { readonly [name: string]: Value | undefined };

/** Resolves a reference: its first name, and the names after it. */
export type Scope = (root: string, path: readonly string[]) => Promise<Value>;

interface Node {
  readonly type: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly children: readonly Node[];
}

const trees = new Map<string, Promise<Node>>();

/** The syntax tree of an expression, without `${}` around it. */
export function treeOf(text: string): Promise<Node> {
  const known = trees.get(text);
  if (known !== undefined) return known;
  const tree = getExpressionAst('expression', text) as Promise<Node>;
  trees.set(text, tree);
  return tree;
}

/** An attribute as hcl2json gives it: a plain value, a template, or a whole expression as `${...}`. */
export async function expressionsIn(attribute: unknown): Promise<readonly string[]> {
  if (typeof attribute === 'string') {
    const expression = await expressionOf(attribute);
    return expression === undefined ? [] : [expression];
  }
  if (typeof attribute !== 'object' || attribute === null) return [];
  const inner = await Promise.all(
    Object.entries(attribute).map(async ([name, value]) => [
      ...(await expressionsIn(name)),
      ...(await expressionsIn(value)),
    ]),
  );
  return inner.flat();
}

async function expressionOf(text: string): Promise<string | undefined> {
  if (!text.includes('${')) return undefined;
  const [, whole] = /^\$\{([\s\S]*)\}$/.exec(text) ?? [];
  if (whole !== undefined) {
    try {
      await treeOf(whole);
      return whole;
    } catch {
      // Two expressions with text between them: a template.
    }
  }
  return `"${text}"`;
}

/** The value of an attribute. */
export async function valueOf(attribute: unknown, scope: Scope): Promise<Value> {
  if (typeof attribute === 'string') {
    const expression = await expressionOf(attribute);
    return expression === undefined ? attribute : evaluate(expression, scope);
  }
  if (Array.isArray(attribute)) return Promise.all(attribute.map((each) => valueOf(each, scope)));
  if (typeof attribute === 'object' && attribute !== null) {
    const entries = Object.entries(attribute).map(async ([name, value]) => [
      asText(await valueOf(name, scope)),
      await valueOf(value, scope),
    ]);
    return Object.fromEntries(await Promise.all(entries)) as Value;
  }
  return attribute as Value;
}

export const evaluate = async (text: string, scope: Scope): Promise<Value> =>
  valueOfNode(await treeOf(text), scope);

async function valueOfNode(node: Node, scope: Scope): Promise<Value> {
  const { type, meta, children } = node;
  const inner = (index: number): Promise<Value> => valueOfNode(childAt(node, index), scope);
  switch (type) {
    case 'literalValue':
      return literal(meta);
    case 'template': {
      const parts = await Promise.all(children.map((child) => valueOfNode(child, scope)));
      return parts.length === 1 ? (parts[0] ?? '') : parts.map(asText).join('');
    }
    case 'templateWrap':
      return inner(0);
    case 'tuple':
      return Promise.all(children.map((child) => valueOfNode(child, scope)));
    case 'object':
      return objectOf(node, scope);
    case 'for':
      return forOf(node, scope);
    case 'scopeTraversal':
      return traversed(meta, scope);
    case 'relativeTraversal':
      return step(await inner(0), segments(meta));
    case 'index':
      return step(await inner(0), [asText(await inner(1))]);
    case 'conditional':
      return inner((await inner(0)) === true ? 1 : 2);
    case 'unaryOp':
      return unary(String(meta['operator']), await inner(0));
    case 'binaryOp':
      return binary(
        String(meta['operator']),
        () => inner(0),
        () => inner(1),
      );
    case 'function':
      return call(node, scope);
    default: {
      // Parentheses have no type of their own.
      const [only, ...others] = children;
      if (only !== undefined && others.length === 0) return valueOfNode(only, scope);
      throw new Error(`an unsupported expression: ${type} ${JSON.stringify(meta)}`);
    }
  }
}

function childAt({ children, meta }: Node, index: number): Node {
  const child = children[index];
  if (child === undefined) throw new Error(`too few parts in ${JSON.stringify(meta)}`);
  return child;
}

function literal({ type, value }: Readonly<Record<string, unknown>>): Value {
  if (type === 'string') return unescaped(String(value));
  if (type === 'number') return Number(value);
  if (type === 'bool') return value === 'true';
  if (value === 'null') return null;
  throw new Error(`an unsupported literal: ${String(type)}`);
}

/** The parser returns strings as they are written in the file. */
const unescaped = (text: string): string =>
  text.replaceAll(/\\(["\\nrt])/g, (_, sign: string) => ({ n: '\n', r: '\r', t: '\t' })[sign] ?? sign);

export function asText(value: Value): string {
  if (typeof value === 'string') return value;
  if (typeof value === 'number' || typeof value === 'boolean') return String(value);
  throw new Error(`not a string: ${JSON.stringify(value)}`);
}

async function objectOf({ meta }: Node, scope: Scope): Promise<Value> {
  const items = Object.entries(meta['items'] as Readonly<Record<string, string>>);
  const entries = items.map(async ([key, text]) => [
    /^[\w-]+$/.test(key) ? key : asText(await evaluate(key, scope)),
    await evaluate(text, scope),
  ]);
  return Object.fromEntries(await Promise.all(entries)) as Value;
}

async function forOf({ meta }: Node, scope: Scope): Promise<Value> {
  const { keyVar, valVar, collectionExpression, conditionalExpression, keyExpression, valueExpression } =
    meta as Readonly<Record<string, string | undefined>>;
  const collection = await evaluate(collectionExpression ?? '', scope);
  const found: [string, Value][] = [];
  for (const [key, value] of entriesOf(collection)) {
    const inside: Scope = async (root, path) => {
      if (root === valVar) return step(value, path);
      if (root === keyVar) return key;
      return scope(root, path);
    };
    if (conditionalExpression && (await evaluate(conditionalExpression, inside)) !== true) continue;
    const name = keyExpression ? asText(await evaluate(keyExpression, inside)) : '';
    found.push([name, await evaluate(valueExpression ?? '', inside)]);
  }
  return keyExpression ? Object.fromEntries(found) : found.map(([, value]) => value);
}

function entriesOf(collection: Value): readonly (readonly [Value, Value])[] {
  if (Array.isArray(collection))
    return (collection as readonly Value[]).map((value, index) => [index, value]);
  if (typeof collection !== 'object' || collection === null) throw new Error('not a collection');
  // Terraform iterates over maps in the order of their keys.
  return Object.entries(collection).sort(([a], [b]) => (a < b ? -1 : 1)) as [string, Value][];
}

const segments = (meta: Readonly<Record<string, unknown>>): readonly string[] =>
  (meta['traversal'] as readonly { readonly segment: string }[]).map(({ segment }) =>
    segment.replaceAll(/^"|"$/g, ''),
  );

async function traversed(meta: Readonly<Record<string, unknown>>, scope: Scope): Promise<Value> {
  const [root = '', ...path] = segments(meta);
  return scope(root, path);
}

/** The part of a value at a path; throws if it does not exist. */
export function step(value: Value, path: readonly string[]): Value {
  return path.reduce<Value>((at, name) => {
    const next = (at as Readonly<Record<string, Value | undefined>> | null)?.[name];
    if (next === undefined) throw new Error(`there is no ${name} in ${JSON.stringify(at)}`);
    return next;
  }, value);
}

function unary(operator: string, value: Value): Value {
  if (operator === 'logicalNot') return value !== true;
  throw new Error(`an unsupported operator: ${operator}`);
}

async function binary(
  operator: string,
  left: () => Promise<Value>,
  right: () => Promise<Value>,
): Promise<Value> {
  const one = await left();
  switch (operator) {
    case 'logicalAnd':
      return one === true && (await right()) === true;
    case 'logicalOr':
      return one === true || (await right()) === true;
    case 'equal':
      return one === (await right());
    case 'notEqual':
      return one !== (await right());
    case 'greaterThan':
      return Number(one) > Number(await right());
    case 'greaterThanOrEqual':
      return Number(one) >= Number(await right());
    case 'lessThanOrEqual':
      return Number(one) <= Number(await right());
    default:
      throw new Error(`an unsupported operator: ${operator}`);
  }
}

async function call(node: Node, scope: Scope): Promise<Value> {
  const name = String(node.meta['name']);
  if (name === 'can') return couldBe(childAt(node, 0), scope);
  const known = functions[name];
  if (known === undefined || node.meta['expandedFinalArgument'] === true)
    throw new Error(`an unsupported function: ${name}`);
  return known(await Promise.all(node.children.map((child) => valueOfNode(child, scope))));
}

async function couldBe(node: Node, scope: Scope): Promise<boolean> {
  try {
    await valueOfNode(node, scope);
    return true;
  } catch (cause) {
    if (cause instanceof NoMatch) return false;
    throw cause;
  }
}

class NoMatch extends Error {}

type Lists = readonly (readonly Value[])[];

const functions: Readonly<Record<string, ((values: readonly Value[]) => Value) | undefined>> = {
  alltrue: ([list]) => (list as readonly Value[]).every((each) => each === true),
  concat: (lists) => (lists as Lists).flat(),
  contains: ([list, wanted = null]) => (list as readonly Value[]).includes(wanted),
  distinct: ([list]) => [...new Set(list as readonly Value[])],
  flatten: ([list]) => (list as readonly Value[]).flat(9),
  join: ([between, list]) => (list as readonly Value[]).map(asText).join(between as string),
  jsonencode: ([value = null]) => encode(value),
  keys: ([map]) => Object.keys(map as object).sort(),
  length: ([counted]) =>
    typeof counted === 'string' ? counted.length : Object.keys(counted as object).length,
  regex: ([pattern, text]) => {
    const match = new RegExp(pattern as string).exec(text as string);
    if (match === null) throw new NoMatch(`${text as string} does not match`);
    return match[0];
  },
  split: ([between, text]) => (text as string).split(between as string),
  toset: ([list]) => [...new Set(list as readonly Value[])].sort(),
  values: ([map]) => entriesOf(map ?? null).map(([, value]) => value),
};

/** As Terraform encodes it: keys in order, and `<`, `>`, `&` escaped. */
function encode(value: Value): string {
  if (Array.isArray(value)) return `[${(value as readonly Value[]).map(encode).join(',')}]`;
  if (typeof value === 'object' && value !== null)
    return `{${entriesOf(value)
      .map(([name, each]) => `${encode(name)}:${encode(each)}`)
      .join(',')}}`;
  return JSON.stringify(value).replaceAll(/[<>&]/g, (sign) => `\\u00${sign.charCodeAt(0).toString(16)}`);
}
