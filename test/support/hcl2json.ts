// HashiCorp's HCL parser as WebAssembly. Its type declarations would add those of browsers to all of our files, so it is loaded by
// a name that the compiler does not resolve.
const packageName = ['@cdktn', 'hcl2json'].join('/');

interface Hcl2Json {
  /** The file as JSON: blocks by type and labels, expressions as `${...}`. */
  readonly parse: (file: string, text: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly getExpressionAst: (file: string, expression: string) => Promise<unknown>;
}

export const { parse, getExpressionAst } = (await import(packageName)) as Hcl2Json;
