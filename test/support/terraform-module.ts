// Reads a Terraform module with HashiCorp's parser and evaluates it without a provider: variables with defaults and validations,
// locals, arguments of resources, outputs. The test gives the values that only AWS knows.
import { readdirSync, readFileSync } from 'node:fs';
import { join } from 'node:path';
import { parse } from './hcl2json.js';
import { evaluate, step, treeOf, valueOf, type Scope, type Value } from './terraform-expressions.js';

export type Block = Readonly<Record<string, unknown>>;
type Blocks = Readonly<Record<string, readonly Block[]>>;

/** The blocks of all files of a folder. :: type -> label ... -> blocks */
export interface ModuleBlocks {
  readonly folder: string;
  readonly variable: Blocks;
  readonly locals: Block;
  readonly resource: Readonly<Record<string, Blocks>>;
  readonly data: Readonly<Record<string, Blocks>>;
  readonly module: Blocks;
  readonly output: Blocks;
}

export async function readModule(folder: string): Promise<ModuleBlocks> {
  const files = readdirSync(folder).filter((name) => name.endsWith('.tf'));
  const parsed = await Promise.all(
    files.map((name) => parse(name, readFileSync(join(folder, name), 'utf8'))),
  );
  const merged = (name: string): Record<string, never> =>
    Object.assign({}, ...parsed.map((file) => file[name] ?? {})) as Record<string, never>;
  const nested = (name: string): Record<string, never> => {
    const types: Record<string, object> = {};
    for (const file of parsed)
      for (const [type, named] of Object.entries((file[name] ?? {}) as Record<string, object>))
        types[type] = { ...types[type], ...named };
    return types as Record<string, never>;
  };
  const locals = parsed.flatMap((file) => (file['locals'] ?? []) as readonly Block[]);
  return {
    folder,
    variable: merged('variable'),
    locals: Object.assign({}, ...locals) as Block,
    resource: nested('resource'),
    data: nested('data'),
    module: merged('module'),
    output: merged('output'),
  };
}

/** The values that AWS adds to a resource or returns for a data source, by type and arguments. */
export type Computed = (type: string, args: Readonly<Record<string, Value>>, key: string) => Value;

export class ComputedModule {
  private readonly seen = new Map<string, Promise<Value>>();
  private readonly children = new Map<string, Promise<ComputedModule>>();

  constructor(
    readonly blocks: ModuleBlocks,
    private readonly inputs: Readonly<Record<string, Value>>,
    private readonly computed: Computed,
  ) {}

  output(name: string): Promise<Value> {
    return this.once(`output ${name}`, () => valueOf(blockOf(this.blocks.output, name)['value'], this.scope));
  }

  /** The messages of all validations that the inputs violate. */
  async problems(): Promise<readonly string[]> {
    const rules = Object.values(this.blocks.variable).flatMap(
      ([variable]) => (variable?.['validation'] ?? []) as readonly Block[],
    );
    const checked = await Promise.all(
      rules.map(async ({ condition, error_message: message }) =>
        (await valueOf(condition, this.scope)) === true ? [] : [String(message)],
      ),
    );
    return checked.flat();
  }

  /** The value of a variable: the given one or its default. */
  input(name: string): Promise<Value> {
    return this.variable(name);
  }

  /** A resource's arguments and the values that AWS adds; with for_each, a map of them. */
  resource(type: string, name: string): Promise<Value> {
    return this.once(`${type}.${name}`, () =>
      this.made(type, blockOf(this.blocks.resource[type] ?? {}, name)),
    );
  }

  child(name: string): Promise<ComputedModule> {
    const known = this.children.get(name);
    if (known !== undefined) return known;
    const child = this.readChild(name);
    this.children.set(name, child);
    return child;
  }

  private async readChild(name: string): Promise<ComputedModule> {
    const { source, ...args } = blockOf(this.blocks.module, name);
    const blocks = await readModule(join(this.blocks.folder, String(source)));
    const lazy: Record<string, Value> = {};
    const child = new ComputedModule(blocks, lazy, this.computed);
    // Terraform's graph is one of values, not of modules: an argument is computed when it is asked for.
    child.lateInput = (input) =>
      args[input] === undefined ? undefined : () => valueOf(args[input], this.scope);
    return child;
  }

  private lateInput: (name: string) => (() => Promise<Value>) | undefined = () => undefined;

  private readonly scope: Scope = async (root, path) => {
    const [first = '', second = '', ...rest] = path;
    switch (root) {
      case 'var':
        return step(await this.variable(first), path.slice(1));
      case 'local':
        return step(await this.local(first), path.slice(1));
      case 'module':
        return step(await (await this.child(first)).output(second), rest);
      case 'data':
        return step(await this.data(first, second), rest);
      default:
        return step(await this.resource(root, first), path.slice(1));
    }
  };

  private variable(name: string): Promise<Value> {
    return this.once(`var.${name}`, async () => {
      const { type, default: fallback } = blockOf(this.blocks.variable, name);
      const late = this.lateInput(name);
      const given = late === undefined ? this.inputs[name] : await late();
      const value = given === undefined ? (fallback as Value | undefined) : given;
      if (value === undefined) throw new Error(`the variable ${name} has no value`);
      return withDefaults(value, String(type).replaceAll(/^\$\{|\}$/g, ''), this.scope);
    });
  }

  private local(name: string): Promise<Value> {
    return this.once(`local.${name}`, () => {
      if (!(name in this.blocks.locals)) throw new Error(`there is no local.${name}`);
      return valueOf(this.blocks.locals[name], this.scope);
    });
  }

  private data(type: string, name: string): Promise<Value> {
    return this.once(`data.${type}.${name}`, async () => {
      blockOf(this.blocks.data[type] ?? {}, name);
      return Promise.resolve(this.computed(type, {}, ''));
    });
  }

  private async made(type: string, block: Block): Promise<Value> {
    const { for_each: forEach, ...others } = block;
    const rest = Object.fromEntries(Object.entries(others).filter(([name]) => name !== 'lifecycle'));
    if (forEach === undefined) return this.arguments(type, rest, this.scope, '');
    const wanted = await valueOf(forEach, this.scope);
    const keys = Array.isArray(wanted) ? (wanted as readonly string[]) : Object.keys(wanted as object);
    const all = keys.map(async (key) => {
      const value = Array.isArray(wanted) ? key : step(wanted, [key]);
      const scope: Scope = async (root, path) =>
        root === 'each' ? step({ key, value }, path) : this.scope(root, path);
      return [key, await this.arguments(type, rest, scope, key)] as const;
    });
    return Object.fromEntries(await Promise.all(all));
  }

  private async arguments(type: string, block: Block, scope: Scope, key: string): Promise<Value> {
    const { dynamic = {}, ...plain } = block;
    const args = (await valueOf(plain, scope)) as Readonly<Record<string, Value>>;
    const blocks = Object.entries(dynamic as Blocks).map(async ([label, [one]]) => {
      const list = (await valueOf(one?.['for_each'], scope)) as readonly Value[];
      const [content] = (one?.['content'] ?? []) as readonly Block[];
      const made = list.map((value) =>
        valueOf(content, async (root, path) => (root === label ? step({ value }, path) : scope(root, path))),
      );
      return [label, await Promise.all(made)] as const;
    });
    const all = { ...args, ...Object.fromEntries(await Promise.all(blocks)) };
    return { ...all, ...(this.computed(type, all, key) as object) };
  }

  private once(address: string, compute: () => Promise<Value>): Promise<Value> {
    const known = this.seen.get(address);
    if (known !== undefined) return known;
    const value = compute();
    this.seen.set(address, value);
    return value;
  }
}

function blockOf(blocks: Blocks, name: string): Block {
  const [block, ...others] = blocks[name] ?? [];
  if (block === undefined || others.length > 0) throw new Error(`there is not exactly one ${name}`);
  return block;
}

/** Fills in what `optional(...)` says in a variable's type. */
async function withDefaults(value: Value, type: string, scope: Scope): Promise<Value> {
  const tree = await treeOf(type);
  if (tree.type !== 'function' || value === null) return value;
  const [inside] = tree.children;
  const innerType = (inside?.meta['value'] ?? '') as string;
  const name = String(tree.meta['name']);
  if (name === 'list')
    return Promise.all((value as readonly Value[]).map((each) => withDefaults(each, innerType, scope)));
  const entries = Object.entries(value as Readonly<Record<string, Value>>);
  if (name === 'map') {
    const filled = entries.map(async ([key, each]) => [key, await withDefaults(each, innerType, scope)]);
    return Object.fromEntries(await Promise.all(filled)) as Value;
  }
  if (name !== 'object') throw new Error(`a type that is not known here: ${type}`);
  const items = Object.entries(inside?.meta['items'] as Readonly<Record<string, string>>);
  const unknown = entries.filter(([key]) => items.every(([item]) => item !== key));
  if (unknown.length > 0) throw new Error(`there is no ${unknown.map(([key]) => key).join(', ')} in ${type}`);
  const filled = items.map(async ([key, itemType]) => {
    const given = (value as Readonly<Record<string, Value | undefined>>)[key];
    return [key, await attribute(given, itemType, scope)];
  });
  return Object.fromEntries(await Promise.all(filled)) as Value;
}

async function attribute(given: Value | undefined, type: string, scope: Scope): Promise<Value> {
  const tree = await treeOf(type);
  const isOptional = tree.type === 'function' && tree.meta['name'] === 'optional';
  if (!isOptional) {
    if (given === undefined) throw new Error(`an attribute of the type ${type} is missing`);
    return withDefaults(given, type, scope);
  }
  const [inner, fallback] = tree.children.map(({ meta }) => String(meta['value']));
  if (given !== undefined && given !== null) return withDefaults(given, inner ?? '', scope);
  return fallback === undefined ? null : evaluate(fallback, scope);
}
