// Removes secrets from text that is shown to people. No option holds a secret, but people write one there by mistake, and
// what a command prints ends up in terminals, tickets and logs.

const masked = '[redacted]';

/** What looks like a secret, whatever it stands next to. */
const secrets: readonly (readonly [RegExp, string])[] = [
  // Bearer tokens of our own.
  [/\brkms_[\w-]{12}_[\w-]+/g, masked],
  // JWTs.
  [/\beyJ[\w-]{8,}\.[\w-]+\.[\w-]*/g, masked],
  // The password in a URL.
  [/(?<=:\/\/[^/?#\s"@:]*:)[^/?#\s"@]+(?=@)/g, masked],
  // Access keys of AWS: the id is 20 characters, the secret 40 of base64.
  [/\b(AKIA|ASIA)[A-Z0-9]{16}\b/g, masked],
  [
    /(?<![A-Za-z0-9/+=-])(?=[A-Za-z0-9/+]*[A-Z])(?=[A-Za-z0-9/+]*\d)[A-Za-z0-9/+]{40}(?![A-Za-z0-9/+=-])/g,
    masked,
  ],
  // Private keys, up to where they end or the text does.
  [/-----BEGIN [A-Z ]*PRIVATE KEY-----[^]*?(-----END [A-Z ]*PRIVATE KEY-----|$)/g, masked],
];

export const maskSecrets = (text: string): string =>
  secrets.reduce((shown, [secret, instead]) => shown.replaceAll(secret, instead), text);
