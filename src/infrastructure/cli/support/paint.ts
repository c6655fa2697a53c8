// The colours of what commands print.
import { showsColours, tinted, type Tone } from '../../../adapters/system/terminal-colours.js';

/** The text in the colour of its tone where `stream` shows colours, else as it is. */
export const paint = (tone: Tone, text: string, stream: NodeJS.WriteStream = process.stdout): string =>
  tinted(tone, text, showsColours(stream.isTTY, process.env['NO_COLOR']));
