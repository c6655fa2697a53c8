// `rkms completion`: prints a shell's completion script for all commands and options. It is generated from the command line
// itself, so that nothing can be missing.
import { Argument, type Command } from 'commander';
import { completionScript, shells, type Shell } from './completion-script.js';
import { addExamples } from '../support/examples.js';

export function addCompletion(command: Command, wholeProgram: () => Promise<Command>): void {
  command.addArgument(new Argument('<shell>', 'the shell').choices(shells)).action(async (shell: Shell) => {
    process.stdout.write(completionScript(await wholeProgram(), shell));
  });
  addExamples(command, [
    ['bash, for this session', '. <(rkms completion bash)'],
    [
      'bash, for all later sessions',
      'mkdir -p ~/.local/share/bash-completion/completions && rkms completion bash > ~/.local/share/bash-completion/completions/rkms',
    ],
    ['zsh: a folder of $fpath, then a new session', 'rkms completion zsh > _rkms'],
    [
      'fish',
      'mkdir -p ~/.config/fish/completions && rkms completion fish > ~/.config/fish/completions/rkms.fish',
    ],
  ]);
}
