import { describeNacosContract } from '../../support/nacos-contract.ts';

describeNacosContract('3.1.0');
