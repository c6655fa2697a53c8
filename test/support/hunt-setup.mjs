// Jest's globalSetup: all that the tests of this run print or write is put aside, to be searched at the end.
import { registerHooks } from 'node:module';

// Jest loads this file without its transformers; Node reads TypeScript itself, but looks for the names as they are written.
registerHooks({
  resolve(specifier, context, next) {
    const isOurs = specifier.startsWith('./') && context.parentURL?.endsWith('.ts');
    return next(isOurs ? specifier.replace(/\.js$/, '.ts') : specifier, context);
  },
});

export default async () => {
  const { beginHunt, tellPrinted } = await import('./hunted-run.ts');
  beginHunt();
  tellPrinted('standard output of the test run', process.stdout);
  tellPrinted('standard error of the test run', process.stderr);
};
