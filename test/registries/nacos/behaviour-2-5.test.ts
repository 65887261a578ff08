import { describeNacosBehaviour } from '../../support/nacos-behaviour.ts';
import { sharedServer } from '../../support/nacos-contract.ts';
import { describeWithNacos } from '../../support/nacos-server.ts';

describeWithNacos('2.5.0', 'what only Nacos has', () => {
  describeNacosBehaviour('2.5.0', sharedServer('2.5.0'));
});
