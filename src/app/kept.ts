/** Things made of the configuration that live on over a reload while what they are made of stays the same. */

/** How one of them is made. */
export interface Recipe<T> {
  readonly name: string;
  /** Another one is another thing, and so is another plugin that makes it. */
  readonly fingerprint: string;
  readonly plugins: readonly object[];
  /** What must be closed when the thing goes is handed to the scope. */
  readonly make: (scope: AsyncDisposableStack) => T;
}

interface Made<T> {
  readonly recipe: Recipe<T>;
  readonly thing: T;
  readonly scope: AsyncDisposableStack;
}

/** All is made, and nothing is in force yet. */
export interface Prepared<T> {
  readonly things: ReadonlyMap<string, T>;
  /** Puts it in force; call `close` when nobody uses the former ones any more. */
  commit(): { readonly close: () => Promise<void> };
  /** Throws away what was made for it. */
  discard(): Promise<void>;
}

export class Kept<T> implements AsyncDisposable {
  #made: ReadonlyMap<string, Made<T>> = new Map();

  get(name: string): T | undefined {
    return this.#made.get(name)?.thing;
  }

  /** Of all that are in force. */
  get fingerprints(): readonly { readonly name: string; readonly fingerprint: string }[] {
    return [...this.#made.values()].map(({ recipe: { name, fingerprint } }) => ({ name, fingerprint }));
  }

  /** Throws what a recipe throws, and then keeps nothing of the attempt. */
  prepare(recipes: readonly Recipe<T>[]): Prepared<T> {
    const next = new Map<string, Made<T>>();
    const fresh: Made<T>[] = [];
    const discard = (): Promise<void> => closeAll(fresh);
    for (const recipe of recipes) {
      const old = this.#made.get(recipe.name);
      if (old !== undefined && isSame(old.recipe, recipe)) {
        next.set(recipe.name, old);
        continue;
      }
      const scope = new AsyncDisposableStack();
      try {
        const made = { recipe, thing: recipe.make(scope), scope };
        next.set(recipe.name, made);
        fresh.push(made);
      } catch (error) {
        void scope.disposeAsync();
        void discard();
        throw error;
      }
    }
    return {
      things: new Map([...next].map(([name, { thing }]) => [name, thing])),
      commit: () => {
        const gone = [...this.#made]
          .filter(([name, made]) => next.get(name) !== made)
          .map(([, made]) => made);
        this.#made = next;
        return { close: () => closeAll(gone) };
      },
      discard,
    };
  }

  async [Symbol.asyncDispose](): Promise<void> {
    const all = [...this.#made.values()];
    this.#made = new Map();
    await closeAll(all);
  }
}

async function closeAll(made: readonly Made<unknown>[]): Promise<void> {
  await Promise.all(made.map(({ scope }) => scope.disposeAsync()));
}

function isSame(a: Recipe<unknown>, b: Recipe<unknown>): boolean {
  return (
    a.fingerprint === b.fingerprint &&
    a.plugins.length === b.plugins.length &&
    a.plugins.every((plugin, index) => plugin === b.plugins[index])
  );
}
