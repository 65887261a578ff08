import { describeNacosBehaviour } from '../../support/nacos-behaviour.ts';
import { sharedServer } from '../../support/nacos-contract.ts';
import { describeWithNacos } from '../../support/nacos-server.ts';

describeWithNacos('3.1.0', 'what only Nacos has', () => {
  describeNacosBehaviour('3.1.0', sharedServer('3.1.0'));
});
