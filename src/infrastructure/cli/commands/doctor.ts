// `rkms doctor`: checks everything that the service needs, and reports what is wrong and how to fix it. Changes nothing;
// may run beside the service, or where it does not start.
import { diagnose } from '../../doctor/diagnose.js';
import { worstOf } from '../../checks/finding.js';
import { thisMachine } from '../../doctor/machine.js';
import { advised } from '../support/advice.js';
import type { ConfigOption } from '../support/declare.js';
import { jsonReport, reportStyle, textReport } from './doctor-report.js';
import { exitCodes } from '../support/exit-codes.js';

interface DoctorOptions extends ConfigOption {
  readonly limit: number;
  readonly readsOnly?: true;
  readonly json?: true;
}

export async function doctor(options: DoctorOptions): Promise<void> {
  const { stdout } = process;
  const found = await diagnose(
    { config: options.config, limitMs: options.limit * 1_000, readsOnly: options.readsOnly === true },
    thisMachine(),
  );
  const findings = found.map((each) => ('hint' in each ? { ...each, hint: advised(each.hint) } : each));
  const style = reportStyle(stdout.isTTY, process.env['NO_COLOR']);
  stdout.write(options.json ? jsonReport(findings) : textReport(findings, style));
  process.exitCode = { ok: exitCodes.ok, warning: exitCodes.warnings, broken: exitCodes.findings }[
    worstOf(findings)
  ];
}
