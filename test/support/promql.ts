// PromQL as far as the dashboard and the alerts use it: the text becomes a tree that says which metrics and labels it asks
// for. The grammar is Prometheus' own; what this does not know is an error, so that nothing is passed over.
import { parser } from '@prometheus-io/lezer-promql';
import type { SyntaxNode } from '@lezer/common';

export interface Matcher {
  readonly label: string;
  readonly op: '=' | '!=' | '=~' | '!~';
  readonly value: string;
}

export type Expr =
  | { readonly kind: 'number'; readonly value: number }
  | {
      readonly kind: 'select';
      readonly metric: string;
      readonly matchers: readonly Matcher[];
      /** Present for a range. */
      readonly rangeMs?: number;
    }
  | {
      readonly kind: 'aggregate';
      readonly op: string;
      readonly grouping: Grouping;
      readonly args: readonly Expr[];
    }
  | { readonly kind: 'call'; readonly name: string; readonly args: readonly Expr[] }
  | {
      readonly kind: 'binary';
      readonly op: string;
      readonly matching: Grouping | undefined;
      readonly left: Expr;
      readonly right: Expr;
    };

/** `by` or `on` keep the labels; `without` or `ignoring` drop them. */
export interface Grouping {
  readonly keeps: boolean;
  readonly labels: readonly string[];
}

/** Fails with what is wrong with the text, or with what of it is not known here. */
export function parsePromql(text: string): Expr {
  const tree = parser.parse(text);
  tree.iterate({
    enter: ({ type, from }) => {
      if (type.isError) throw new Error(`no PromQL at ${from}: ${text}`);
    },
  });
  const root = tree.topNode.firstChild;
  if (root === null) throw new Error(`no PromQL: ${text}`);
  return new Reader(text).expr(root);
}

/** All parts of the tree, the whole first. */
export function allParts(expr: Expr): readonly Expr[] {
  switch (expr.kind) {
    case 'number':
    case 'select':
      return [expr];
    case 'aggregate':
    case 'call':
      return [expr, ...expr.args.flatMap(allParts)];
    case 'binary':
      return [expr, ...allParts(expr.left), ...allParts(expr.right)];
  }
}

const unitsMs: Readonly<Record<string, number>> = { s: 1_000, m: 60_000, h: 3_600_000, d: 86_400_000 };

class Reader {
  constructor(private readonly text: string) {}

  expr(node: SyntaxNode): Expr {
    switch (node.name) {
      case 'NumberDurationLiteral':
        return { kind: 'number', value: this.number(node) };
      case 'ParenExpr':
        return this.expr(this.child(node, 'Expr'));
      case 'VectorSelector':
        return this.selector(node);
      case 'MatrixSelector': {
        const [of, range] = [this.expr(this.child(node, 'Expr')), /\[(.*)\]$/.exec(this.of(node))?.[1] ?? ''];
        if (of.kind !== 'select') throw new Error(`a range of ${of.kind}: ${this.text}`);
        return { ...of, rangeMs: durationMs(range) };
      }
      case 'AggregateExpr':
        return this.aggregate(node);
      case 'FunctionCall':
        return {
          kind: 'call',
          name: this.of(this.child(node, 'FunctionIdentifier')),
          args: this.args(node),
        };
      case 'BinaryExpr':
        return this.binary(node);
      default:
        throw new Error(`${node.name} is not known here: ${this.text}`);
    }
  }

  private number(node: SyntaxNode): number {
    const text = this.of(node);
    return /[a-z]$/.test(text) ? durationMs(text) / 1_000 : Number(text);
  }

  private selector(node: SyntaxNode): Expr {
    const matchers = node.getChild('LabelMatchers');
    return {
      kind: 'select',
      metric: this.of(this.child(node, 'Identifier')),
      matchers: (matchers?.getChildren('UnquotedLabelMatcher') ?? []).map((matcher) => ({
        label: this.of(this.child(matcher, 'LabelName')),
        op: this.of(this.child(matcher, 'MatchOp')) as Matcher['op'],
        value: JSON.parse(this.of(this.child(matcher, 'StringLiteral'))) as string,
      })),
    };
  }

  private aggregate(node: SyntaxNode): Expr {
    const modifier = node.getChild('AggregateModifier');
    const grouping = modifier ? this.grouping(modifier, 'By') : { keeps: true, labels: [] };
    return {
      kind: 'aggregate',
      op: this.of(this.child(node, 'AggregateOp')),
      grouping,
      args: this.args(node),
    };
  }

  private binary(node: SyntaxNode): Expr {
    const [left, right] = node.getChildren('Expr');
    if (!left || !right) throw new Error(`half an expression: ${this.text}`);
    const clause = node.getChild('MatchingModifierClause');
    if (clause?.getChild('GroupLeft') ?? clause?.getChild('GroupRight')) {
      throw new Error(`group_left is not known here: ${this.text}`);
    }
    return {
      kind: 'binary',
      op: this.of(left.nextSibling ?? node),
      matching: clause ? this.grouping(clause, 'On') : undefined,
      left: this.expr(left),
      right: this.expr(right),
    };
  }

  private grouping(modifier: SyntaxNode, keeping: 'By' | 'On'): Grouping {
    const labels = this.child(modifier, 'GroupingLabels').getChildren('LabelName');
    return { keeps: modifier.getChild(keeping) !== null, labels: labels.map((label) => this.of(label)) };
  }

  private args(node: SyntaxNode): readonly Expr[] {
    return this.child(node, 'FunctionCallBody')
      .getChildren('Expr')
      .map((arg) => this.expr(arg));
  }

  private child(node: SyntaxNode, type: string): SyntaxNode {
    const found = node.getChild(type);
    if (found === null) throw new Error(`${node.name} without ${type}: ${this.text}`);
    return found;
  }

  private of({ from, to }: SyntaxNode): string {
    return this.text.slice(from, to);
  }
}

function durationMs(text: string): number {
  const [, count, unit = ''] = /^(\d+)([smhd])$/.exec(text) ?? [];
  const unitMs = unitsMs[unit];
  if (unitMs === undefined) throw new Error(`no duration: ${text}`);
  return Number(count) * unitMs;
}
