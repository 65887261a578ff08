/** The one shape of the three extension points: probe, rule, registry. */

/**
 * Standard Schema v1 (standardschema.dev), the part that sonde uses; zod 4 schemas have it, and a plugin may write its own.
 * Validation must be synchronous.
 */
export interface OptionsSchema<O> {
  readonly '~standard': {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<O> | Promise<SchemaResult<O>>;
  };
}

type SchemaResult<O> =
  | { readonly value: O; readonly issues?: undefined }
  | { readonly issues: readonly SchemaIssue[] };

export interface SchemaIssue {
  readonly message: string;
  readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
}

export interface Plugin<O, D, T> {
  /** kebab-case; the `kind` in the configuration and the label in metrics. */
  readonly name: string;
  /** One sentence for `sonde kinds` and the configuration reference. */
  readonly summary: string;
  /** Decodes the options at configuration time; they travel no further than `create`. */
  readonly options: OptionsSchema<O>;
  create(options: O, deps: D): T;
}
