/** A checked spec as the file it could have come from, so that a sweep can be measured again. */

import { Document, visit } from "yaml";
import type { Environment, Spec, Threshold } from "#model/spec";
import { FACTOR_KEYS, scalarPathOf, type FactorKey } from "#model/spec-schema";
import { formatMemory } from "#model/units";

/** @returns YAML that `parseSpec` reads as the same spec. */
export function specFile(spec: Spec): string {
  const factors = fileValues(spec);
  const isAxis = (key: FactorKey) =>
    factors[key].length > 1 || scalarPathOf(key)[0] === "matrix" || spec.ours.includes(`matrix.${key}`);
  const given = FACTOR_KEYS.filter((key) => factors[key].length > 0);
  const { engine, ...scalars } = Object.fromEntries(
    given.filter((key) => !isAxis(key)).map((key) => [key, factors[key][0]]),
  );
  const file = {
    version: spec.version,
    name: spec.name,
    environments: Object.fromEntries(spec.environments.map((one) => [one.name, fileEnvironment(one)])),
    matrix: Object.fromEntries(given.filter(isAxis).map((key) => [key, factors[key]])),
    ...scalars,
    ...(engine !== undefined && { database: { engine } }),
    warmup: seconds(spec.warmupSec),
    repetitions: spec.repetitions,
    attempts: spec.attempts,
    seed: spec.seed,
    order: spec.order,
    observe: spec.observe,
    keep: spec.keep,
    ...(spec.deadlineSec !== undefined && { deadline: seconds(spec.deadlineSec) }),
    ...(spec.thresholds.length > 0 && { thresholds: fileThresholds(spec.thresholds) }),
    ...(spec.ours.length > 0 && { ours: spec.ours }),
  };
  // Version 1.1 quotes `on` and `off`, which a reader of either version then takes for words.
  const document = new Document(file, { version: "1.1" });
  visit(document, {
    Seq(_, list) {
      list.flow = true;
    },
  });
  return document.toString({ lineWidth: 0, flowCollectionPadding: false });
}

/** Factors under the keys and in the units of a file. */
function fileValues({ factors }: Spec): Record<FactorKey, readonly (string | number)[]> {
  const { durationSec, memoryMib, ...same } = factors;
  return { ...same, duration: durationSec.map(seconds), memory: memoryMib.map(formatMemory) };
}

function fileEnvironment(environment: Environment) {
  const { provider, host, cpus, memoryMib, image, ramDiskMib, dns, kernel, inside, maxNodes } = environment;
  return {
    provider,
    host,
    cpus,
    memory: formatMemory(memoryMib),
    ...(image !== undefined && { image }),
    ...(ramDiskMib !== undefined && { ram_disk: formatMemory(ramDiskMib) }),
    ...(dns !== undefined && { dns }),
    ...(kernel !== undefined && { kernel }),
    ...(inside !== undefined && { inside }),
    ...(maxNodes !== undefined && { max_nodes: maxNodes }),
  };
}

function fileThresholds(thresholds: readonly Threshold[]) {
  const byColumn = Object.groupBy(thresholds, ({ column }) => column);
  return Object.fromEntries(
    Object.entries(byColumn).map(([column, bounds]) => [
      column,
      Object.fromEntries(bounds.map(({ statistic, comparison, bound }) => [statistic, `${comparison} ${bound}`])),
    ]),
  );
}

const seconds = (sec: number): string => `${Number(sec.toFixed(3))}s`;
