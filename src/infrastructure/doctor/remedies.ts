// Turns failures of AWS into the texts of findings: what was found, and what to do. One sentence each; of an error
// only its name or code, never its message.
import { codeOf } from '../../adapters/files/private-files.js';
import type {
  MisconfigurationReason,
  OutageReason,
  VaultFailure,
} from '../../domain/failures/region-failures.js';
import type { StoreWriteFailure } from '../../domain/failures/store-failures.js';

export interface Words {
  readonly found: string;
  readonly hint: string;
}

/** What was called, for the commands in the hints. */
export interface CalledKey {
  readonly region: string;
  readonly kmsKey: string;
  /** As `kms:Decrypt`. */
  readonly permission: string;
  readonly limitMs: number;
}

/** The name of an error, as `(AccessDeniedException)`; nothing where it has none. */
export function causeOf(failure: { readonly cause?: unknown }): string {
  const { cause } = failure;
  if (cause instanceof Error) return ` (${'code' in cause ? codeOf(cause) : cause.name})`;
  return typeof cause === 'string' ? ` (${cause})` : '';
}

const outages: Readonly<Record<OutageReason, Words>> = {
  dns: {
    found: 'its name cannot be resolved',
    hint: 'check the DNS of this machine, and the name of the region',
  },
  refused: {
    found: 'the connection is refused',
    hint: 'check the endpoint, and any proxy or firewall on the way',
  },
  reset: {
    found: 'the connection is cut',
    hint: 'check the firewall, the endpoint policy and any proxy on the way',
  },
  unreachable: {
    found: 'it is unreachable',
    hint: 'check routes, NAT and VPC endpoints of this machine',
  },
  'timed-out': {
    found: 'it does not answer',
    hint: 'check firewall and routes; see the AWS Health Dashboard',
  },
  'hedge-lost': { found: 'it is slower than the others', hint: 'see the AWS Health Dashboard' },
  ejected: { found: 'it was not called', hint: 'run the doctor again' },
  'server-error': {
    found: 'it answers with errors of its own',
    hint: 'see the AWS Health Dashboard; wait for AWS',
  },
  'key-unavailable': {
    found: 'the KMS key is unavailable for now',
    hint: 'see the AWS Health Dashboard; wait for AWS',
  },
  unintelligible: {
    found: 'the answer is not that of AWS',
    hint: 'check the endpoint: another service may answer at this address',
  },
};

function misconfigurations(reason: MisconfigurationReason, { region, kmsKey, permission }: CalledKey): Words {
  const on = `--region ${region} --key-id ${kmsKey}`;
  const words: Readonly<Record<MisconfigurationReason, Words>> = {
    disabled: { found: `${kmsKey} is disabled`, hint: `aws kms enable-key ${on}` },
    'pending-deletion': {
      found: `${kmsKey} is going to be DELETED, and every copy in this region with it`,
      hint: `at once: aws kms cancel-key-deletion ${on} and then: aws kms enable-key ${on}`,
    },
    'invalid-state': {
      found: `${kmsKey} is in a state that does not allow its use`,
      hint: `aws kms describe-key ${on}`,
    },
    'not-found': {
      found: `there is no KMS key ${kmsKey}`,
      hint: 'correct kms_key in the configuration, or create the key or its alias in this region and account',
    },
    'access-denied': {
      found: 'it is not allowed',
      hint: `allow ${permission} on ${kmsKey} to this process, in its IAM policy and in the key policy`,
    },
    'unsuitable-key': {
      found: `${kmsKey} is not a symmetric key for encryption`,
      hint: 'name a KMS key with the spec SYMMETRIC_DEFAULT and the usage ENCRYPT_DECRYPT',
    },
  };
  return words[reason];
}

export const silence = (limitMs: number): Words => ({
  found: `no answer within ${limitMs / 1_000} s`,
  hint: outages['timed-out'].hint,
});

const untrusted: Words = {
  found: 'its TLS certificate is not trusted',
  hint: 'find out which service answers at this address; check the clock; never weaken the check of certificates',
};

export function vaultWords(failure: VaultFailure, called: CalledKey): Words {
  const named = ({ found, hint }: Words): Words => ({
    found: found + causeOf('cause' in failure ? failure : {}),
    hint,
  });
  switch (failure.kind) {
    case 'region.unavailable':
      return named(outages[failure.reason]);
    case 'region.untrusted':
      return named(untrusted);
    case 'region.throttled':
      return named({
        found: 'it throttles our calls',
        hint: 'find the callers of KMS in this account that use up the quota, or ask AWS for a higher one',
      });
    case 'vault.misconfigured':
      return named(misconfigurations(failure.reason, called));
    case 'ciphertext.rejected':
    case 'ciphertext.mismatched':
      return {
        found: 'it returns something else than was encrypted',
        hint: `take the region out of use (docs/failover.md), and tell AWS`,
      };
    case 'credentials.invalid':
      return named({ found: 'the credentials are refused', hint: 'see the findings about credentials' });
    case 'vault.request-invalid':
      return named({ found: 'AWS refuses the call as malformed', hint: 'this is a bug of RKMS: report it' });
    case 'call.aborted':
      return silence(called.limitMs);
  }
}

/** `permission` as `dynamodb:GetItem`. */
export function storeWords(failure: StoreWriteFailure, permission: string, limitMs: number): Words {
  const cause = causeOf('cause' in failure ? failure : {});
  switch (failure.kind) {
    case 'store.unavailable':
      return {
        found: `it cannot be reached${cause}`,
        hint: 'check region, endpoint and network; see the AWS Health Dashboard',
      };
    case 'store.throttled':
      return {
        found: `the table throttles our calls${cause}`,
        hint: 'raise the capacity of the table, or make it on-demand',
      };
    case 'store.misconfigured':
      return cause.includes('Denied')
        ? { found: `it is not allowed${cause}`, hint: `allow ${permission} on the table to this process` }
        : { found: `it is refused${cause}`, hint: failure.detail };
    case 'credentials.invalid':
      return { found: `the credentials are refused${cause}`, hint: 'see the findings about credentials' };
    case 'key.unreadable':
      return {
        found: `the ${failure.detail} is broken`,
        hint: 'restore it from a backup (docs/recovery.md)',
      };
    case 'store.conflicted':
    case 'store.outcome-unknown':
      return failure.kind === 'store.outcome-unknown' && failure.cause === 'aborted'
        ? silence(limitMs)
        : {
            found: `no clear answer came${cause}`,
            hint: 'run the doctor again; see the AWS Health Dashboard',
          };
    case 'call.aborted':
      return silence(limitMs);
  }
}
