// The project's import rules, checked on source text: which folder may import which, that no imports form a circle, and a
// few things that no source file may contain. Reads the syntax tree, so comments and strings never count as code.
import { posix } from 'node:path';
import ts from 'typescript';
import { circles, grouped, type ImportGraph } from './import-circles.js';

/** One source file; `path` is relative to the project, with `/`, like `src/domain/ids.ts`. */
export interface Source {
  readonly path: string;
  readonly text: string;
}

/** One import, export-from, `import()` or `require()`. */
interface Import {
  readonly specifier: string;
  readonly typeOnly: boolean;
  /** The names that are imported as values; undefined when everything is. */
  readonly values: readonly string[] | undefined;
}

type Ring = 'domain' | 'ports' | 'application' | 'adapters' | 'infrastructure';
const rings: readonly Ring[] = ['domain', 'ports', 'application', 'adapters', 'infrastructure'];

/**
 * Sub-folders in the order in which they may be imported: each may import those above it, never those below. Names in
 * one row do not import each other. The empty name is the ring's own folder.
 */
const subfolders = {
  domain: [[''], ['access'], ['failures'], ['keys', 'regions']],
  application: [['resilience'], ['regions'], ['store'], ['keys'], ['access'], ['maintenance'], ['import']],
} as const satisfies Partial<Record<Ring, readonly (readonly string[])[]>>;

const sharedAdapterFolders = ['aws', 'files', 'system'];
const adaptersOfUseCases = ['http', 'cli'];
const cryptoOfDomain = ['hash', 'timingSafeEqual'];
const forbiddenName = /^(index|utils?|common|helpers?|types?|dtos?)$/;

/** Every broken rule, one sentence each; an empty list when there is none. */
export const violations = (sources: readonly Source[]): readonly string[] => [
  ...sources.flatMap(violationsOf),
  ...importCircles(sources),
];

/** By file, then by folder: files of two folders may form a circle of folders without one of files. */
function importCircles(sources: readonly Source[]): readonly string[] {
  const graph: ImportGraph = new Map(
    sources.map(({ path, text }) => {
      const specifiers = importsIn(allNodes(ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true)));
      const inside = specifiers.filter(({ specifier }) => specifier.startsWith('.'));
      return [path, new Set(inside.map(({ specifier }) => sourceOf(path, specifier)))];
    }),
  );
  return [...circles(graph), ...circles(grouped(graph, (path) => posix.dirname(path)))].map(
    (circle) => `${circle.join(' -> ')}: imports form a circle`,
  );
}

const sourceOf = (path: string, specifier: string): string =>
  posix.join(posix.dirname(path), specifier).replace(/\.js$/, '.ts');

function violationsOf({ path, text }: Source): readonly string[] {
  const file = ts.createSourceFile(path, text, ts.ScriptTarget.Latest, true);
  const nodes = allNodes(file);
  const wrongImports = importsIn(nodes).flatMap((found) => {
    const reason = whyForbidden(path, found);
    return reason === undefined ? [] : [`${path}: imports ${found.specifier}: ${reason}`];
  });
  const wrongs = [
    ...(hasForbiddenName(path) ? ['is named after no thing and no act'] : []),
    ...(startsWithComment(text) ? [] : ['has no header comment']),
    ...(nodes.some(isDefaultExport) ? ['has a default export'] : []),
    ...(ringOf(path) !== 'infrastructure' && nodes.some(readsEnvironment) ? ['reads the environment'] : []),
  ];
  return [...wrongImports, ...wrongs.map((wrong) => `${path}: ${wrong}`)];
}

function whyForbidden(path: string, found: Import): string | undefined {
  const { specifier } = found;
  const ring = ringOf(path);
  if (ring === undefined) return 'the file is in no ring';
  if (specifier === 'inversify' || specifier.startsWith('inversify/'))
    return whyNoInversify(path, ring, found);
  if (/^(node:)?process$/.test(specifier) && ring !== 'infrastructure')
    return 'the environment is for infrastructure';
  return specifier.startsWith('.') ? whyNotInside(path, ring, specifier) : whyNotOutside(ring, found);
}

function whyNoInversify(path: string, ring: Ring, { typeOnly }: Import): string | undefined {
  if (ring === 'infrastructure') return undefined;
  if (path !== 'src/ports/token.ts') return 'inversify is for infrastructure';
  return typeOnly ? undefined : 'inversify enters the ports as a type only';
}

function whyNotInside(path: string, ring: Ring, specifier: string): string | undefined {
  const target = posix.join(posix.dirname(path), specifier);
  const targetRing = ringOf(target);
  if (targetRing === undefined) return 'the target is in no ring';
  const allowed: Readonly<Record<Ring, readonly Ring[]>> = {
    domain: ['domain'],
    ports: ['domain', 'ports'],
    application: ['domain', 'ports', 'application'],
    adapters: ['domain', 'ports', 'adapters', ...(mayUseUseCases(path) ? (['application'] as const) : [])],
    infrastructure: rings,
  };
  if (!allowed[ring].includes(targetRing)) return `${ring} does not know ${targetRing}`;
  if (ring === targetRing && (ring === 'domain' || ring === 'application')) {
    return whyNotSubfolder(ring, subfolderOf(path), subfolderOf(target));
  }
  if (ring !== 'adapters' || targetRing !== 'adapters') return undefined;
  const [own, theirs] = [adapterFolder(path), adapterFolder(target)];
  return own === theirs || sharedAdapterFolders.includes(theirs)
    ? undefined
    : `${own} does not know ${theirs}`;
}

function whyNotSubfolder(ring: 'domain' | 'application', own: string, theirs: string): string | undefined {
  const rows: readonly (readonly string[])[] = subfolders[ring];
  const rowOf = (name: string): number => rows.findIndex((row) => row.includes(name));
  const unknown = [own, theirs].find((name) => rowOf(name) === -1);
  if (unknown !== undefined) return `${ring}/${unknown} has no place in the order of folders`;
  if (own === theirs || rowOf(theirs) < rowOf(own)) return undefined;
  return `${ring}/${own} does not know ${ring}/${theirs}`;
}

function whyNotOutside(ring: Ring, { specifier, values }: Import): string | undefined {
  const packages: Readonly<Record<Ring, readonly string[] | 'any'>> = {
    domain: ['neverthrow', 'node:crypto'],
    ports: ['neverthrow'],
    application: ['lru-cache', 'neverthrow', 'rxjs'],
    adapters: 'any',
    infrastructure: 'any',
  };
  const allowed = packages[ring];
  if (allowed === 'any') return undefined;
  if (!allowed.includes(specifier)) return `${ring} does not use it`;
  const pure = specifier !== 'node:crypto' || values?.every((name) => cryptoOfDomain.includes(name)) === true;
  return pure ? undefined : `domain uses nothing of it but ${cryptoOfDomain.join(' and ')}`;
}

const ringOf = (path: string): Ring | undefined => {
  const [top, ring, ...rest] = path.split('/');
  return top === 'src' && rest.length > 0 ? rings.find((known) => known === ring) : undefined;
};

/** The folder within the ring, `''` for a file directly in it. */
const subfolderOf = (path: string): string => path.split('/').slice(2, -1).join('/');

const adapterFolder = (path: string): string => path.split('/')[2] ?? '';
const mayUseUseCases = (path: string): boolean => adaptersOfUseCases.includes(adapterFolder(path));

const hasForbiddenName = (path: string): boolean =>
  path.split('/').some((part) => forbiddenName.test(part.replace(/\..*$/, '')));

const startsWithComment = (text: string): boolean => /^(#![^\n]*\n)?\/[/*]/.test(text);

function allNodes(root: ts.Node): readonly ts.Node[] {
  const nodes: ts.Node[] = [];
  const visit = (node: ts.Node): void => {
    nodes.push(node);
    ts.forEachChild(node, visit);
  };
  visit(root);
  return nodes;
}

const importsIn = (nodes: readonly ts.Node[]): readonly Import[] =>
  nodes.flatMap((node) => importOf(node) ?? []);

function importOf(node: ts.Node): Import | undefined {
  if (ts.isImportDeclaration(node)) return declaredImport(node);
  if (ts.isExportDeclaration(node) && node.moduleSpecifier) {
    const clause = node.exportClause;
    const values = clause && ts.isNamedExports(clause) ? importedValues(clause.elements) : undefined;
    return {
      specifier: textOf(node.moduleSpecifier),
      typeOnly: node.isTypeOnly || values?.length === 0,
      values,
    };
  }
  if (ts.isImportTypeNode(node) && ts.isLiteralTypeNode(node.argument)) {
    return { specifier: textOf(node.argument.literal), typeOnly: true, values: [] };
  }
  if (ts.isExternalModuleReference(node)) {
    return { specifier: textOf(node.expression), typeOnly: false, values: undefined };
  }
  if (ts.isCallExpression(node) && isImportingCall(node)) {
    const [argument] = node.arguments;
    return { specifier: argument ? textOf(argument) : 'nothing', typeOnly: false, values: undefined };
  }
  return undefined;
}

function declaredImport({ moduleSpecifier, importClause }: ts.ImportDeclaration): Import {
  const specifier = textOf(moduleSpecifier);
  if (importClause?.phaseModifier === ts.SyntaxKind.TypeKeyword)
    return { specifier, typeOnly: true, values: [] };
  const bindings = importClause?.namedBindings;
  const named = bindings && ts.isNamedImports(bindings) ? importedValues(bindings.elements) : undefined;
  const values = importClause?.name === undefined ? named : undefined;
  return { specifier, typeOnly: values?.length === 0, values };
}

const importedValues = (elements: readonly (ts.ImportSpecifier | ts.ExportSpecifier)[]): readonly string[] =>
  elements
    .filter(({ isTypeOnly }) => !isTypeOnly)
    .map(({ name, propertyName }) => (propertyName ?? name).text);

const isImportingCall = ({ expression }: ts.CallExpression): boolean =>
  expression.kind === ts.SyntaxKind.ImportKeyword ||
  (ts.isIdentifier(expression) && expression.text === 'require');

const textOf = (node: ts.Node): string => (ts.isStringLiteralLike(node) ? node.text : node.getText());

const isDefaultExport = (node: ts.Node): boolean =>
  ts.isExportAssignment(node) ||
  (ts.isExportSpecifier(node) && node.name.text === 'default') ||
  (ts.canHaveModifiers(node) &&
    (ts.getModifiers(node)?.some(({ kind }) => kind === ts.SyntaxKind.DefaultKeyword) ?? false));

/** `process.env`, `process['env']` and `{ env } = process`, also by way of `globalThis`. */
function readsEnvironment(node: ts.Node): boolean {
  if (ts.isPropertyAccessExpression(node)) return node.name.text === 'env' && isProcess(node.expression);
  if (ts.isElementAccessExpression(node)) {
    return textOf(node.argumentExpression) === 'env' && isProcess(node.expression);
  }
  if (!ts.isVariableDeclaration(node) || node.initializer === undefined || !isProcess(node.initializer))
    return false;
  return (
    !ts.isObjectBindingPattern(node.name) ||
    node.name.elements.some((element) => sourceName(element) === 'env')
  );
}

const sourceName = ({ propertyName, name }: ts.BindingElement): string => (propertyName ?? name).getText();

const isProcess = (node: ts.Expression): boolean =>
  (ts.isIdentifier(node) && node.text === 'process') ||
  (ts.isPropertyAccessExpression(node) && node.name.text === 'process');
