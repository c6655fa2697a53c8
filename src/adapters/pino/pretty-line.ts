// Formats a log line for a terminal: time of day (UTC), level, message, then the fields as name=value. A value can contain
// anything, so it must never start a new line or send an escape sequence to the terminal.
import { coloured, type Colour } from '../system/terminal-colours.js';

/** :: pino's level number -> how it is shown */
const levels: ReadonlyMap<unknown, { readonly name: string; readonly tone: Colour }> = new Map([
  [10, { name: 'TRACE', tone: 'aside' }],
  [20, { name: 'DEBUG', tone: 'aside' }],
  [30, { name: 'INFO ', tone: 'good' }],
  [40, { name: 'WARN ', tone: 'warning' }],
  [50, { name: 'ERROR', tone: 'bad' }],
  [60, { name: 'FATAL', tone: 'bad' }],
]);

/** `json` is one line as pino writes it; with `colours`, the result has ANSI colours. Ends in a line feed. */
export function prettyLine(json: string, colours: boolean): string {
  const { time, level, msg, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const paint = (tone: Colour, text: string): string => coloured(tone, text, colours);
  const { name, tone } = levels.get(level) ?? { name: String(level), tone: 'heading' };
  const clock = typeof time === 'number' ? `${new Date(time).toISOString().slice(11, 23)} ` : '';
  const fields = Object.entries(facts).map(([fact, value]) => `${paint('aside', `${fact}=`)}${shown(value)}`);
  return `${[`${paint('aside', clock)}${paint(tone, name)} ${shown(msg)}`, ...fields].join(' ')}\n`;
}

/** Plain text where it cannot be misread, JSON otherwise. */
function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+,'()-][\w.:/@+,'() -]*$/.test(value)) return value;
  return value === undefined ? 'undefined' : JSON.stringify(value).replace(invisible, escaped);
}

/** Control characters that JSON does not escape, and characters that change the direction of writing. */
const invisible = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
