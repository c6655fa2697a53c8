// Declares `rkms completion`.
import { Argument, type Command } from 'commander';
import { shells, type Shell } from '../support/arguments.js';
import { addExamples } from '../support/examples.js';

/** The script is made from the declarations below `program`, so that it knows every command and option. */
export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .description('print a shell completion script')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action(async (shell: Shell) => {
      const { completionScript } = await import('../commands/completion-script.js');
      process.stdout.write(completionScript(program, shell));
    });
  addExamples(command, [
    ['bash, for this session', '. <(rkms completion bash)'],
    [
      'bash, for all later sessions',
      'mkdir -p ~/.local/share/bash-completion/completions && rkms completion bash > ~/.local/share/bash-completion/completions/rkms',
    ],
    ['zsh: in a folder of $fpath, then start a new session', 'rkms completion zsh > _rkms'],
    [
      'fish',
      'mkdir -p ~/.config/fish/completions && rkms completion fish > ~/.config/fish/completions/rkms.fish',
    ],
  ]);
}
