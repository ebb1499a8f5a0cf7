// Made by `npm run api`. Do not edit.

/** Reads that answer as of a date. */
export const dated = [
  /^\/credentials$/,
  /^\/credentials\/[^/]+$/,
  /^\/credentials\/[^/]+\/whole$/,
  /^\/exports\/credentials$/,
  /^\/exports\/findings$/,
  /^\/exports\/grants$/,
  /^\/exports\/identities$/,
  /^\/exports\/report$/,
  /^\/facets\/credentials$/,
  /^\/facets\/identities$/,
  /^\/findings$/,
  /^\/findings\/[^/]+$/,
  /^\/grants$/,
  /^\/identities$/,
  /^\/identities\/[^/]+$/,
  /^\/identities\/[^/]+\/access$/,
  /^\/identities\/[^/]+\/credentials$/,
  /^\/identities\/[^/]+\/facts$/,
  /^\/identities\/[^/]+\/findings$/,
  /^\/identities\/[^/]+\/picture$/,
  /^\/identities\/[^/]+\/placements$/,
  /^\/identities\/[^/]+\/trusts$/,
  /^\/identities\/[^/]+\/whole$/,
  /^\/overview$/,
];
