/** Why an instance is judged as it is, and what configuration is in force. */

import type { ConfigurationView, ExplainView } from '../core/explain-view.ts';
import { json } from './message.ts';
import { noInstance } from './no-instance.ts';
import type { Route } from './router.ts';

export interface ExplainDeps {
  /** Undefined where there is no such instance. */
  readonly explain: (id: string) => ExplainView | undefined;
  readonly configuration: () => ConfigurationView;
}

export function explainRoutes({ explain, configuration }: ExplainDeps): readonly Route[] {
  return [
    {
      method: 'GET',
      path: '/v1/instances/:id/explain',
      telemetry: false,
      about: {
        summary: 'Why an instance has its health, and what would change it',
        answers: { 200: 'Explain' },
        problems: [400, 404],
      },
      answer: ({ query, parameters: { id = '' } }) => {
        const refusal = query.refusal();
        if (refusal !== undefined) return refusal;
        const view = explain(id);
        return view === undefined ? noInstance(id) : json(200, view);
      },
    },
    {
      method: 'GET',
      path: '/v1/configuration',
      telemetry: false,
      about: {
        summary: 'The configuration in force, and the last reload that was refused',
        answers: { 200: 'Configuration' },
        problems: [400],
      },
      answer: ({ query }) => query.refusal() ?? json(200, configuration()),
    },
  ];
}
