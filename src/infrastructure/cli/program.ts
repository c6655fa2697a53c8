// The command line as a whole: which commands there are, in the order in which help lists them, and how mistakes are reported.
// Only the command that runs is loaded: `rkms --help` and `rkms token list` must not wait for an HTTP server or an AWS SDK.
import { Command } from 'commander';
import { allCommands } from './support/command-tree.js';
import { addExamples, type Example } from './support/examples.js';

interface CommandEntry {
  readonly name: string;
  readonly summary: string;
  /** Loads the command's own file and adds its options, its examples and what it does. */
  readonly load: () => Promise<(command: Command) => void>;
}

/** A command with commands below it, as `keys`. */
interface GroupEntry {
  readonly name: string;
  readonly summary: string;
  readonly commands: readonly CommandEntry[];
  readonly examples: readonly Example[];
}

const keys: GroupEntry = {
  name: 'keys',
  summary: 'list keys, show one, or print one',
  examples: [['the ids in the store', 'rkms keys list']],
  commands: [
    {
      name: 'list',
      summary: 'list the ids in the store and how many copies each has; never prints a key',
      load: async () => (await import('./commands/keys-list.js')).addKeysList,
    },
    {
      name: 'show',
      summary: 'show what the store holds for one id; never prints the key',
      load: async () => (await import('./commands/keys-show.js')).addKeysShow,
    },
    {
      name: 'get',
      summary: 'print one existing key; writes an audit entry',
      load: async () => (await import('./commands/keys-get.js')).addKeysGet,
    },
  ],
};

const config: GroupEntry = {
  name: 'config',
  summary: 'check the configuration, or show the effective one',
  examples: [['all problems, with their lines', 'rkms config check --config aws.toml']],
  commands: [
    {
      name: 'check',
      summary: 'report every problem of the configuration, with its line',
      load: async () => (await import('./commands/config-check.js')).addConfigCheck,
    },
    {
      name: 'show',
      summary: 'show the effective configuration and where each value comes from',
      load: async () => (await import('./commands/config-show.js')).addConfigShow,
    },
  ],
};

const audit: GroupEntry = {
  name: 'audit',
  summary: 'check the integrity of the audit log',
  examples: [['check the log against its hash chain', 'rkms audit verify']],
  commands: [
    {
      name: 'verify',
      summary: 'check that the audit log is unchanged and complete',
      load: async () => (await import('./commands/audit-verify.js')).addAuditVerify,
    },
  ],
};

const token: GroupEntry = {
  name: 'token',
  summary: 'create, list and revoke the bearer tokens of callers',
  examples: [['all tokens', 'rkms token list']],
  commands: [
    {
      name: 'create',
      summary: 'create a token and print it once',
      load: async () => (await import('./commands/token-create.js')).addTokenCreate,
    },
    {
      name: 'list',
      summary: 'list the tokens: public id, caller, permissions and state; never a secret',
      load: async () => (await import('./commands/token-list.js')).addTokenList,
    },
    {
      name: 'revoke',
      summary: 'revoke a token for good',
      load: async () => (await import('./commands/token-revoke.js')).addTokenRevoke,
    },
  ],
};

const access: GroupEntry = {
  name: 'access',
  summary: 'explain what a caller may do, and which rule decides',
  examples: [['may billing read this key?', 'rkms access explain --caller billing --id billing/42']],
  commands: [
    {
      name: 'explain',
      summary: 'explain what a caller may do with an id, and which rule decides',
      load: async () => (await import('./commands/access-explain.js')).addAccessExplain,
    },
  ],
};

/** Every command, by the headings of the help. */
const headings: readonly (readonly [string, readonly (CommandEntry | GroupEntry)[]])[] = [
  [
    'Run the service:',
    [
      {
        name: 'serve',
        summary: 'serve keys over HTTP until a signal stops it',
        load: async () => (await import('./commands/serve.js')).addServe,
      },
      {
        name: 'init',
        summary: 'create the genesis record of the deployment in a new, empty store',
        load: async () => (await import('./commands/init.js')).addInit,
      },
    ],
  ],
  [
    'Configure and diagnose:',
    [
      {
        name: 'doctor',
        summary: 'check everything the service needs; report what is wrong and how to fix it',
        load: async () => (await import('./commands/doctor.js')).addDoctor,
      },
      config,
      audit,
    ],
  ],
  [
    'Keys:',
    [
      keys,
      {
        name: 'verify',
        summary: 'open every copy of every key and report what is missing or damaged',
        load: async () => (await import('./commands/verify.js')).addVerify,
      },
      {
        name: 'repair',
        summary: 'give every key a good copy in every configured region',
        load: async () => (await import('./commands/repair.js')).addRepair,
      },
      {
        name: 'import',
        summary: 'import the keys of the Go original from its DynamoDB table',
        load: async () => (await import('./commands/import.js')).addImport,
      },
    ],
  ],
  ['Callers:', [token, access]],
  [
    'This program:',
    [
      {
        name: 'completion',
        summary: 'print a shell completion script',
        load: async () => {
          const { addCompletion } = await import('./commands/completion.js');
          return (command) => {
            addCompletion(command, () => createProgram('', 'all'));
          };
        },
      },
    ],
  ],
];

/**
 * `rkms`, ready to parse. Of the commands only that of `args`, the words after `rkms`, is loaded; `all` loads every one.
 * Mistakes in the arguments are reported on stderr and thrown as a CommanderError.
 */
export async function createProgram(version: string, args: readonly string[] | 'all'): Promise<Command> {
  const program = newProgram(version);
  const wanted = args === 'all' ? args : args.filter((word) => !word.startsWith('-') && word !== 'help');
  for (const [heading, entries] of headings) {
    program.commandsGroup(heading);
    for (const entry of entries) await addEntry(program, entry, wanted);
  }
  program.helpCommand('help [command]', 'explain a command');
  for (const { command, path } of allCommands(program)) {
    if (command !== program) command.helpCommand(false);
    command.showHelpAfterError(`  ${path} --help explains how to use it`);
  }
  return program;
}

async function addEntry(
  parent: Command,
  entry: CommandEntry | GroupEntry,
  wanted: readonly string[] | 'all',
): Promise<void> {
  const command = parent.command(entry.name).description(entry.summary);
  const isWanted = wanted === 'all' || wanted[0] === entry.name;
  if ('commands' in entry) {
    const below = wanted === 'all' ? wanted : isWanted ? wanted.slice(1) : [];
    for (const each of entry.commands) await addEntry(command, each, below);
    addExamples(command, entry.examples);
  } else if (isWanted) {
    (await entry.load())(command);
  }
}

function newProgram(version: string): Command {
  const program = new Command('rkms')
    .description('Reliable Key Management Service: data keys that any one of several regions can open')
    .usage('<command> [options]')
    .version(version, '-V, --version', 'print the version')
    .helpOption('-h, --help', 'print this help')
    .configureHelp({ showGlobalOptions: false })
    .configureOutput({
      outputError: (text, write) => {
        write(text.replace(/^error: /, 'rkms: '));
      },
    })
    .enablePositionalOptions()
    .exitOverride();
  addExamples(program, [
    ['serve keys on this machine, to try RKMS', 'rkms serve'],
    ['find out what is wrong and how to fix it', 'rkms doctor --config aws.toml'],
    ['check a configuration', 'rkms config check --config aws.toml'],
    ['explain a command, with examples', 'rkms verify --help'],
  ]);
  return program.addHelpText(
    'after',
    '\nExit codes: 0 success, 1 refused or failed, 2 findings, 3 interrupted, 4 warnings only, 64 wrong usage.',
  );
}
