/**
 * Writes what is generated from the spec's schema: `meshbench.schema.json` for editors, `docs/spec-reference.md` for
 * people. Run it after a change of `model/spec-schema.ts`; a test compares.
 */

import { writeFile } from "node:fs/promises";
import { join } from "node:path";
import { z } from "zod";
import { DEFAULT_LIMITS, SPEC_VERSION, specShape } from "#model/spec-schema";

const REPOSITORY = join(import.meta.dirname, "..");

type JsonSchema = z.core.JSONSchema.BaseSchema;

export interface GeneratedFile {
  /** From the repository's root. */
  readonly path: string;
  readonly content: string;
}

export function generateReference(): GeneratedFile[] {
  const schema = jsonSchema();
  return [
    { path: "meshbench.schema.json", content: `${JSON.stringify(schema, null, 2)}\n` },
    { path: "docs/spec-reference.md", content: referenceText(schema) },
  ];
}

/** Draft 7: what editors' YAML servers read best. */
function jsonSchema(): JsonSchema {
  const schema = z.toJSONSchema(specShape(DEFAULT_LIMITS), {
    io: "input",
    target: "draft-7",
    override: ({ zodSchema, jsonSchema: json }) => {
      // Zod drops the default of a type that transforms; ours are said in the words of the file.
      const stated = z.globalRegistry.get(zodSchema)?.["default"] as string | number | undefined;
      if (stated !== undefined) json.default = stated;
    },
  });
  return { title: "Meshbench spec", ...schema };
}

function referenceText(schema: JsonSchema): string {
  const environment = objectAt(objectAt(schema, "environments"), "*");
  return `# The spec file

Generated from \`model/spec-schema.ts\` by \`node infra/generate-reference.ts\`; do not edit.
Editors check and complete a spec that starts with \`# yaml-language-server: $schema=…/meshbench.schema.json\`.

## Keys
${keyTable(schema)}

\`nodes\` and \`rate\` are required, each as a value here or as an axis of \`matrix\`. No factor may be both.

## environments.\\<name\\>
${keyTable(environment)}

## matrix
Any of these, each a list of at least one value and none twice. The values are those of the key of the same name.

${keyList(objectAt(schema, "matrix"))}

\`cpus\` and \`memory\` as an axis take the place of each environment's own.

## database
${keyTable(objectAt(schema, "database"))}

## thresholds
On these columns of a result row: ${keyList(objectAt(schema, "thresholds"))}.

Each is a map with any of \`median\`, \`min\`, \`max\` and a bound, such as \`{ median: "< 5" }\`.

## Values
| type | written as |
| --- | --- |
| integer | Decimal digits only: no exponent, hexadecimal, blank or quotes. |
| duration | A number and a unit, \`ms\`, \`s\`, \`m\` or \`h\`: \`500ms\`, \`60s\`, \`1.5h\`. |
| memory | A whole number and a unit, \`MiB\` or \`GiB\`: \`512MiB\`. |
| name | 2 to 32 of \`a-z\`, \`0-9\` and dash, no dash at either end. |
| image | \`name@sha256:\` and 64 hex digits, or a local image id. |
| address | IPv4 or IPv6. |
| bound | \`<\`, \`<=\`, \`>\` or \`>=\` and a number. |

YAML's anchors, aliases and tags are not supported. Secrets, and the limits on nodes (${DEFAULT_LIMITS.nodes}) and runs of a sweep (${DEFAULT_LIMITS.runs}),
belong to the operator's \`hosts.yaml\`; a spec cannot say them.

## On the command line
\`--set key=value\` sets a factor by its name or any key by its path (\`--set environments.vms.memory=2GiB\`), once each. Several values,
\`--set rate=6000,60000\`, make a factor an axis; one value takes the place of a value or an axis. \`--env a,b\` picks environments.

## Points and order
A point is one combination of all factors, counted from 1 in the order \`nodes\`, \`rate\`, \`aggregation\`, \`duration\`, \`engine\`, \`client\`, \`release\`,
\`resolve\`, \`phase\`, \`cpus\`, \`memory\`, \`mode\`, environment; the last varies fastest. \`interleaved\` is a randomised complete block design:
each repetition has every point once, in a seeded permutation of its own (xoroshiro128+). \`declared\` measures point after point, each with all its repetitions.

## Versions
| version | since | what changed |
| --- | --- | --- |
| ${SPEC_VERSION} | 0.1.0 | the first |
`;
}

/** The object schema under a key; \`*\` for a map with free names. */
function objectAt(schema: JsonSchema, key: string): JsonSchema {
  const inner = key === "*" ? schema.additionalProperties : schema.properties?.[key];
  if (typeof inner !== "object") throw new Error(`the schema has no object at ${key}`);
  return inner;
}

const keyList = ({ properties = {} }: JsonSchema): string =>
  Object.keys(properties)
    .map((name) => `\`${name}\``)
    .join(", ");

function keyTable(schema: JsonSchema): string {
  const lines = Object.entries(schema.properties ?? {}).map(([key, property]) => {
    if (typeof property !== "object") throw new Error(`the schema says nothing about ${key}`);
    const fallback = schema.required?.includes(key) ? "required" : defaultText(property);
    return `| \`${key}\` | ${typeText(property)} | ${fallback} | ${property.description ?? ""} |`;
  });
  return ["| key | type | default | meaning |", "| --- | --- | --- | --- |", ...lines].join("\n");
}

function defaultText({ default: value }: JsonSchema): string {
  return typeof value === "string" || typeof value === "number" ? `\`${value}\`` : "";
}

function typeText(property: JsonSchema): string {
  if (property.const !== undefined) return `\`${String(property.const)}\``;
  if (property.enum) return property.enum.map((value) => `\`${String(value)}\``).join(", ");
  if (property.type === "integer" || property.type === "number") return `${property.type} ${rangeText(property)}`;
  if (property.type === "array")
    return `list of ${typeof property.items === "object" && "title" in property.items ? property.items.title : "texts"}`;
  return property.title ?? (property.type === "object" ? "map" : "text");
}

const rangeText = ({ minimum, maximum }: JsonSchema): string =>
  maximum === Number.MAX_SAFE_INTEGER ? `${minimum}..2⁵³−1` : `${minimum}..${maximum}`;

if (import.meta.main) {
  for (const { path, content } of generateReference()) await writeFile(join(REPOSITORY, path), content);
}
