// `rkms doctor`: looks at all that the service needs, and says what is wrong and what to do. Changes nothing, and may run
// beside the service or where it does not start.
import { InvalidArgumentError, type Command } from 'commander';
import { diagnose } from '../../doctor/diagnose.js';
import { worstOf } from '../../doctor/finding.js';
import { thisMachine } from '../../doctor/machine.js';
import { withConfigOption, type ConfigOption } from '../support/command-config.js';
import { jsonReport, reportStyle, textReport } from './doctor-report.js';
import { addExamples } from '../support/examples.js';
import { exitCodes } from '../support/exit-codes.js';

interface DoctorOptions extends ConfigOption {
  readonly limit: number;
  readonly readsOnly?: true;
  readonly json?: true;
}

const help = `
Looks at the configuration, the environment, credentials and clock, every region with its KMS key and each permission, the
store, the audit log, TLS files, tokens and issuers. Changes nothing; may run beside the service. Run it as the service's user.

Ends with 0 when all is well, with 4 when there are warnings only, with 2 when something is broken.
`;

export function addDoctor(command: Command): void {
  withConfigOption(command)
    .option('--limit <seconds>', 'how long one region, or one issuer, may take', secondsOf, 5)
    .option('--reads-only', 'this process is to read keys and to make none: do not ask for more rights')
    .option('--json', 'print JSON instead of a table')
    .addHelpText('after', help)
    .action(examine);
  addExamples(command, [
    ['what is wrong with a deployment, and what to do', 'rkms doctor --config aws.toml'],
    ['for programs; ends with 2 if anything is broken', 'rkms doctor --config aws.toml --json'],
    ['in a hurry', 'rkms doctor --limit 2'],
  ]);
}

async function examine(options: DoctorOptions): Promise<void> {
  const { stdout } = process;
  const findings = await diagnose(
    { config: options.config, limitMs: options.limit * 1_000, readsOnly: options.readsOnly === true },
    thisMachine(),
  );
  const style = reportStyle(stdout.isTTY, process.env['NO_COLOR']);
  stdout.write(options.json ? jsonReport(findings) : textReport(findings, style));
  process.exitCode = { ok: exitCodes.ok, warning: exitCodes.warnings, broken: exitCodes.findings }[
    worstOf(findings)
  ];
}

function secondsOf(text: string): number {
  const seconds = /^\d{1,2}(\.\d)?$/.test(text) ? Number(text) : 0;
  if (seconds >= 0.1 && seconds <= 60) return seconds;
  throw new InvalidArgumentError('Expected a number of seconds from 0.1 to 60.');
}
