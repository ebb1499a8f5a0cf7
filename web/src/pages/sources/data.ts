// What the API says about sources, connectors, scans and collectors, in the words of its document.

export interface TargetForm {
  form: string;
  help: string;
  remote?: boolean;
}

export interface ConnectorOption {
  name: string;
  help: string;
  default?: string;
  values?: string[];
  secret?: boolean;
  list?: boolean;
  fileOnly?: boolean;
}

export interface Privilege {
  title: string;
  language: string;
  body: string;
}

export interface Connector {
  kind: string;
  title: string;
  summary: string;
  target: TargetForm[];
  targetOptional?: boolean;
  options: ConnectorOption[];
  privileges: Privilege[];
  examples?: TargetForm[];
  sees?: string[];
  blindSpots?: string[];
  couldRead?: string[];
  /** Whether it can be configured here at all. */
  remote?: boolean;
}

export interface Source {
  id: string;
  name: string;
  kind: string;
  target: string;
  options?: Record<string, string>;
  /** Which secrets are set; none is ever told. */
  secrets?: string[];
  interval?: string;
  enabled?: boolean;
}

export interface SourceBody {
  name: string;
  kind: string;
  target: string;
  options: Record<string, string>;
  secrets: Record<string, string>;
  interval: string;
  enabled?: boolean;
}
