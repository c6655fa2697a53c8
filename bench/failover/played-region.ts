// The bench's hand on a region that another process plays.
import type { ChildProcess } from 'node:child_process';
import type { KmsFaultOptions } from '../../test/support/kms-faults.js';
import type { Certificate } from '../../test/support/loopback-certificate.js';
import type { Fault } from './cases.js';
import { nextMessage, type Children } from './children.js';

export interface RegionPlan {
  readonly name: string;
  /** Reached by this name and TLS; else directly. */
  readonly host?: string;
  /** How long each call takes when all is well. */
  readonly latencyMs: number;
  readonly trusted: Certificate;
  readonly untrusted: Certificate;
}

export type RegionOrder =
  | { readonly do: 'fail'; readonly fault: Fault; readonly options?: KmsFaultOptions }
  | { readonly do: 'heal' }
  | { readonly do: 'take' };

/** Calls to open a caller's key, by when they were read; and all others: canaries, creations, questions about the key. */
export interface TakenCalls {
  readonly reads: readonly { readonly atMs: number; readonly count: number }[];
  readonly others: number;
}

interface Started {
  readonly endpoint: string;
  readonly keyArn: string;
}

export class PlayedRegion {
  readonly endpoint: string;
  readonly keyArn: string;
  readonly #child: ChildProcess;
  #turn: Promise<unknown> = Promise.resolve();

  private constructor(
    readonly name: string,
    child: ChildProcess,
    { endpoint, keyArn }: Started,
  ) {
    this.#child = child;
    this.endpoint = endpoint;
    this.keyArn = keyArn;
  }

  static async start(children: Children, script: string, plan: RegionPlan): Promise<PlayedRegion> {
    const child = children.fork(script, JSON.stringify(plan));
    return new PlayedRegion(plan.name, child, (await nextMessage(child)) as Started);
  }

  /** Answers once the fault is in force. */
  async fail(fault: Fault, options?: KmsFaultOptions): Promise<void> {
    await this.#tell({ do: 'fail', fault, ...(options && { options }) });
  }

  async heal(): Promise<void> {
    await this.#tell({ do: 'heal' });
  }

  /** The calls read since this was last asked. */
  async takeCalls(): Promise<TakenCalls> {
    return ((await this.#tell({ do: 'take' })) as { readonly taken: TakenCalls }).taken;
  }

  stop(children: Children): Promise<number | null> {
    return children.stop(this.#child);
  }

  #tell(order: RegionOrder): Promise<unknown> {
    const told = this.#turn.then(() => {
      const answer = nextMessage(this.#child);
      this.#child.send(order);
      return answer;
    });
    this.#turn = told.catch(() => undefined);
    return told;
  }
}
