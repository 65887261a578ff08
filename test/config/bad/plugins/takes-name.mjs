const options = { '~standard': { version: 1, vendor: 'test', validate: (value) => ({ value }) } };

export const rules = [{ name: 'consecutive', summary: 'Judges.', options, create: () => ({}) }];
