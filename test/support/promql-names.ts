// Which metrics and labels a PromQL expression asks for, read with Prometheus' own grammar. It needs no tool, so that the names in
// alerts and dashboard are checked in every test run; what an expression means is for promtool to say.
import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';

/** A label is asked for of all metrics that its part of the expression selects. */
export interface AskedLabel {
  readonly label: string;
  readonly metrics: readonly string[];
}

export interface PromqlNames {
  readonly metrics: readonly string[];
  readonly labels: readonly AskedLabel[];
}

/** Fails where the text is not PromQL. */
export function promqlNames(text: string): PromqlNames {
  const root = parser.parse(text).topNode;
  const of = ({ from, to }: SyntaxNode): string => text.slice(from, to);
  const nodes = allNodes(root);
  const [wrong] = nodes.filter(({ type }) => type.isError);
  if (wrong !== undefined) throw new Error(`not PromQL at ${wrong.from}: ${text}`);
  const metricsIn = (node: SyntaxNode): readonly string[] =>
    allNodes(node).flatMap(({ name, firstChild }) =>
      name === 'VectorSelector' && firstChild?.name === 'Identifier' ? [of(firstChild)] : [],
    );
  const labels = nodes.flatMap((node) => {
    const part = node.name === 'LabelName' ? enclosing(node) : undefined;
    return part === undefined ? [] : [{ label: of(node), metrics: metricsIn(part) }];
  });
  return { metrics: metricsIn(root), labels };
}

function allNodes(root: SyntaxNode): readonly SyntaxNode[] {
  const nodes: SyntaxNode[] = [];
  root.cursor().iterate(({ node }) => {
    nodes.push(node);
  });
  return nodes;
}

/** The selector, aggregation or operation that a label belongs to. */
function enclosing(node: SyntaxNode): SyntaxNode | undefined {
  const parts = ['VectorSelector', 'AggregateExpr', 'BinaryExpr'];
  for (let at = node.parent; at !== null; at = at.parent) if (parts.includes(at.name)) return at;
  throw new Error(`a label outside of any expression: ${node.name}`);
}
