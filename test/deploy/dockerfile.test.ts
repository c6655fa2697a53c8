// Checks the Dockerfile without a container engine: its syntax with a linter, its content with our own rules, and the health
// check by running it. The build steps were run by hand (docs/deploy.md).
import { spawn, spawnSync } from 'node:child_process';
import { existsSync, readFileSync } from 'node:fs';
import { createServer } from 'node:http';
import type { AddressInfo } from 'node:net';
import { describe, expect, it } from '@jest/globals';
import { DockerfileParser, type Copy, type From } from 'dockerfile-ast';
import { validate } from 'dockerfile-utils';

const text = readFileSync('Dockerfile', 'utf8');
const dockerfile = DockerfileParser.parse(text);
const instructions = dockerfile.getInstructions().map((instruction) => ({
  keyword: instruction.getKeyword(),
  args: instruction.getRawArgumentsContent() ?? '',
}));
const of = (keyword: string): readonly string[] =>
  instructions.filter((each) => each.keyword === keyword).map(({ args }) => args);
/** Instructions of the last stage, which is the image. */
const inImage = (keyword: string): readonly string[] => {
  const last = instructions.findLastIndex((each) => each.keyword === 'FROM');
  return instructions
    .slice(last)
    .filter((each) => each.keyword === keyword)
    .map(({ args }) => args);
};
const exec = (args: string): readonly string[] => JSON.parse(args.slice(args.indexOf('['))) as string[];

describe('the Dockerfile', () => {
  it('passes the linter', () => {
    expect(validate(text)).toEqual([]);
  });

  it('makes an image without a shell and runs nothing in it during the build', () => {
    const [image] = inImage('FROM');
    expect(image).toMatch(/^gcr\.io\/distroless\/nodejs24-debian12:nonroot$/);
    expect([...inImage('RUN'), ...inImage('SHELL'), ...inImage('ADD')]).toEqual([]);
  });

  it('starts RKMS as process 1, not as root, with the flags of make run', () => {
    const [, hardened = ''] = /^hardened := (.*)$/m.exec(readFileSync('Makefile', 'utf8')) ?? [];
    const [entry = ''] = inImage('ENTRYPOINT');
    expect(exec(entry)).toEqual([
      '/nodejs/bin/node',
      ...hardened.split(' '),
      '/rkms/dist/src/infrastructure/main.js',
    ]);
    expect(inImage('CMD').map(exec)).toEqual([['serve']]);
    expect(inImage('USER')).toEqual(['65532:65532']);
    expect(inImage('STOPSIGNAL')).toEqual(['SIGTERM']);
  });

  it('runs no command through a shell and no install script of a package', () => {
    for (const run of of('RUN')) {
      const [program, first] = exec(run);
      expect(['npm', 'node']).toContain(program);
      if (program === 'npm') expect([first, exec(run).includes('--ignore-scripts')]).toEqual(['ci', true]);
    }
  });

  it('copies only production packages into the image', () => {
    const copies = dockerfile.getInstructions().filter((each): each is Copy => each.getKeyword() === 'COPY');
    const packages = copies
      .filter((copy) => copy.getArguments().some((arg) => arg.getValue().includes('node_modules')))
      .map((copy) => copy.getFromFlag()?.getValue());
    expect(packages).toEqual(['packages']);
    const stages = dockerfile
      .getInstructions()
      .filter((each): each is From => each.getKeyword() === 'FROM')
      .map((from) => from.getBuildStage());
    expect(stages).toEqual(['packages', 'program', null]);
    expect(of('RUN')[0]).toContain('--omit=dev');
  });

  it('copies only files that exist and that .dockerignore admits', () => {
    const kept = readFileSync('.dockerignore', 'utf8').split('\n');
    const sources = dockerfile
      .getInstructions()
      .filter((each): each is Copy => each.getKeyword() === 'COPY')
      .filter((copy) => copy.getFromFlag() === null)
      .flatMap((copy) => copy.getArguments().slice(0, -1))
      .map((arg) => arg.getValue().replace('./', ''));
    expect(sources.length).toBeGreaterThan(8);
    expect(sources.filter((source) => !existsSync(source))).toEqual([]);
    const allowed = kept.filter((line) => line.startsWith('!')).map((line) => line.slice(1));
    const isAllowed = (source: string): boolean =>
      allowed.includes(source) || allowed.includes(source.split('/').slice(0, 2).join('/'));
    expect(sources.filter((source) => !isAllowed(source))).toEqual([]);
    expect(kept).toContain('*');
  });

  it('sets a configuration file, without which RKMS does not start', () => {
    expect(inImage('ENV')).toEqual(['NODE_ENV=production', 'RKMS_CONFIG=/etc/rkms/rkms.toml']);
  });

  it('has a health check that needs no shell', () => {
    const [check = ''] = inImage('HEALTHCHECK');
    expect(exec(check)).toEqual(['/nodejs/bin/node', '/rkms/health-check.mjs']);
  });
});

describe('the health check', () => {
  const checked = async (status: number): Promise<number | null> => {
    const server = createServer((_, response) => response.writeHead(status).end());
    await new Promise<void>((resolve) => server.listen(0, '127.0.0.1', resolve));
    const { port } = server.address() as AddressInfo;
    const result = await run(`http://127.0.0.1:${port}/livez`);
    await new Promise((resolve) => server.close(resolve));
    return result;
  };

  it('succeeds only when RKMS answers 200', async () => {
    expect([await checked(200), await checked(503)]).toEqual([0, 1]);
  });

  it('fails when nothing answers, and calls no other machine', async () => {
    expect(await run('http://127.0.0.1:1/livez')).toBe(1);
    expect(await run('http://192.0.2.1/livez')).toBe(1);
  });
});

function run(url: string): Promise<number | null> {
  const child = spawn(process.execPath, ['deploy/image/health-check.mjs'], {
    env: { RKMS_HEALTH_URL: url },
    stdio: 'ignore',
  });
  return new Promise((resolve) => child.once('close', resolve));
}

it('make image says what it needs when there is no container engine', () => {
  const { status, stderr } = spawnSync('make', ['image'], {
    encoding: 'utf8',
    env: { PATH: '/usr/bin:/bin', DOCKER_HOST: 'unix:///nowhere' },
  });
  expect(status).toBe(2);
  expect(stderr).toContain('make image needs Docker or Podman with its engine running');
});
