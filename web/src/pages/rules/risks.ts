// The ten risks of the OWASP Non-Human Identities Top 10 (2025), each with what it means here, in one sentence.

export interface Risk {
  name: string;
  why: string;
}

export const risks: Record<string, Risk> = {
  NHI1: {
    name: 'Improper offboarding',
    why: 'What outlives its purpose keeps its rights, and nobody notices when somebody else begins to use it.',
  },
  NHI2: {
    name: 'Secret leakage',
    why: 'Whoever can read the place where a secret lies can act with it, from anywhere and without being seen as themselves.',
  },
  NHI3: {
    name: 'Vulnerable third party',
    why: 'What a third party may do here is done by whoever breaks into that third party.',
  },
  NHI4: {
    name: 'Insecure authentication',
    why: 'A weak way of proving an identity can be copied, guessed or replayed by somebody else.',
  },
  NHI5: {
    name: 'Overprivileged identity',
    why: 'Every right that is not needed adds to what is lost when the identity is taken over.',
  },
  NHI6: {
    name: 'Insecure deployment configuration',
    why: 'Pipelines can change what runs in production; a loose trust lets others use them to do so.',
  },
  NHI7: {
    name: 'Long-lived secret',
    why: 'A secret that does not end is useful to whoever got hold of it once, however long ago.',
  },
  NHI8: {
    name: 'Environment isolation',
    why: 'An identity used in test and in production lets the less guarded one open the other.',
  },
  NHI9: {
    name: 'Reuse',
    why: 'When several use one identity or secret, nobody can say who did what, and it cannot be changed without breaking the others.',
  },
  NHI10: {
    name: 'Human use',
    why: 'A person who works as a machine leaves no trace of their own and passes by the checks that are made for people.',
  },
};

/** "NHI2 Secret leakage". */
export function riskLabel(id: string): string {
  const risk = risks[id];
  return risk ? `${id} ${risk.name}` : id;
}
