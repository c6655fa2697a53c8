// Finds references in a Terraform module that do not exist: variables and attributes of their types, locals, modules and their
// outputs, resources and the attributes that the provider documents.
import { join } from 'node:path';
import { expressionsIn, treeOf } from './terraform-expressions.js';
import { readModule, type Block, type ModuleBlocks } from './terraform-module.js';

/** :: resource type -> its arguments, and its other attributes */
export type ProviderTypes = Readonly<
  Record<string, { readonly args: readonly string[]; readonly attributes: readonly string[] }>
>;

interface Tree {
  readonly type: string;
  readonly meta: Readonly<Record<string, unknown>>;
  readonly children: readonly Tree[];
}

const metaArguments = ['for_each', 'count', 'lifecycle', 'depends_on', 'provider', 'dynamic', 'region'];

/** References that do not exist and arguments that the provider does not have; empty if there is no problem. */
export async function danglingIn(blocks: ModuleBlocks, types: ProviderTypes): Promise<readonly string[]> {
  const expressions = await expressionsIn(withoutTypes({ ...blocks, folder: '' }));
  const references = await Promise.all(expressions.map(async (text) => referencesOf(await treeOf(text))));
  const checked = await Promise.all(
    references.flat().map(async (path) => ((await leads(path, blocks, types)) ? [] : [path.join('.')])),
  );
  return [...checked.flat(), ...unknownArguments(blocks, types), ...(await wrongInputs(blocks))];
}

/** A type looks like an expression but is none. */
function withoutTypes<T>(value: T): T {
  if (Array.isArray(value)) return value.map(withoutTypes) as T;
  if (typeof value !== 'object' || value === null) return value;
  const kept = Object.entries(value).filter(
    ([name, each]) => !(name === 'type' && /^\$\{(object|list|map|string)/.test(String(each))),
  );
  return Object.fromEntries(kept.map(([name, each]) => [name, withoutTypes(each as unknown)])) as T;
}

function referencesOf(tree: Tree, bound: readonly string[] = []): readonly (readonly string[])[] {
  const { type, meta, children } = tree;
  const inside = type === 'for' ? [...bound, String(meta['keyVar']), String(meta['valVar'])] : bound;
  const below = children.flatMap((child) => referencesOf(child, inside));
  if (type !== 'scopeTraversal') return below;
  const path = (meta['traversal'] as readonly { readonly segment: string }[]).map(({ segment }) => segment);
  return bound.includes(path[0] ?? '') ? below : [path, ...below];
}

async function leads(path: readonly string[], blocks: ModuleBlocks, types: ProviderTypes): Promise<boolean> {
  const [root = '', first = '', second = '', third] = path;
  switch (root) {
    case 'var':
      return first in blocks.variable && isInType(blocks.variable[first]?.[0], second);
    case 'local':
      return first in blocks.locals;
    case 'each':
      return ['key', 'value'].includes(first);
    case 'module': {
      const source = blocks.module[first]?.[0]?.['source'];
      if (typeof source !== 'string') return false;
      return second in (await readModule(join(blocks.folder, source))).output;
    }
    case 'data':
      return first in blocks.data && second in (blocks.data[first] ?? {}) && isKnown(types[first], third);
    default: {
      const isDynamicLabel = JSON.stringify(blocks.resource).includes(`"dynamic":{"${root}"`);
      if (isDynamicLabel) return first === 'value';
      const resource = blocks.resource[root]?.[first]?.[0];
      if (resource === undefined) return false;
      const isCollection = 'for_each' in resource;
      // `for x in aws_y.z` uses the whole collection.
      return path.length === 2 || isCollection || isKnown(types[root], second);
    }
  }
}

const isKnown = (type: ProviderTypes[string] | undefined, name: string | undefined): boolean =>
  type !== undefined && name !== undefined && [...type.args, ...type.attributes].includes(name);

function isInType(variable: Block | undefined, attribute: string): boolean {
  const type = String(variable?.['type']);
  if (attribute === '' || !type.startsWith('${object')) return true;
  return new RegExp(`\\b${attribute}\\s*=`).test(type);
}

function unknownArguments(blocks: ModuleBlocks, types: ProviderTypes): readonly string[] {
  return Object.entries(blocks.resource).flatMap(([type, named]) =>
    Object.entries(named).flatMap(([name, [block = {}]]) => {
      const dynamic = Object.keys(block['dynamic'] ?? {});
      return [...Object.keys(block), ...dynamic]
        .filter((arg) => !metaArguments.includes(arg) && types[type]?.args.includes(arg) !== true)
        .map((arg) => `${type}.${name} { ${arg} }`);
    }),
  );
}

/** Module arguments without a variable, and variables without an argument or default. */
async function wrongInputs(blocks: ModuleBlocks): Promise<readonly string[]> {
  const wrong = Object.entries(blocks.module).map(async ([name, [block = {}]]) => {
    const { source, ...args } = block;
    const { variable } = await readModule(join(blocks.folder, String(source)));
    const unknown = Object.keys(args).filter((arg) => !(arg in variable));
    const missing = Object.entries(variable)
      .filter(([input, [declared]]) => !(input in args) && !('default' in (declared ?? {})))
      .map(([input]) => input);
    return [...unknown, ...missing].map((input) => `module.${name} { ${input} }`);
  });
  return (await Promise.all(wrong)).flat();
}
