// The route that tells what can be asked. It is for everybody, on both listeners: the document is the same for every
// installation and says nothing of this one, and whoever has no token yet reads in it how to send one.
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
