// Terminal colours by meaning. Files and pipes get no colours, and neither does anything when NO_COLOR is set.
import { styleText } from 'node:util';

const styles = {
  good: 'green',
  warning: 'yellow',
  bad: 'red',
  heading: 'bold',
  aside: 'dim',
} as const;

export type Colour = keyof typeof styles;

/** https://no-color.org: any value of NO_COLOR except the empty one turns colours off. */
export const showsColours = (isTerminal: boolean, noColor: string | undefined): boolean =>
  isTerminal && (noColor ?? '') === '';

/** The text in the colour of `tone` if `areShown`, otherwise unchanged. */
export const coloured = (tone: Colour, text: string, areShown: boolean): string =>
  areShown && text !== '' ? styleText(styles[tone], text, { validateStream: false }) : text;
