// Several houses recover at the same time, but only one is measured at a time: they share the processors.

interface Waiting {
  readonly begin: () => void;
}

export class OneAtATime {
  readonly #queue: Waiting[] = [];
  #busy = false;

  /** Acts when nobody else does; who is urgent comes before all who wait. */
  async run<T>(act: () => Promise<T>, urgent = false): Promise<T> {
    if (this.#busy) {
      await new Promise<void>((begin) => {
        if (urgent) this.#queue.unshift({ begin });
        else this.#queue.push({ begin });
      });
    }
    this.#busy = true;
    try {
      return await act();
    } finally {
      const next = this.#queue.shift();
      if (next) next.begin();
      else this.#busy = false;
    }
  }
}
