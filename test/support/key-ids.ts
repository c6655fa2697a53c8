// Ids of keys at random, each with one of the many spellings that a query may give it.
import fc from 'fast-check';

const alphanumeric = 'ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789';
const anywhere = `${alphanumeric}._:/-@+=`;

type Spelling = 'raw' | 'upper' | 'lower';
const spellings = fc.constantFrom<Spelling>('raw', 'upper', 'lower');

/** A plus is never raw: it could be read as a space. */
function spell(character: string, spelling: Spelling): string {
  if (spelling === 'raw' && character !== '+') return character;
  const hex = character.charCodeAt(0).toString(16).padStart(2, '0');
  return `%${spelling === 'lower' ? hex : hex.toUpperCase()}`;
}

const spelledCharacter = (alphabet: string): fc.Arbitrary<{ character: string; spelled: string }> =>
  fc.tuple(fc.nat({ max: alphabet.length - 1 }), spellings).map(([at, spelling]) => ({
    character: alphabet.charAt(at),
    spelled: spell(alphabet.charAt(at), spelling),
  }));

/** A valid id of any length, and what stands for it in a query. */
export const spelledKeyIds: fc.Arbitrary<{ readonly id: string; readonly spelled: string }> = fc
  .tuple(
    spelledCharacter(alphanumeric),
    fc.array(spelledCharacter(anywhere), { maxLength: 254, size: 'max' }),
  )
  .map(([first, rest]) => {
    const all = [first, ...rest];
    return {
      id: all.map(({ character }) => character).join(''),
      spelled: all.map(({ spelled }) => spelled).join(''),
    };
  });
