// The route of the OpenAPI document, public on both listeners. The document is the same for every installation and must
// never say anything about this one.
import { answerJsonText } from '../server/answers.js';
import { openApiJson } from './document.js';
import type { Route } from '../server/dispatch.js';

export const interfaceRoute: Route = {
  path: '/openapi.json',
  method: 'GET',
  access: 'public',
  handle: (ctx) => {
    answerJsonText(ctx, openApiJson);
  },
};
