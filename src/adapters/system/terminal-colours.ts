// Colours by what they say, for people at a terminal that has them: none into files and pipes, none with NO_COLOR.
import { styleText } from 'node:util';

const styles = {
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  heading: 'bold',
  aside: 'dim',
} as const;

export type Colour = keyof typeof styles;

/** https://no-color.org: any value of NO_COLOR but the empty one asks for none. */
export const showsColours = (isTerminal: boolean, noColor: string | undefined): boolean =>
  isTerminal && (noColor ?? '') === '';

/** The text in the colour of its tone where colours are shown, else as it is. */
export const coloured = (tone: Colour, text: string, areShown: boolean): string =>
  areShown && text !== '' ? styleText(styles[tone], text, { validateStream: false }) : text;
