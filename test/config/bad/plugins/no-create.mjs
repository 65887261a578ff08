const options = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };

export const probes = [{ name: 'mine', summary: 'Looks at nothing.', options }];
