// A log line for people: the time of day, the level, what happened, and the facts as name=value. Whatever a value holds, a
// line stays one line, and nothing in it can move a terminal's cursor.
import { coloured, type Colour } from '../system/terminal-colours.js';

const levels: ReadonlyMap<unknown, { readonly name: string; readonly tone: Colour }> = new Map([
  [10, { name: 'TRACE', tone: 'aside' }],
  [20, { name: 'DEBUG', tone: 'aside' }],
  [30, { name: 'INFO ', tone: 'good' }],
  [40, { name: 'WARN ', tone: 'warning' }],
  [50, { name: 'ERROR', tone: 'bad' }],
  [60, { name: 'FATAL', tone: 'bad' }],
]);

/** Of a line of JSON as pino writes it; `colours` for a terminal that shows them. */
export function prettyLine(json: string, colours: boolean): string {
  const { time, level, msg, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const paint = (tone: Colour, text: string): string => coloured(tone, text, colours);
  const { name, tone } = levels.get(level) ?? { name: String(level), tone: 'heading' };
  const clock = typeof time === 'number' ? `${new Date(time).toISOString().slice(11, 23)} ` : '';
  const told = Object.entries(facts).map(([fact, value]) => `${paint('aside', `${fact}=`)}${shown(value)}`);
  return `${[`${paint('aside', clock)}${paint(tone, name)} ${shown(msg)}`, ...told].join(' ')}\n`;
}

/** As it is where it cannot be misread, as JSON otherwise. */
function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+,'()-][\w.:/@+,'() -]*$/.test(value)) return value;
  return value === undefined ? 'undefined' : JSON.stringify(value).replace(invisible, escaped);
}

/** Control characters that JSON leaves as they are, and those that turn the direction of writing. */
const invisible = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
