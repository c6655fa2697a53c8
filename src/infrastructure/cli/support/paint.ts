// The colours of what commands print.
import { showsColours, coloured, type Colour } from '../../../adapters/system/terminal-colours.js';

/** The text in the colour of its tone where `stream` shows colours, else as it is. */
export const paint = (tone: Colour, text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  coloured(tone, text, showsColours(stream.isTTY, process.env['NO_COLOR']));
