// The names in a certificate that can stand for a caller: URIs and DNS names in subjectAltName. Node shows them as one line
// of text, which is read strictly, so that a name with a comma in it does not become two.
import type { X509Certificate } from 'node:crypto';

/** Node quotes a value that holds anything by which it could be taken for two; no name of a caller needs that. */
const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** As `uri:spiffe://prod/billing` and `dns:billing.internal`; none when the line is not understood as a whole. */
export function namesIn({ subjectAltName = '' }: Pick<X509Certificate, 'subjectAltName'>): readonly string[] {
  const names: string[] = [];
  entry.lastIndex = 0;
  while (entry.lastIndex < subjectAltName.length) {
    const [, kind, value = ''] = entry.exec(subjectAltName) ?? [];
    if (kind === undefined) return [];
    if (value.startsWith('"')) continue;
    if (kind === 'URI') names.push(`uri:${value}`);
    if (kind === 'DNS') names.push(`dns:${value.toLowerCase()}`);
  }
  return names;
}
