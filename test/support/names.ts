// Names for tests, through the real parsers: a name that breaks the grammar is a mistake in the test and throws.
import {
  parseCallerId,
  parseDeployment,
  parseKeyId,
  parseKeyVersion,
  parseRegion,
  type CallerId,
  type Deployment,
  type KeyId,
  type KeyVersion,
  type Region,
} from '../../src/domain/ids.js';

export const keyId = (text: string): KeyId => parseKeyId(text)._unsafeUnwrap();
export const keyVersion = (value: number): KeyVersion => parseKeyVersion(value)._unsafeUnwrap();
export const region = (text: string): Region => parseRegion(text)._unsafeUnwrap();
export const callerId = (text: string): CallerId => parseCallerId(text)._unsafeUnwrap();
export const deployment = (text: string): Deployment => parseDeployment(text)._unsafeUnwrap();
