// Writes docs/openapi.yaml from the built program, which makes the document from the tables that it answers from.
import { writeFileSync } from 'node:fs';
import { format, resolveConfig } from 'prettier';
import { stringify } from 'yaml';
import { openApiDocument } from '../dist/src/adapters/http/openapi/document.js';

const file = 'docs/openapi.yaml';
const head =
  '# The HTTP interface of RKMS. Made by `npm run openapi` from src/adapters/http/openapi/document.ts: change it there.\n';
const plain = JSON.parse(JSON.stringify(openApiDocument));
const yaml = head + stringify(plain, { aliasDuplicateObjects: false });
writeFileSync(file, await format(yaml, { ...(await resolveConfig(file)), parser: 'yaml' }));
