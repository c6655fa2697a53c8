// HashiCorp's own parser of HCL, as WebAssembly. Its type declarations would bring those of browsers into every file of ours:
// that is why it is loaded by a name that the compiler does not follow.
const packageName = ['@cdktn', 'hcl2json'].join('/');

interface Hcl2Json {
  /** The file as JSON: blocks by type and labels, expressions as `${...}`. */
  readonly parse: (file: string, text: string) => Promise<Readonly<Record<string, unknown>>>;
  readonly getExpressionAst: (file: string, expression: string) => Promise<unknown>;
}

export const { parse, getExpressionAst } = (await import(packageName)) as Hcl2Json;
