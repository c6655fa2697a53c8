// The colours of what commands print.
import { showsColours, coloured, type Colour } from '../../../adapters/system/terminal-colours.js';

/** The text in colour if `stream` is a terminal that shows colours, else unchanged. */
export const paint = (tone: Colour, text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  coloured(tone, text, showsColours(stream.isTTY, process.env['NO_COLOR']));
