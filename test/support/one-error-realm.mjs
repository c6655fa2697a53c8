// Jest gives each test file a realm of its own, in which errors that Node itself makes are no `instanceof Error`. The AWS SDK
// asks just that, and would wrap them beyond recognition. Here every native error counts as one, as it does outside Jest.
import { types } from 'node:util';

const inherits = Function.prototype[Symbol.hasInstance];

Object.defineProperty(Error, Symbol.hasInstance, {
  value(candidate) {
    return inherits.call(this, candidate) || (this === Error && types.isNativeError(candidate));
  },
});
