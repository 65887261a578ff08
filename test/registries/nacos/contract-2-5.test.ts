import { describeNacosContract } from '../../support/nacos-contract.ts';

describeNacosContract('2.5.0');
