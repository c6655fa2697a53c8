// `rkms completion`: prints what a shell needs to complete this program's commands and options. Generated from the command
// line itself, so that nothing can be missing.
import { Argument, type Command } from 'commander';
import { completionScript, shells, type Shell } from './completion-script.js';
import { addExamples } from '../support/examples.js';

export function addCompletion(program: Command): void {
  const command = program
    .command('completion')
    .description('print what a shell needs to complete commands and options')
    .addArgument(new Argument('<shell>', 'the shell').choices(shells))
    .action((shell: Shell) => {
      process.stdout.write(completionScript(program, shell));
    });
  addExamples(command, [
    ['bash, for this session', '. <(rkms completion bash)'],
    [
      'bash, for all that come',
      'mkdir -p ~/.local/share/bash-completion/completions && rkms completion bash > ~/.local/share/bash-completion/completions/rkms',
    ],
    ['zsh: a folder of $fpath, then a new session', 'rkms completion zsh > _rkms'],
    [
      'fish',
      'mkdir -p ~/.config/fish/completions && rkms completion fish > ~/.config/fish/completions/rkms.fish',
    ],
  ]);
}
