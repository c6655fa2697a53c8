// The program: assembles the command line and runs the command that was asked for. What a command does is in
// commands/, one file each; this is where a StartRefused becomes a line on stderr and an exit code.
import { Command } from 'commander';
import { readFileSync } from 'node:fs';
import { StartRefused } from '../ports/start-refused.js';
import { addAuditVerify } from './commands/audit-verify.js';
import { exitCodes } from './commands/exit-codes.js';
import { addImport } from './commands/import.js';
import { addInit } from './commands/init.js';
import { addRepair } from './commands/repair.js';
import { addServe } from './commands/serve.js';
import { addAccessExplain } from './commands/access-explain.js';
import { addTokenCreate } from './commands/token-create.js';
import { addTokenList } from './commands/token-list.js';
import { addTokenRevoke } from './commands/token-revoke.js';
import { addVerify } from './commands/verify.js';

const { version } = JSON.parse(readFileSync(new URL('../../../package.json', import.meta.url), 'utf8')) as {
  version: string;
};

const program = new Command('rkms')
  .description('Reliable Key Management Service: data keys that any one of several regions can open')
  .version(version)
  .showHelpAfterError();

addServe(program);
addInit(program);
addVerify(program);
addRepair(program);
addImport(program);
const tokens = program.command('token').description('bearer tokens of callers');
addTokenCreate(tokens);
addTokenList(tokens);
addTokenRevoke(tokens);
addAccessExplain(program.command('access').description('what callers may do'));
addAuditVerify(program.command('audit').description('the audit log'));

try {
  await program.parseAsync();
} catch (cause) {
  if (!(cause instanceof StartRefused)) throw cause;
  process.stderr.write(`rkms: ${cause.message}\n${cause.hint && `  ${cause.hint}\n`}`);
  process.exit(exitCodes.failed);
}
