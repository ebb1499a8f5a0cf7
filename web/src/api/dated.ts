// Made by `npm run api`. Do not edit.

/** Reads that answer as of a date. */
export const dated = [
  /^\/credentials$/,
  /^\/credentials\/[^/]+$/,
  /^\/findings$/,
  /^\/findings\/[^/]+$/,
  /^\/grants$/,
  /^\/identities$/,
  /^\/identities\/[^/]+$/,
  /^\/identities\/[^/]+\/access$/,
  /^\/identities\/[^/]+\/credentials$/,
  /^\/identities\/[^/]+\/facts$/,
  /^\/identities\/[^/]+\/picture$/,
  /^\/identities\/[^/]+\/placements$/,
  /^\/identities\/[^/]+\/trusts$/,
];
