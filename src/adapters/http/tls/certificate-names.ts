// The names in a certificate that can identify a caller: URIs and DNS names in subjectAltName. Node gives them as one line
// of text. The parser is strict, so that a name with a comma never becomes two names.
import type { X509Certificate } from 'node:crypto';

/** Node quotes a value that contains a separator. Quoted names are ignored: no caller needs them. */
const entry = /([A-Za-z ]+):("(?:[^"\\]|\\.)*"|[^",]*)(?:, |$)/y;

/** As `uri:spiffe://prod/billing` and `dns:billing.internal`; empty if any part of the line cannot be parsed. */
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
