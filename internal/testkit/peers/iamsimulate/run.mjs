// Answers question files with @cloud-copilot/iam-simulate and says how fast: a
// line of JSON with the questions answered and the seconds, for its validated
// interface and for its core alone. The package is under the AGPL: it is
// installed in a folder of its own by whoever compares, named by the first
// argument, and never part of the product.
//
//	node run.mjs FOLDER_WITH_NODE_MODULES QUESTIONS.jsonl
import fs from 'node:fs'
import path from 'node:path'
import { pathToFileURL } from 'node:url'

const [folder, file] = process.argv.slice(2)
const inside = (name) => import(pathToFileURL(path.join(folder, 'node_modules/@cloud-copilot', name)).href)
const { runSimulation } = await inside('iam-simulate/dist/esm/index.js')
const { DiscoveryContextKeyConstraints } = await inside('iam-simulate/dist/esm/context_keys/discoveryContextKeyConstraints.js')
const { authorize } = await inside('iam-simulate/dist/esm/core_engine/CoreSimulatorEngine.js')
const { AwsRequestImpl } = await inside('iam-simulate/dist/esm/request/request.js')
const { RequestContextImpl } = await inside('iam-simulate/dist/esm/requestContext.js')
const { loadPolicy } = await inside('iam-policy/dist/esm/index.js')

const lines = fs.readFileSync(file, 'utf8').split('\n').filter(Boolean)
const bare = (d) => (d && d.policy !== undefined ? d.policy : d)
const named = (list) => (list ?? []).map((d, i) => ({ name: `p${i}`, policy: bare(d) }))
const levels = (list) => (list ?? []).map((o) => ({ orgIdentifier: o.orgIdentifier, policies: named(o.policies) }))
const full = { Version: '2012-10-17', Statement: [{ Effect: 'Allow', Principal: '*', Action: '*', Resource: '*' }] }

const validated = async (line) => {
  const q = JSON.parse(line)
  const r = await runSimulation({
    request: { principal: q.request.principal, action: q.request.action, resource: q.request.resource, contextVariables: q.request.context ?? {} },
    identityPolicies: named(q.identityPolicies), serviceControlPolicies: levels(q.serviceControlPolicies),
    resourceControlPolicies: levels(q.resourceControlPolicies), resourcePolicy: bare(q.resourcePolicy),
    sessionPolicy: bare(q.sessionPolicy), permissionBoundaryPolicies: q.permissionBoundaries && named(q.permissionBoundaries),
    vpcEndpointPolicies: q.endpointPolicies && named(q.endpointPolicies),
  }, {})
  if (r.resultType === 'error') throw new Error('refused')
}

const load = (d, i) => loadPolicy(bare(d), { name: `p${i}` })
const core = async (line) => {
  const q = JSON.parse(line)
  authorize({
    request: new AwsRequestImpl(q.request.principal, q.request.resource, q.request.action, new RequestContextImpl(q.request.context)),
    sessionPolicy: q.sessionPolicy ? load(q.sessionPolicy, 's') : undefined, identityPolicies: (q.identityPolicies ?? []).map(load),
    serviceControlPolicies: (q.serviceControlPolicies ?? []).map((o) => ({ orgIdentifier: o.orgIdentifier, policies: o.policies.map(load) })),
    resourceControlPolicies: (q.resourceControlPolicies ?? []).map((o) => ({ orgIdentifier: o.orgIdentifier, policies: [loadPolicy(full, { name: 'full' }), ...o.policies.map(load)] })),
    resourcePolicy: q.resourcePolicy ? load(q.resourcePolicy, 'r') : undefined, permissionBoundaries: q.permissionBoundaries?.map(load),
    vpcEndpointPolicies: q.endpointPolicies?.map(load),
    simulationParameters: { simulationMode: 'Strict', discoveryContextKeyConstraints: new DiscoveryContextKeyConstraints([]) },
  })
}

const measure = async (answer) => {
  const errors = new Map()
  const pass = async () => {
    for (const line of lines) {
      try {
        await answer(line)
      } catch (e) {
        errors.set(String(e), 1 + (errors.get(String(e)) ?? 0))
      }
    }
  }
  await pass() // what is compiled and read at the first call is not counted
  errors.clear()
  const start = process.hrtime.bigint()
  await pass()
  const seconds = Number(process.hrtime.bigint() - start) / 1e9
  return { questions: lines.length, seconds, failed: [...errors.values()].reduce((a, b) => a + b, 0) }
}

console.log(JSON.stringify({ validated: await measure(validated), core: await measure(core) }))
