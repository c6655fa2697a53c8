// A log line for people: the time of day, the level, what happened, and the facts as name=value. Whatever a value holds, a
// line stays one line, and nothing in it can move a terminal's cursor.

const levels: ReadonlyMap<unknown, { readonly name: string; readonly colour: number }> = new Map([
  [10, { name: 'TRACE', colour: 90 }],
  [20, { name: 'DEBUG', colour: 90 }],
  [30, { name: 'INFO ', colour: 32 }],
  [40, { name: 'WARN ', colour: 33 }],
  [50, { name: 'ERROR', colour: 31 }],
  [60, { name: 'FATAL', colour: 31 }],
]);

/** Of a line of JSON as pino writes it; `colours` for a terminal that shows them. */
export function prettyLine(json: string, colours: boolean): string {
  const { time, level, msg, ...facts } = JSON.parse(json) as Record<string, unknown>;
  const paint = (code: number, text: string): string => (colours ? `\u001b[${code}m${text}\u001b[0m` : text);
  const { name, colour } = levels.get(level) ?? { name: String(level), colour: 0 };
  const clock = typeof time === 'number' ? `${new Date(time).toISOString().slice(11, 23)} ` : '';
  const told = Object.entries(facts).map(([fact, value]) => `${paint(90, `${fact}=`)}${shown(value)}`);
  return `${[`${paint(90, clock)}${paint(colour, name)} ${shown(msg)}`, ...told].join(' ')}\n`;
}

/** As it is where it cannot be misread, as JSON otherwise. */
function shown(value: unknown): string {
  if (typeof value === 'string' && /^[\w.:/@+,'()-][\w.:/@+,'() -]*$/.test(value)) return value;
  return value === undefined ? 'undefined' : JSON.stringify(value).replace(invisible, escaped);
}

/** Control characters that JSON leaves as they are, and those that turn the direction of writing. */
const invisible = /[\u007f-\u009f\u200e\u200f\u2028-\u202e\u2066-\u2069]/g;

const escaped = (character: string): string => `\\u${character.charCodeAt(0).toString(16).padStart(4, '0')}`;
